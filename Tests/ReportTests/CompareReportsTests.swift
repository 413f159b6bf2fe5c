import Foundation
import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

/// `sockaudit diff`: which table of a file is taken, and which files are refused.
@Suite struct CompareReportsTests {
    private func line(_ sequence: Int, final: Bool = false) -> String {
        var head = SnapshotHead()
        head.host = "web1"
        head.sequence = sequence
        head.final = final
        return JSONLines.render(Snapshot(head: head, rows: []))
    }

    private let frame = ReportFrame.head(ReportHead(), .json)
    private let end = ReportFrame.end(ReportEnd(), .json) + ReportFrame.seal(SHA256.hex(""), .json)

    @Test func theLastTableOfSeveralRuns() throws {
        let scratch = try Scratch()
        let bare = try scratch.write("bare", line(1) + line(2))
        #expect(try CompareReports.lastTable(bare).sequence == 2)
        let runs = try scratch.write("runs", frame + line(1) + line(9, final: true) + end + frame + line(3))
        let table = try CompareReports.lastTable(runs)
        #expect(table.sequence == 3 && !table.final && table.host == "web1")
        _ = try output("/usr/bin/gzip", [runs])
        #expect(try CompareReports.lastTable(runs + ".gz").sequence == 3)
        let diff = try CompareReports.compare(bare, runs + ".gz", limit: 1)
        #expect(diff.names.isEmpty && !diff.isOverLimit)
    }

    /// As a killed run leaves it.
    @Test func whatIsDamagedBeforeTheLastRun() throws {
        let scratch = try Scratch()
        let torn = frame + line(1) + "{\"schema\":\"sockaudit.table/1\",\"ho\n" + "half\n"
        let path = try scratch.write("r", torn + frame + line(3) + end)
        #expect(try CompareReports.lastTable(path).sequence == 3)
        for (after, words) in [("half\n", "Line 9 "), ("", "no table in the last run")] {
            let text = torn + frame + (after.isEmpty ? "" : line(3)) + after + end
            let bad = try scratch.write("bad", text)
            let error = #expect(throws: AuditError.self) { try CompareReports.lastTable(bad) }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }

    @Test func filesThatAreRefused() throws {
        let scratch = try Scratch()
        for (name, text, words) in [
            ("empty", "", "no table"), ("frame", frame + end, "no table"),
            ("text", "SockClosePercPar\n", "Line 1 "),
            ("torn", line(1) + "{\"schema\":\"sockaudit.table/1\",", "Line 2 "),
            ("middle", line(1) + "xxx\n" + line(2), "Line 2 "),
            ("cut", "{\"schema\":\"sockaudit.table/1\",\"host\":\n", "last table"),
        ] {
            let path = try scratch.write(name, text)
            let error = #expect(throws: AuditError.self, "\(name)") { try CompareReports.lastTable(path) }
            #expect(error?.message.contains(words) == true, "\(name): \(error?.message ?? "")")
        }
        #expect(throws: AuditError.self) { try CompareReports.lastTable(scratch.file("none")) }
    }
}
