import Foundation
import SockAuditCore
import TestSupport
import Testing

/// What a central log looks like: records of several hosts among each other's, in the middle of events.
@Suite("Replay: records of several hosts in one log")
struct ReplayFleetTests {
    /// Two recordings, each of whose calls need more than their SYSCALL record (socketcall, socketpair), or
    /// is looked at for its PROCTITLE.
    static let pairs = [["i386_socketcall", "dup_over"], ["hex_comm", "threads"], ["fork", "pid_reuse"]]
    /// Seconds that the second host is behind the first: its clock, or a queue that was held up.
    static let delays = [0, 1, 4, -4, 3_600, -3_600]

    @Test(
        "Each node has the figures of its recording, however far apart their clocks are",
        arguments: pairs, delays)
    func apart(_ logs: [String], _ delay: Int) throws {
        let folder = try Scratch()
        let nodes = try logs.enumerated().map { index, log in
            let lines = try ReplayStory(log: log).lines()
            let first = try #require(lines.first.flatMap(Self.second))
            let shift = Self.begin - index * delay - first
            return lines.map { "node=web\(index) " + Self.shift($0, by: shift) }
        }
        let lines = (0..<nodes.reduce(0) { max($0, $1.count) }).flatMap { row in
            nodes.compactMap { row < $0.count ? $0[row] : nil }
        }
        let report = try ReplayReport.run(try folder.write("central.log", lines))
        report.checkSums()
        func order(_ a: ReplayProcess, _ b: ReplayProcess) -> Bool { a.description < b.description }
        let found = try report.objects.map { try ReplayProcess(row: $0) }.sorted(by: order)
        let truth = try logs.enumerated().flatMap { index, log in
            try ReplayStory(log: log).truth().map { process in
                var process = process
                process.node = "web\(index)"
                return process
            }
        }
        #expect(report.reasons == [:])
        #expect(found == truth.sorted(by: order))
    }

    @Test("A rotated set is read in the order of its numbers, whatever late record a file begins with")
    func lateFirst() throws {
        let folder = try Scratch()
        let at = Self.begin
        // Whole events, which libauparse lets go at once.
        func event(_ node: String, _ call: String) -> [String] {
            let stamp = call.firstMatch(of: /msg=audit\([^)]*\)/).map { String($0.0) } ?? ""
            return ["node=\(node) \(call)", "node=\(node) type=PROCTITLE \(stamp): proctitle=\"app\""]
        }
        let first = event("web1", ReplayLine.socket(3, pid: 100, serial: 1_000, at: at))
        let second =
            event("web1", ReplayLine.close(3, pid: 100, serial: 2_000, at: at + 10))
            + event("web1", ReplayLine.socket(4, pid: 100, serial: 20_000, at: at + 20))
        let late = event("web2", ReplayLine.socket(3, pid: 100, serial: 1, at: at - 3_600))
        try folder.write("audit.log.1", first)
        try folder.write("audit.log", late + second)
        let report = try ReplayReport.run(folder.path)
        report.checkSums()
        let figures = Dictionary(uniqueKeysWithValues: report.rows.map { ($0.node, $0.figures) })
        #expect(figures["web2"]?.open.total == 1)
        #expect(figures["web1"]?.closed.total == 1)
        #expect(figures["web1"]?.open.total == 1)
    }

    /// audisp-remote sends a record again when its answer was lost.
    @Test("A record that was sent twice counts once", arguments: ReplayStory.recorded.filter { $0.code == 0 })
    func twice(_ story: ReplayStory) throws {
        let folder = try Scratch()
        let lines = try story.lines().flatMap { [$0, $0] }
        let report = try ReplayReport.run(try folder.write("twice.log", lines))
        report.checkSums()
        #expect(report.reasons == story.reasons)
        func order(_ a: ReplayProcess, _ b: ReplayProcess) -> Bool { a.description < b.description }
        let found = try report.objects.map { try ReplayProcess(row: $0) }.sorted(by: order)
        #expect(found == (try story.truth().sorted(by: order)))
    }

    private static let begin = 1_795_600_000

    private static func second(_ line: String) -> Int? {
        line.firstMatch(of: /msg=audit\((\d+)\./).flatMap { Int($0.1) }
    }

    private static func shift(_ line: String, by seconds: Int) -> String {
        guard let found = line.firstMatch(of: /msg=audit\((\d+)\./), let stamp = Int(found.1) else {
            return line
        }
        return line.replacingCharacters(in: found.1.startIndex..<found.1.endIndex, with: "\(stamp + seconds)")
    }
}
