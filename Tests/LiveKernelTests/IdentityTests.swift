import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Which process a row is of: pids of other namespaces, pids used again, names and files that change.
    @Suite struct Identity {
        private let scratch: Scratch
        private let name = "saident\(getpid() % 10_000)"

        init() throws { scratch = try Scratch() }

        private static let opensOneOfEach = "def work():\n    for family in FAMILIES: opens(family)\n"
        private static let oneOfEach = Account(
            socket: Figure(tcp: 1, udp: 1, other: 1), open: Figure(tcp: 1, udp: 1, other: 1))

        /// A process in another pid namespace whose fork returns the very number of a process of the host.
        @Test func forksInAnotherPidNamespace() throws {
            try Skips.need("unshare", "mount")
            let watched = try Watched(options: ["--mode", "full", "--interval", "1"])
            let victim = try Steered()
            let held = try victim.ask("[opens('tcp'), opens('udp'), shuts(opens('other')) or 0]").truth
            // The program has another path in there: a folder is mounted over another.
            for folder in ["real", "seen"] { unsafe mkdir(scratch.file(folder), 0o755) }
            let seen = scratch.file("seen/\(name)")
            try FileManager.default.copyItem(atPath: Self.pythonFile, toPath: scratch.file("real/\(name)"))
            let start = "mount --bind \(scratch.file("real")) \(scratch.file("seen")) && exec \(seen) \"$@\""
            let inside = try Steered(
                ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c", start, "sh"],
                Self.opensOneOfEach)
            try inside.descend()
            let truth = try inside.ask("[opens('tcp', True), opens('udp')]").truth
            #expect(truth.pid == 1 && inside.pid != 1)
            let inner = try inside.ask("[forks(work), forks_as(\(victim.pid), work)]").values
            #expect(inner.last == Int(victim.pid))
            let small = try #require(inner.first.map { pid_t($0) })
            let outer = Proc.children(inside.pid)
            #expect(outer.count == 2 && Set(outer).isDisjoint(with: [victim.pid, small]))

            let table = try watched.nextTable()
            expectHeld(table, victim.pid, is: held.account)
            #expect(table.rows(pid: small).isEmpty)
            // The path is the one that the process itself sees.
            let row = expectHeld(table, inside.pid, is: truth.account, name: name)
            #expect(row?.exe == seen)
            for pid in outer {
                let row = expectHeld(
                    table, pid, is: Self.oneOfEach, others: ["inherited": 2], name: name)
                #expect(row?.exe == seen)
            }
            // What the namespace's first process ends, its other processes end with.
            try inside.end()
            let run = try watched.stop()
            for pid in outer { expect(run.last, pid, is: Self.oneOfEach.ended, state: "exited") }
            expect(run.last, inside.pid, is: truth.account.ended, state: "exited")
            expect(run.last, victim.pid, is: held.account, state: "running")
            #expect(run.last.codes.isDisjoint(with: ["proc_drift"]), "\(run.last.doubt)")
            try victim.end()
        }

        /// Behind a chroot too the exe is the path that the process sees.
        @Test func aProgramInAChroot() throws {
            let program = Host.workload("counter-static")
            guard unsafe access(program, X_OK) == 0 else {
                try Skips.skip("no counter-static", optional: true)
            }
            try Skips.need("chroot")
            try FileManager.default.copyItem(atPath: program, toPath: scratch.file(name))
            let watched = try Watched(options: ["--interval", "1"])
            let words = ["--tcp", "4", "--udp", "3", "--unix", "2", "--close", "0", "--hold", "600"]
            let child = try Child("chroot", [scratch.path, "/\(name)"] + words)
            _ = try child.outLine("ready ")
            let made = Figure(tcp: 4, udp: 3, other: 2)
            let row = expectHeld(
                try watched.nextTable(), child.pid, is: Account(socket: made, open: made), name: name)
            #expect(row?.exe == "/" + name)
            child.signal(SIGKILL)
            _ = try child.wait()
            _ = try watched.stop()
        }

        @Test func namesOfProcessesAndThreads() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let work = try Steered(
                [],
                """
                def in_thread(name, *families):
                    def run():
                        renames(name)
                        for family in families: shuts(opens(family)); opens(family)
                    thread = threading.Thread(target=run)
                    thread.start()
                    thread.join()
                def stays_in_thread(name):
                    gone = threading.Event()
                    def run():
                        renames(name)
                        opens("udp")
                        gone.set()
                        while True: signal.pause()
                    threading.Thread(target=run, daemon=True).start()
                    gone.wait()
                """)
            let first = try work.ask("opens('tcp')").truth
            let old = try #require(Proc.comm(work.pid))
            expectHeld(try watched.nextTable(), work.pid, is: first.account, name: old)
            // A thread with a name of its own renames nobody and is nobody.
            let second = try work.ask("in_thread('sathread', 'tcp', 'other')").truth
            expectHeld(try watched.nextTable(), work.pid, is: second.account, name: old)
            let third = try work.ask("stays_in_thread('sastays')").truth
            expectHeld(try watched.nextTable(), work.pid, is: third.account, name: old)
            let fourth = try work.ask("[renames('sarenamed') or 0, opens('tcp')]").truth
            expectHeld(try watched.nextTable(), work.pid, is: fourth.account, name: "sarenamed")
            // A name that no call of its own shows.
            let last = try work.ask("renames('sasilent')").truth
            expectHeld(try watched.nextTable(), work.pid, is: last.account, name: "sasilent")
            try work.end()
            let run = try watched.stop()
            expect(run.last, work.pid, is: last.account.ended, state: "exited")
            #expect(run.last.rows.allSatisfy { !["sathread", "sastays"].contains($0.name) })
        }

        @Test(arguments: ["standard", "full"])
        func anExecKeepsTheRow(_ mode: String) throws {
            let watched = try Watched(options: ["--mode", mode, "--interval", "1"])
            let work = try Steered(
                [],
                """
                pairs = []
                def more():
                    a, b = socket.socketpair()
                    os.set_inheritable(a.fileno(), True)
                    pairs.extend((a, b))
                def becomes(path):
                    print(json.dumps({**account(), "values": []}), flush=True)
                    os.execv(path, [path])
                """)
            let before = try work.ask(
                "[opens('tcp'), opens('udp', True), opens('tcp', True), shuts(opens('udp')) or 0, more() or 0]"
            ).truth
            let row = expectHeld(
                try watched.nextTable(), work.pid, is: before.account, others: ["socketpair": 2])
            let cat = scratch.file(name)
            try FileManager.default.copyItem(atPath: try Self.real("cat"), toPath: cat)
            try work.ask("becomes('\(cat)')")
            try eventually("it is another program") { Proc.comm(work.pid) == name }
            var account = before.account
            account.released = Figure(tcp: 1)
            account.open = Figure(tcp: 1, udp: 1)
            let after = expectHeld(
                try watched.nextTable(), work.pid, is: account, others: ["socketpair": 1], name: name)
            #expect(after?.exe == cat && row?.exe == Self.pythonFile && after?.start == row?.start)
            try work.end()
            let run = try watched.stop()
            expect(run.last, work.pid, is: account.ended, state: "exited")
        }

        @Test func aProgramThatIsDeletedWhileItRuns() throws {
            let program = scratch.file(name)
            let watched = try Watched(name, options: ["--interval", "1"])
            try FileManager.default.copyItem(atPath: Self.pythonFile, toPath: program)
            let work = try Steered([program])
            let first = try work.ask("opens('tcp')").truth
            expectHeld(try watched.nextTable(), work.pid, is: first.account, name: name)
            // C reads the path during the call alone.
            unsafe unlink(program)
            let second = try work.ask("[renames('saother') or 0, opens('udp'), shuts(opens('tcp')) or 0]")
                .truth
            let row = expectHeld(try watched.nextTable(), work.pid, is: second.account, name: "saother")
            #expect(row?.exe == program + " (deleted)")
            try work.end()
            expect(try watched.stop().last, work.pid, is: second.account.ended, state: "exited")
        }

        /// Nothing but the file's name can bring it into scope, and that is deleted before it does anything.
        @Test func aDeletedProgramIsFoundByItsFile() throws {
            let program = scratch.file(name)
            try FileManager.default.copyItem(atPath: Self.pythonFile, toPath: program)
            let watched = try Watched(name + "*", options: ["--interval", "1"])
            let work = try Steered([program])
            try work.ask("renames('saother')")
            // C reads the path during the call alone.
            unsafe unlink(program)
            let truth = try work.ask("[opens('tcp'), opens('udp')]").truth
            let row = expectHeld(try watched.nextTable(), work.pid, is: truth.account, name: "saother")
            #expect(row?.exe == program + " (deleted)")
            try work.end()
            _ = try watched.stop()
        }

        /// The rules follow the path, so that they see the new file's processes and no longer the old one's
        /// (a package is upgraded under a daemon that runs on). The table must say so.
        @Test func aProgramThatIsReplacedWhileItRuns() throws {
            let program = scratch.file(name)
            for path in [program, program + ".new"] {
                try FileManager.default.copyItem(atPath: Self.pythonFile, toPath: path)
            }
            let first = try Steered([program])
            let watched = try Watched(name, options: ["--interval", "1"])
            #expect(watched.line.contains("rules for \(program)"))
            let old = try Steered([program])
            let before = try old.ask("opens('tcp')").truth
            expectHeld(try watched.nextTable(), old.pid, is: before.account)
            // C reads the text during the call alone.
            unsafe #expect(rename(program + ".new", program) == 0)
            let new = try Steered([program])
            let seen = try new.ask("opens('udp')").truth
            try old.ask("[opens('tcp'), opens('udp')]")
            let table = try watched.nextTable()
            expectHeld(table, new.pid, is: seen.account)
            let row = try table.row(pid: old.pid)
            #expect(row.sockets == Proc.sockets(old.pid))
            #expect(table.verdict == "partial", "\(table.doubt): \(row.account)")
            for work in [first, old, new] { try work.end() }
            _ = try watched.stop()
        }

        /// A pid, whose process was killed without a record, is another process's right afterwards.
        @Test(arguments: Reuse.all)
        func aPidThatIsUsedAgain(_ way: Reuse) throws {
            guard unsafe access("/proc/sys/kernel/ns_last_pid", W_OK) == 0 else {
                try Skips.skip("no ns_last_pid", optional: true)
            }
            let watched = try Watched(
                options: ["--mode", way.mode, "--interval", way.tableBetween ? "1" : "3600"])
            let work = try Steered([], Self.reuse)
            let next = way.otherParent ? try Steered([], Self.reuse) : work
            let first = try #require(try work.ask("forks(first)").values.first.map { pid_t($0) })
            let one = Account(
                socket: Figure(tcp: 3, udp: 1), close: Figure(tcp: 1), open: Figure(tcp: 2, udp: 1))
            #expect(Proc.sockets(first) == 3)
            if way.tableBetween { expectHeld(try watched.nextTable(), first, is: one) }
            // Start times are told in ticks of 10 ms: the next one is another process beyond doubt. And
            // no pid comes round within a second but to those who write ns_last_pid.
            try work.ask("[kills(\(first)) or 0, time.sleep(1.5) or 0]")
            try next.ask("forks_as(\(first), second)")
            #expect(Proc.sockets(first) == 2)
            let two = Account(socket: Figure(tcp: 1, other: 1), open: Figure(tcp: 1, other: 1))
            if way.tableBetween { try compareTwo(try watched.nextTable(), first, one.ended, two, "running") }
            if way.endsToo { try next.ask("kills(\(first))") }
            let run = try watched.stop()
            try compareTwo(
                run.last, first, one.ended, way.endsToo ? two.ended : two, way.endsToo ? "exited" : "running")
            if !way.endsToo { try next.ask("kills(\(first))") }
            #expect(!run.last.codes.contains("proc_drift"), "\(run.last.doubt)")
            for one in way.otherParent ? [work, next] : [work] { try one.end() }
        }

        struct Reuse: Sendable, CustomTestStringConvertible {
            var mode: String
            var otherParent = false
            var tableBetween = false
            /// Nobody has the pid any more when the table is made.
            var endsToo = false
            var testDescription: String {
                "\(mode), \(otherParent ? "another" : "the same") parent"
                    + (tableBetween ? ", a table between" : "") + (endsToo ? ", which ends too" : "")
            }

            static let all = [
                Reuse(mode: "standard", tableBetween: true, endsToo: true),
                Reuse(mode: "full", tableBetween: true, endsToo: true),
                Reuse(mode: "standard", otherParent: true),
                Reuse(mode: "full"),
                Reuse(mode: "standard"),
                Reuse(mode: "full", endsToo: true),
            ]
        }

        private func compareTwo(
            _ table: Table, _ pid: pid_t, _ one: Account, _ two: Account, _ state: String,
            location: SourceLocation = #_sourceLocation
        ) throws {
            let rows = table.rows(pid: pid).sorted { $0.start < $1.start }
            #expect(rows.map(\.account) == [one, two], "\(table.doubt)", sourceLocation: location)
            #expect(rows.map(\.state) == ["exited", state], sourceLocation: location)
            #expect(rows.allSatisfy { $0.drift == 0 }, sourceLocation: location)
        }

        static let reuse = """
            def first():
                for family in ("tcp", "tcp", "udp"): opens(family)
                shuts(opens("tcp"))
            def second():
                for family in ("tcp", "other"): opens(family)
            """

        /// The interpreter's file, links resolved.
        static let pythonFile = (try? real(Tool.python)) ?? Tool.python

        static func real(_ program: String) throws -> String {
            // C reads the path during the call alone.
            guard let path = Tool.find(program), let real = unsafe realpath(path, nil) else {
                throw SupportError("\(program) is not installed")
            }
            // Made, used and freed here.
            defer { unsafe free(real) }
            return unsafe String(cString: real)
        }
    }
}
