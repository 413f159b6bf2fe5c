import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// However it ends, nothing of it stays. (That the state is as before is checked after every test;
    /// here it is checked at once, with the workload still there.)
    @Suite struct TheEnd {
        /// F_SETPIPE_SZ of fcntl(2), which Swift's Glibc does not show.
        private static let setPipeSize: Int32 = 1_031

        private func expectGone(_ before: AuditState, _ location: SourceLocation = #_sourceLocation) throws {
            let changes = before.changes(to: try AuditState.read())
            #expect(changes.isEmpty, sourceLocation: location)
        }

        @Test(arguments: [SIGINT, SIGTERM])
        func bySignal(_ signal: Int32) throws {
            let before = try AuditState.read()
            let watched = try Watched(options: ["--interval", "1"])
            let during = try AuditState.read()
            #expect(during.isEnabled)
            #expect(!during.rules(of: watched.pid).isEmpty)
            let counter = try Counter(tcp: 4, udp: 4, unix: 4)
            try watched.waitTables(2)
            let run = try watched.stop(signal)
            #expect(run.last.final)
            expect(run.last, counter.pid, is: counter.account)
            try expectGone(before)
            try counter.kill()
        }

        @Test func byCount() throws {
            let before = try AuditState.read()
            let watched = try Watched(options: ["--interval", "0.5", "--count", "3"])
            let run = try watched.ended()
            #expect(run.tables.count == 3)
            try expectGone(before)
        }

        @Test func byDuration() throws {
            let before = try AuditState.read()
            let watched = try Watched(options: ["--interval", "1", "--duration", "2.5"])
            let counter = try Counter(tcp: 3, udp: 2, unix: 1)
            let run = try watched.ended()
            #expect((2...3).contains(run.tables.count))
            expect(run.last, counter.pid, is: counter.account)
            try expectGone(before)
            try counter.kill()
        }

        @Test func byAReaderThatGoes() throws {
            let before = try AuditState.read()
            let pipe = try Pipe()
            let watched = try Watched(options: ["--interval", "0.5"], stdout: pipe.writer)
            close(pipe.writer)
            // As `| head -1` does.
            var byte: UInt8 = 0
            unsafe #expect(read(pipe.reader, &byte, 1) == 1)
            close(pipe.reader)
            let code = try watched.child.wait()
            #expect([0, 4].contains(code), "\(watched.child.err)")
            try expectGone(before)
        }

        @Test func byAReaderThatGoesBetweenTables() throws {
            let before = try AuditState.read()
            let pipe = try Pipe()
            let watched = try Watched(stdout: pipe.writer)
            close(pipe.writer)
            close(pipe.reader)
            let code = try watched.child.wait()
            #expect([0, 4].contains(code), "\(watched.child.err)")
            try expectGone(before)
        }

        @Test func byAStuckReaderAndASignal() throws {
            let before = try AuditState.read()
            let pipe = try Pipe()
            defer { close(pipe.reader) }
            _ = fcntl(pipe.writer, Self.setPipeSize, 4_096)
            let watched = try Watched(options: ["--interval", "0.2"], stdout: pipe.writer)
            close(pipe.writer)
            var workers: [Counter] = []
            for _ in 0..<10 { workers.append(try Counter(tcp: 1, udp: 1, unix: 1)) }
            sleep(2)
            watched.child.signal(SIGTERM)
            // The rules go first, though nobody takes the last table.
            try eventually("the rules are out") { try AuditState.read().rules(of: watched.pid).isEmpty }
            try eventually("all is as before") { before.changes(to: try AuditState.read()).isEmpty }
            for worker in workers { try worker.kill() }
            // It may wait for its reader, who now takes all.
            _ = fcntl(pipe.reader, F_SETFL, O_NONBLOCK)
            var bytes = [UInt8](repeating: 0, count: 4_096)
            try eventually("it ends") {
                // No more than the buffer holds.
                while unsafe read(pipe.reader, &bytes, bytes.count) > 0 {}
                return watched.child.poll() != nil
            }
            #expect([0, 4].contains(try watched.child.wait()), "\(watched.child.err)")
        }

        @Test func byAReportThatCannotBeWritten() throws {
            let before = try AuditState.read()
            let full = try Child(
                Host.sockaudit,
                ["all", "--interval", "1", "--format", "json", "--report", "/dev/full", "--duration", "60"])
            #expect(try full.wait() == 2)
            #expect(full.err.contains("must be a regular file"))
            try expectGone(before)
            let nowhere = try run(
                Host.sockaudit, ["all", "--report", "/nonexistent/report", "--duration", "60"])
            #expect(nowhere.code == 2)
            #expect(nowhere.err.contains("/nonexistent/report"))
            try expectGone(before)
        }

        /// Not by a disk that fills up: what finds no room is left out, and the run goes on.
        @Test func aDiskThatFillsUpEndsNoRun() throws {
            let scratch = try Scratch()
            try unsafe #require(mount("tmpfs", scratch.path, "tmpfs", 0, "size=1m") == 0)
            defer { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }
            let before = try AuditState.read()
            let (report, filler) = (scratch.file("r.jsonl"), scratch.file("filler"))
            let child = try Child(
                Host.sockaudit,
                [
                    "all", "--interval", "0.5", "--format", "json", "--report", report, "--duration", "120",
                ])
            _ = try child.errLine("sockaudit: watching")
            try eventually("a table") { FileManager.default.contents(atPath: report)?.isEmpty == false }
            // All that is left, but for the last page of the report.
            let fd = unsafe open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            let page = [UInt8](repeating: 0, count: 4_096)
            while unsafe write(fd, page, page.count) > 0 {}
            close(fd)
            try eventually("it is said") { child.err.contains("could not be written to \(report)") }
            #expect(child.poll() == nil, "it goes on")
            try FileManager.default.removeItem(atPath: filler)
            try eventually("it is written again") { child.err.contains("is written again") }
            child.signal(SIGTERM)
            #expect([0, 4].contains(try child.wait(30)), "\(child.err)")
            let text = String(
                decoding: try #require(FileManager.default.contents(atPath: report)), as: UTF8.self)
            let last = try #require(text.split(separator: "\n").last { $0.contains("sockaudit.table/1") })
            #expect(try Table.parse(String(last)).codes.contains("report_gap"))
            let verified = try run(Host.sockaudit, ["verify", report])
            #expect(verified.code == 0, "\(verified.out)")
            try expectGone(before)
        }
    }
}
