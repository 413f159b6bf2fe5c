import Foundation
import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

/// `sockaudit verify`, on files as they may be found.
@Suite struct VerifyTests {
    private func run() -> String {
        let head = ReportFrame.head(ReportHead(), .json) + ReportFrame.end(ReportEnd(), .json)
        return head + ReportFrame.seal(SHA256.hex(head), .json)
    }

    private func verify(_ paths: String...) throws(AuditError) -> (code: Int32, lines: [String]) {
        var lines: [String] = []
        let code = try VerifyReport.run(paths) { lines.append($0) }
        return (code, lines)
    }

    @Test func whatIsSaidAndHowItEnds() throws {
        let scratch = try Scratch()
        let right = try scratch.write("right", run() + run())
        let changed = try scratch.write(
            "changed", run().replacingOccurrences(of: "\"lost\":0", with: "\"lost\":9"))
        let killed = try scratch.write(
            "killed", run().split(separator: "\n").dropLast().joined(separator: "\n") + "\n")
        let more = try scratch.write("more", run() + "a line\n")
        let empty = try scratch.write("empty", "")
        let good = try verify(right)
        #expect(good.code == 0 && good.lines.count == 2 && good.lines.allSatisfy { $0.contains(": right, ") })
        for (path, words) in [
            (changed, "WRONG"), (killed, "no seal"),
            (more, "7 bytes are part of no run, the first in line 5"),
            (empty, "no report is in it"),
        ] {
            let bad = try verify(path)
            #expect(bad.code == 4 && bad.lines.contains { $0.contains(words) }, "\(bad)")
        }
        #expect(try verify(right, changed).code == 4)
        #expect(try verify(right, right).code == 0)
    }

    @Test func compressedByLogrotate() throws {
        let scratch = try Scratch()
        let path = try scratch.write("r", run())
        _ = try output("/usr/bin/gzip", [path])
        #expect(try verify(path + ".gz").code == 0)
    }

    @Test func whatCannotBeRead() throws {
        let scratch = try Scratch()
        #expect(throws: AuditError.self) { _ = try verify(scratch.file("none")) }
        #expect(throws: AuditError.self) { _ = try verify(scratch.path) }
    }
}
