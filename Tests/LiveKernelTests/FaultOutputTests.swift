import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Where tables go is full, or goes away. (docs/faults.md; more in TheEnd, WholeReports and ReportSinkTests)
    @Suite struct FaultOutput {
        /// Nothing can be said any more to whoever reads: the run ends, with the rules out.
        @Test func standardOutputIsAFullDisk() throws {
            let scratch = try Scratch()
            try unsafe #require(mount("tmpfs", scratch.path, "tmpfs", 0, "size=64k") == 0)
            defer { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }
            let before = try AuditState.read()
            let path = scratch.file("out")
            // C reads the text during the call alone.
            let fd = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            let watched = try Watched(options: ["--interval", "0.5"], stdout: fd)
            close(fd)
            let counter = try Counter(tcp: 3, udp: 2, unix: 1)
            let code = try watched.child.wait(120)
            #expect(code == 2, "\(watched.child.err)")
            #expect(
                watched.child.err.contains("could not be written to standard output"), "\(watched.child.err)")
            #expect(watched.child.err.contains("ENOSPC"), "\(watched.child.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            // What found room is whole, but for the line at the end.
            let text = String(
                decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
            let tables = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(try !tables.isEmpty && tables.allSatisfy { try !Table.parse(String($0)).final })
            try counter.kill()
        }

        /// An open report outlives its folder; HUP looks for it anew, and what cannot be had is said.
        @Test func theFolderOfAReportGoesAndHupFindsItAgain() throws {
            let before = try AuditState.read()
            let scratch = try Scratch()
            let (folder, away) = (scratch.file("reports"), scratch.file("away"))
            let files = FileManager.default
            try files.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let report = folder + "/r.jsonl"
            let watched = try Watched(options: ["--interval", "0.5", "--report", report])
            let counter = try Counter(tcp: 3, udp: 2, unix: 1)
            func count(_ path: String) -> Int {
                String(decoding: files.contents(atPath: path) ?? Data(), as: UTF8.self)
                    .split(separator: "\n").count { $0.contains("sockaudit.table/1") }
            }
            try eventually("a table") { count(report) > 0 }
            try files.moveItem(atPath: folder, toPath: away)
            let first = count(away + "/r.jsonl")
            try eventually("it goes on in the file that is open") { count(away + "/r.jsonl") > first }
            watched.child.signal(SIGHUP)
            let line = try watched.child.errLine("sockaudit: The report")
            #expect(
                line.contains(report) && line.contains("ENOENT") && line.contains("stays open"), "\(line)")
            let second = count(away + "/r.jsonl")
            try eventually("the old one is still written") { count(away + "/r.jsonl") > second }
            try files.createDirectory(atPath: folder, withIntermediateDirectories: false)
            watched.child.signal(SIGHUP)
            try eventually("the new one is written") { count(report) > 0 }
            watched.child.signal(SIGTERM)
            #expect([0, 4].contains(try watched.child.wait(30)), "\(watched.child.err)")
            let verified = try run(Host.sockaudit, ["verify", away + "/r.jsonl", report])
            #expect(verified.code == 0, "\(verified.out)")
            let tables = try [away + "/r.jsonl", report].flatMap { path in
                try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
                    .filter { $0.contains("sockaudit.table/1") }.map { try Table.parse(String($0)) }
            }
            #expect(tables.map(\.sequence) == Array(1...tables.count), "each table is in one of them")
            expect(try #require(tables.last), counter.pid, is: counter.account)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            try counter.kill()
        }
    }
}
