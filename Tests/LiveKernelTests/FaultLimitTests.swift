import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Our own limits: files and memory. (docs/faults.md)
    @Suite struct FaultLimits {
        /// The monitor stays root: another user's limits only a root with CAP_SYS_RESOURCE may change.
        private static let asRoot = ["setpriv", "--bounding-set=-setuid"]

        private func limit(_ pid: pid_t, _ limits: String...) throws {
            let done = try run("prlimit", ["--pid", "\(pid)"] + limits)
            guard done.code == 0 else { throw SupportError("prlimit \(limits): \(done.err)") }
        }

        @Test(arguments: [5, 6, 7, 8, 9])
        func tooFewFilesToBegin(_ most: Int) throws {
            try Skips.need("prlimit")
            let before = try AuditState.read()
            let tried = try run(
                "prlimit", ["--nofile=\(most):\(most)", Host.sockaudit, "all", "--duration", "60"])
            #expect(tried.code == 2 && tried.out.isEmpty, "\(tried)")
            #expect(tried.err.contains("EMFILE"), "\(tried.err)")
            if most > 6 { #expect(tried.err.contains("ulimit -n"), "\(tried.err)") }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func aFewFilesAreEnough() throws {
            try Skips.need("prlimit")
            let scratch = try Scratch()
            let report = scratch.file("r.html")
            let watched = try Watched(
                options: ["--interval", "1", "--report", report], wrapper: ["prlimit", "--nofile=20:20"])
            let counter = try Counter(tcp: 9, udp: 8, unix: 7)
            // C reads the text during the call alone.
            try eventually("a report") { unsafe access(report, F_OK) == 0 }
            watched.child.signal(SIGTERM)
            #expect([0, 4].contains(try watched.child.wait(30)), "\(watched.child.err)")
            let text = try String(contentsOfFile: report, encoding: .utf8)
            #expect(text.contains("counter") && !watched.child.err.contains("EMFILE"), "\(watched.child.err)")
            #expect(try run(Host.sockaudit, ["verify", report]).code == 0)
            try counter.kill()
        }

        /// Nothing can be opened any more, /proc of a process neither: who lives is not taken for ended.
        @Test func theLimitOfFilesIsLoweredDuringTheRun() throws {
            try Skips.need("prlimit", "setpriv")
            let before = try AuditState.read()
            let scratch = try Scratch()
            let report = scratch.file("r.html")
            let options = ["--interval", "0.5", "--report", report]
            let page = try Child(
                "setpriv", ["--bounding-set=-setuid", Host.sockaudit, "all", "--duration", "900"] + options)
            page.closeInput()
            // C reads the text during the call alone.
            try eventually("a page") { unsafe access(report, F_OK) == 0 }
            try limit(page.pid, "--nofile=3:")
            let said = try page.errLine("sockaudit: The report's file could not be taken over")
            #expect(said.contains("ulimit -n"))
            try limit(page.pid, "--nofile=1024:")
            _ = try page.errLine("sockaudit: The report \(report) is replaced again")
            page.signal(SIGTERM)
            #expect(try page.wait(30) == 4, "\(page.err)")
            #expect(try run(Host.sockaudit, ["verify", report]).code == 0)

            let watched = try Watched(options: ["--interval", "1"], wrapper: Self.asRoot)
            let early = try Counter(tcp: 9, udp: 8, unix: 7)
            let dies = try Counter(tcp: 3, udp: 2, unix: 1)
            let calm = try watched.nextTable()
            #expect(calm.reason("unreadable") == nil, "\(calm.doubt)")
            try limit(watched.pid, "--nofile=3:")
            let late = try Counter(tcp: 6, udp: 5, unix: 4)
            try dies.kill()
            let blind = try watched.nextTable()
            let reason = try #require(blind.reason("unreadable"), "\(blind.doubt)")
            #expect(reason.text.contains("ulimit -n") && blind.verdict == "partial", "\(reason.text)")
            for counter in [early, late] {
                expect(blind, counter.pid, is: counter.account, state: "running")
            }
            expect(blind, dies.pid, is: dies.account.ended, state: "exited")
            try limit(watched.pid, "--nofile=1024:")
            let seeing = try watched.nextTable()
            #expect(seeing.reason("unreadable") == nil, "\(seeing.doubt)")
            let run = try watched.stop()
            #expect(run.code == 4)
            for counter in [early, late] {
                expect(run.last, counter.pid, is: counter.account, state: "running")
                #expect(try run.last.row(pid: counter.pid).sockets == Proc.sockets(counter.pid))
                try counter.kill()
            }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// No more memory than it has: it goes on with right figures as long as it can, and when it cannot, its end
        /// is one that is said, and the rules are out.
        @Test func noMoreMemory() throws {
            try Skips.need("prlimit", "setpriv")
            let before = try AuditState.read()
            // The guard would spare us what we want here.
            let watched = try Watched(
                options: ["--interval", "1", "--mode", "standard"], wrapper: Self.asRoot)
            let first = try Counter(tcp: 9, udp: 8, unix: 7)
            let table = try watched.nextTable()
            expect(table, first.pid, is: first.account)
            let keeper = try watched.keeper
            let status = try String(contentsOfFile: "/proc/\(watched.pid)/statm", encoding: .utf8)
            let pages = try #require(status.split(separator: " ").first.flatMap { Int($0) })
            let size = pages * Int(getpagesize())
            try limit(watched.pid, "--as=\(size):\(size)", "--core=0:0")
            // Processes that hold sockets, each of which takes room on the books, until there is none.
            var crowds: [Child] = []
            for _ in 0..<40 where watched.child.poll() == nil {
                let crowd = try Child(Host.workload("crowd"), ["--processes", "250", "--sockets", "20"])
                _ = try crowd.outLine("holding", within: 120)
                crowds.append(crowd)
            }
            let code = try watched.child.wait(120)
            #expect(code >= 128, "\(code) \(watched.child.err)")
            try eventually("the keeper ends") { Proc.comm(keeper) == nil }
            let said =
                "sockaudit: The reader of the records (pid \(watched.pid)) has ended without a last table"
            #expect(watched.child.err.contains(said), "\(watched.child.err)")
            #expect(watched.child.err.contains("its rules are out"), "\(watched.child.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            // What it had said until then was right.
            for table in try watched.tables {
                table.checkSums(#_sourceLocation)
                expect(table, first.pid, is: first.account, state: "running")
            }
            for crowd in crowds {
                crowd.closeInput()
                #expect(try crowd.wait() == 0)
            }
            try first.kill()
        }
    }
}
