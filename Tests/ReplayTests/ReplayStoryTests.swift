import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// Small logs, each with one thing that can go wrong (Tests/Fixtures/logs).
@Suite("Replay: small logs, one story each")
struct ReplayStoryTests {
    @Test(
        "The figures of a recorded log are those that the processes gave of themselves",
        arguments: ReplayStory.recorded)
    func recorded(_ story: ReplayStory) throws {
        let report = try run(story)
        // Processes of one pid may begin in one tick, so neither side has an order.
        func order(_ a: ReplayProcess, _ b: ReplayProcess) -> Bool { a.description < b.description }
        let found = try report.objects.map { try ReplayProcess(row: $0) }.sorted(by: order)
        #expect(found == (try story.truth().sorted(by: order)))
    }

    @Test(
        "The figures of a log written by hand are those that a reader gets",
        arguments: ReplayStory.handwritten)
    func handwritten(_ story: ReplayStory) throws {
        var found: [String: [[Int]]] = [:]
        for row in try run(story).rows {
            let f = row.figures
            let name = (row.node.isEmpty ? "" : row.node + "/") + "\(row.pid) \(row.name)"
            found[name, default: []].append([f.opened.total, f.closed.total, f.released.total, f.open.total])
        }
        // Rows of one pid and name: the one that ended first began first.
        for name in found.keys { found[name]?.sort { $0[3] < $1[3] } }
        #expect(found == story.rows)
    }

    /// The kernel drops whole events, and the last records of some. What is left is counted, and
    /// nothing is made up beyond it.
    @Test("After a real loss the figures are those of the calls that are left")
    func lost() throws {
        let row = try #require(try run(.lost).rows.first)
        let truth = try #require(try ReplayStory.lost.truth().first)
        let left = try #require(ReplayCounter(try ReplayStory.lost.lines()).figures[truth.pid])
        #expect(row.pid == truth.pid)
        #expect(row.figures.opened == left.opened)
        #expect(row.figures.closed == left.closed)
        #expect(row.figures.opened.total < truth.opened.total)
        #expect(row.figures.closed.total < truth.closed.total)
    }

    /// What every table of a story must be.
    private func run(_ story: ReplayStory) throws -> ReplayReport {
        let report = try ReplayReport.run(story.path)
        report.checkSums()
        #expect(report.code == story.code)
        #expect(report.reasons == story.reasons)
        #expect(report.verdict == (story.code == 4 ? "lossy" : "unverified"))
        return report
    }

    /// Cuts of every story: no crash, and the sums hold.
    @Test("Cut anywhere, the sums hold", arguments: ReplayStory.all)
    func cut(_ story: ReplayStory) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: story.path))
        let folder = try Scratch()
        for length in stride(from: 1, to: data.count, by: 211) {
            let report = try ReplayReport.run(try folder.write("cut.log", data.prefix(length)))
            report.checkSums()
            #expect([0, 1, 4].contains(report.code))
        }
    }

    @Test("The golden tables, plain, wide and as JSON", arguments: ReplayStory.all)
    func golden(_ story: ReplayStory) throws {
        let plain = try ReplayOutput.text(story.path, wide: false)
        let wide = try ReplayOutput.text(story.path, wide: true)
        Golden.expect(plain, "logs/\(story.log).txt", in: "replay")
        Golden.expect(wide, "logs/\(story.log).wide.txt", in: "replay")
        Golden.expect(try ReplayOutput.json(story.path), "logs/\(story.log).jsonl", in: "replay")
    }

    @Test("Every log has a story")
    func complete() throws {
        let folder = ReplayFixtures.folder.appendingPathComponent("logs").path
        let logs = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }
        #expect(logs.sorted() == ReplayStory.all.map { $0.log + ".log" }.sorted())
    }
}

/// What a replay writes, without what is of this host.
enum ReplayOutput {
    static func text(_ log: String, wide: Bool) throws -> String {
        let text = try write(log) {
            $0.format = .text
            $0.style.wide = wide
        }
        // The heading alone names the host: its second part.
        let heading = text.prefix { $0 != "\n" }.split(separator: "  ", omittingEmptySubsequences: false)
        try #require(heading.count > 2)
        return ([heading[0], "HOST"] + heading[2...]).joined(separator: "  ") + text.drop { $0 != "\n" }
    }

    static func json(_ log: String) throws -> String {
        var text = try write(log) { $0.format = .json }
        for key in ["host", "kernel"] {
            let start = try #require(text.range(of: "\"\(key)\":\""))
            let end = try #require(text.range(of: "\"", range: start.upperBound..<text.endIndex))
            text.replaceSubrange(start.upperBound..<end.lowerBound, with: key.uppercased())
        }
        return text
    }

    private static func write(_ log: String, _ change: (inout WatchSettings) -> Void) throws -> String {
        let folder = try Scratch()
        var settings = WatchSettings()
        settings.inputs = [log]
        settings.report = "\(folder.path)/report"
        settings.utc = true
        settings.quiet = true
        change(&settings)
        _ = try OneAtATime.run { try Replay.run(settings) }
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/report"))
        let text = try #require(String(bytes: data, encoding: .utf8))
        // The tables; what the report says of itself is another test's.
        return text.components(separatedBy: "\n").filter {
            !$0.hasPrefix("# ") && !$0.hasPrefix("{\"schema\":\"sockaudit.report/1\"")
        }.joined(separator: "\n")
    }
}
