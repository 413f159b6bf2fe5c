import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// The rarer ways in which sockets come into a process and go out of it.
    @Suite struct Ways {
        private let scratch: Scratch

        init() throws { scratch = try Scratch() }

        private func holdsNoDrift(_ run: Watched.Run, location: SourceLocation = #_sourceLocation) {
            #expect(!run.last.codes.contains("proc_drift"), "\(run.last.doubt)", sourceLocation: location)
            #expect(run.tables.allSatisfy { $0.verdict != "lossy" }, sourceLocation: location)
        }

        @Test(arguments: ["standard", "full"])
        func sentInAMessage(_ mode: String) throws {
            let watched = try Watched(options: ["--mode", mode, "--interval", "1"])
            let path = scratch.file("socket")
            let receiver = try Steered([], Self.messages)
            let sender = try Steered([], Self.messages)
            try receiver.ask("keep.append(listens('\(path)'))")
            let sent = try sender.ask(
                "[keep.append(connects('\(path)')) or 0, keep.append(opens('tcp')) or 0, sends(keep[0], keep[1]) or 0]"
            ).truth
            let got = try receiver.ask("[accepts(keep[0]), receives(keep)]").truth
            var table = try watched.nextTable()
            expectHeld(table, sender.pid, is: sent.account)
            expectHeld(table, receiver.pid, is: got.account, others: ["accept": 1, "unseen": 1])
            // Its own copy; the other one lives on.
            let shut = try sender.ask("shuts(keep[1])").truth
            #expect(shut.close == Figure(tcp: 1))
            table = try watched.nextTable()
            expectHeld(table, sender.pid, is: shut.account)
            expectHeld(table, receiver.pid, is: got.account, others: ["accept": 1, "unseen": 1])
            let last = try receiver.ask("shuts(keep[2])").truth
            #expect(last.close == .none)
            let row = expectHeld(
                try watched.nextTable(), receiver.pid, is: last.account, others: ["accept": 1])
            #expect(row?.others["unseen"] == OtherCount(opened: 1, closed: 1, open: 0))
            try sender.end()
            try receiver.end()
            let run = try watched.stop()
            expect(run.last, sender.pid, is: shut.account.ended, state: "exited")
            expect(run.last, receiver.pid, is: last.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        @Test func takenByAPidfd() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let owner = try Steered()
            let opened = try owner.ask("opens('udp')")
            let taker = try Steered(
                [], "def takes(pid, fd): return check(libc.syscall(438, os.pidfd_open(pid), fd, 0))")
            let taken = try taker.ask("[opens('tcp'), takes(\(owner.pid), \(opened.values[0]))]")
            var table = try watched.nextTable()
            expectHeld(table, owner.pid, is: opened.truth.account)
            expectHeld(table, taker.pid, is: taken.truth.account, others: ["unseen": 1])
            let shut = try owner.ask("shuts(\(opened.values[0]))").truth
            table = try watched.nextTable()
            expectHeld(table, owner.pid, is: shut.account)
            expectHeld(table, taker.pid, is: taken.truth.account, others: ["unseen": 1])
            for work in [owner, taker] { try work.end() }
            let run = try watched.stop()
            expect(run.last, taker.pid, is: taken.truth.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        @Test func openedByARing() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let ring = try ringer([])
            let truth = try Truth.parse(try line(ring, 1))
            let table = try watched.nextTable()
            expectHeld(table, ring.pid, is: truth.account, others: ["unseen": 1], name: "ringer")
            #expect(Proc.sockets(ring.pid) == 3)
            #expect(table.verdict == "partial" && table.codes.contains("io_uring"), "\(table.doubt)")
            ring.closeInput()
            #expect(try ring.wait() == 0)
            // What it did without a record while it lived is still missing from the totals.
            let after = try watched.nextTable()
            #expect(after.verdict == "partial" && after.codes.contains("io_uring"), "\(after.doubt)")
            let run = try watched.stop()
            expect(run.last, ring.pid, is: truth.account.ended, state: "exited")
            #expect(run.last.codes.contains("io_uring"))
            holdsNoDrift(run)
        }

        @Test func closedByARing() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let ring = try ringer(["--close"])
            expectHeld(
                try watched.nextTable(), ring.pid, is: try Truth.parse(try line(ring, 1)).account)
            try ring.send("")
            let truth = try Truth.parse(try line(ring, 2))
            #expect(truth.open == Figure(udp: 1) && truth.released == Figure(tcp: 1))
            let table = try watched.nextTable()
            expectHeld(table, ring.pid, is: truth.account)
            #expect(table.verdict == "partial" && table.codes.contains("io_uring"), "\(table.doubt)")
            ring.closeInput()
            #expect(try ring.wait() == 0)
            let run = try watched.stop()
            expect(run.last, ring.pid, is: truth.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        private func ringer(_ arguments: [String]) throws -> Child {
            let child = try Child(Host.workload("ringer"), arguments)
            do { _ = try child.outLine("{") } catch {
                guard child.poll() == 77 else { throw error }
                try Skips.skip(child.err.trimmingCharacters(in: .newlines), optional: true)
            }
            return child
        }

        private func line(_ child: Child, _ number: Int) throws -> String {
            try eventually("line \(number) of \(child.name): \(child.err)") {
                if child.outLines.count < number, let code = child.poll() {
                    if code == 77 { try Skips.skip(child.err, optional: true) }
                    throw SupportError("it ended (\(code)): \(child.err)")
                }
                return child.outLines.count >= number
            }
            return child.outLines[number - 1]
        }

        /// Two processes with one table: what either does to it happens to both.
        @Test func aTableOfTwoProcesses() throws {
            let watched = try Watched(options: ["--mode", "full", "--interval", "1"])
            let work = try Steered([], Self.shares)
            let child = try work.ask(
                "keep.append(opens('tcp')) or keep.append(opens('udp')) or shares(closes_one)")
            let pid = try #require(child.values.first.map { pid_t($0) })
            let parent = try work.ask("loses(keep[0])").truth
            #expect(parent.released == Figure(tcp: 1) && parent.open == Figure(udp: 1))
            #expect(Proc.sockets(work.pid) == 3 && Proc.sockets(pid) == 3)
            let own = Account(
                socket: Figure(tcp: 1, other: 2), close: Figure(other: 1), open: Figure(tcp: 1, other: 1))
            let table = try watched.nextTable()
            // Each holds by /proc what the other opened.
            expectHeld(table, work.pid, is: parent.account, others: ["unseen": 2])
            expectHeld(table, pid, is: own, others: ["inherited": 1])
            try work.ask("kills(\(pid))")
            let kept = try watched.nextTable()
            expect(kept, pid, is: own.ended, state: "exited")
            #expect(try kept.row(pid: work.pid).sockets == Proc.sockets(work.pid))
            expect(kept, work.pid, is: parent.account, state: "running")
            try work.end()
            let run = try watched.stop()
            expect(run.last, work.pid, is: parent.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        @Test func aTableThatCloseRangeParts() throws {
            let watched = try Watched(options: ["--mode", "full", "--interval", "1"])
            let work = try Steered([], Self.shares)
            let child = try work.ask(
                "keep.append(opens('tcp')) or keep.append(opens('udp')) or shares(parts)")
            let pid = try #require(child.values.first.map { pid_t($0) })
            #expect(Proc.sockets(work.pid) == 2 && Proc.sockets(pid) == 2)
            let own = Account(socket: Figure(other: 1), open: Figure(other: 1))
            let table = try watched.nextTable()
            let truth = try work.ask("None").truth
            expectHeld(table, work.pid, is: truth.account)
            let row = try table.row(pid: pid)
            expect(table, pid, is: own, state: "running")
            #expect(row.sockets == 2 && row.drift == 0, "\(row.others)")
            // From now on each has its own.
            let shut = try work.ask("shuts(keep[1])").truth
            let later = try watched.nextTable()
            expectHeld(later, work.pid, is: shut.account)
            expect(later, pid, is: own, state: "running")
            #expect(try later.row(pid: pid).sockets == Proc.sockets(pid) && Proc.sockets(pid) == 2)
            try work.ask("kills(\(pid))")
            try work.end()
            let run = try watched.stop()
            expect(run.last, pid, is: own.ended, state: "exited")
            expect(run.last, work.pid, is: shut.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        @Test(arguments: ["standard", "full"], ["popen", "posix_spawn"])
        func spawned(_ mode: String, _ way: String) throws {
            let watched = try Watched(options: ["--mode", mode, "--interval", "1"])
            let work = try Steered([], Self.spawns)
            let before = try work.ask(
                "[keep.append(opens('tcp', True)) or 0, opens('udp', True), opens('tcp'), opens('other')]"
            ).truth
            let quiet = pid_t(try work.ask("\(way)(['\(try Identity.real("cat"))'])").values[0])
            let busy = pid_t(try work.ask("\(way)(OPENS_ONE)").values[0])
            try eventually("the children run") {
                Proc.sockets(busy) == 3 && Proc.sockets(quiet) == 2 && Proc.comm(quiet) == "cat"
            }
            var table = try watched.nextTable()
            expectHeld(table, work.pid, is: before.account)
            expectHeld(table, quiet, is: Account(), others: ["inherited": 2], name: "cat")
            let one = Account(socket: Figure(tcp: 1), open: Figure(tcp: 1))
            expectHeld(table, busy, is: one, others: ["inherited": 2])
            // The parent's close is its own affair.
            let shut = try work.ask("shuts(keep[0])").truth
            table = try watched.nextTable()
            expectHeld(table, work.pid, is: shut.account)
            expectHeld(table, quiet, is: Account(), others: ["inherited": 2])
            expectHeld(table, busy, is: one, others: ["inherited": 2])
            try work.ask("[kills(\(quiet)) or 0, kills(\(busy)) or 0]")
            try work.end()
            let run = try watched.stop()
            expect(run.last, quiet, is: Account(), state: "exited")
            expect(run.last, busy, is: one.ended, state: "exited")
            expect(run.last, work.pid, is: shut.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        @Test(arguments: ["standard", "full"])
        func killedBetweenTables(_ mode: String) throws {
            let watched = try Watched(options: ["--mode", mode, "--interval", "1"])
            let work = try Steered([], Self.messages)
            let truth = try work.ask(
                "[keep.append(listens('\(scratch.file("s"))')) or 0, connects('\(scratch.file("s"))'), accepts(keep[0]), opens('tcp'), shuts(opens('udp')) or 0, os.dup(keep[0])]"
            ).truth
            let table = try watched.nextTable()
            #expect(try table.row(pid: work.pid).sockets == 5)
            expectHeld(table, work.pid, is: truth.account, others: ["accept": 1, "dup": 1])
            work.child.signal(SIGKILL)
            #expect(try work.child.wait() == 128 + SIGKILL)
            let after = try watched.nextTable()
            expect(after, work.pid, is: truth.account.ended, state: "exited")
            let row = try after.row(pid: work.pid)
            #expect(row.sockets == 0 && row.drift == 0 && row.closeLast == .none)
            let run = try watched.stop()
            expect(run.last, work.pid, is: truth.account.ended, state: "exited")
            holdsNoDrift(run)
        }

        // MARK: what the programs can do

        static let messages = """
            keep = []
            def using(fd, what):
                one = socket.socket(fileno=fd)
                try: return what(one)
                finally: one.detach()
            def listens(path):
                fd = opens("other")
                using(fd, lambda one: (one.bind(path), one.listen(50)))
                return fd
            def connects(path):
                fd = opens("other")
                using(fd, lambda one: one.connect(path))
                return fd
            def accepts(fd):
                got = using(fd, lambda one: one.accept())[0].detach()
                keep.append(got)
                return got
            def sends(over, fd): using(over, lambda one: socket.send_fds(one, [b"x"], [fd]))
            def receives(keep):
                got = using(keep[1], lambda one: socket.recv_fds(one, 1, 1))[1][0]
                keep.append(got)
                return got
            """

        private static let shares = """
            keep = []
            CLONE_FILES, CLOSE_RANGE_UNSHARE = 0x400, 2
            def shares(work):
                reader, writer = os.pipe()
                clone = {"x86_64": 56}.get(os.uname().machine, 220)
                pid = check(libc.syscall(clone, CLONE_FILES | signal.SIGCHLD, 0, 0, 0, 0))
                if pid == 0:
                    try:
                        dies_with_parent()
                        work()
                        os.write(writer, b"y")
                        while True: signal.pause()
                    finally: os._exit(1)
                if os.read(reader, 1) != b"y": raise SystemExit("the child failed")
                os.close(reader)
                os.close(writer)
                return pid
            def closes_one():
                os.close(keep[0])
                opens("tcp"); opens("other"); shuts(opens("other"))
            def parts():
                # The child has a table of its own from then on.
                check(libc.syscall(436, keep[0], keep[0], CLOSE_RANGE_UNSHARE))
                opens("other")
            """

        private static let spawns = """
            keep, running = [], []
            OPENS_ONE = [sys.executable, "-S", "-E", "-c",
                         "import socket, sys; one = socket.socket(); sys.stdin.read()"]
            def popen(words):
                child = subprocess.Popen(words, close_fds=False, stdin=subprocess.PIPE)
                running.append(child)
                return child.pid
            def posix_spawn(words):
                reader, writer = os.pipe()
                pid = os.posix_spawn(words[0], words, os.environ,
                                     file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)])
                os.close(reader)
                return pid
            """
    }
}
