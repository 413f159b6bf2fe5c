import Foundation
import Glibc
import Testing

extension Live {
    /// /proc is not there, goes away, or hides processes: what cannot be seen is said, and nobody who lives is
    /// taken for ended. (docs/faults.md)
    @Suite struct FaultProc {
        private func needNamespaces() throws {
            try Skips.need("unshare", "nsenter", "setpriv", "mount", "umount")
            let probe = try run("unshare", ["-m", "mount", "-t", "proc", "proc", "/proc"])
            if probe.code != 0 { try Skips.skip("no mount namespace can be made here: \(probe.err)") }
        }

        private func expectKnown(_ table: Table, _ counters: Counter...) {
            for counter in counters {
                expect(table, counter.pid, is: counter.account, state: "running")
            }
        }

        @Test(arguments: ["mount -t tmpfs none /proc", "umount -l /proc"])
        func itIsNotThere(_ how: String) throws {
            try needNamespaces()
            let before = try AuditState.read()
            let command = "\(how) && exec \(Host.sockaudit) all --duration 60"
            let tried = try run("unshare", ["-m", "sh", "-c", command])
            #expect(tried.code == 3 && tried.out.isEmpty, "\(tried)")
            #expect(tried.err.contains("mount -t proc proc /proc"), "\(tried.err)")
            #expect(tried.err.split(separator: "\n").count == 1, "one sentence: \(tried.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func itGoesDuringTheRun() throws {
            try needNamespaces()
            let before = try AuditState.read()
            let watched = try Watched(options: ["--interval", "1"], wrapper: ["unshare", "-m"])
            let early = try Counter(tcp: 9, udp: 8, unix: 7)
            let dies = try Counter(tcp: 3, udp: 2, unix: 1)
            let calm = try watched.nextTable()
            #expect(calm.reason("unreadable") == nil, "\(calm.doubt)")
            expectKnown(calm, early, dies)

            // One that was open before the folder was taken away is read on.
            let isHeld = try [watched.pid, watched.keeper].contains { pid in
                let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
                return names.contains {
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)"))
                        == "/proc"
                }
            }
            let gone = try run("nsenter", ["-t", "\(watched.pid)", "-m", "umount", "-l", "/proc"])
            try #require(gone.code == 0, "\(gone.err)")
            let late = try Counter(tcp: 6, udp: 5, unix: 4)
            try dies.kill()
            let blind = try watched.nextTable()
            let reason = blind.reason("unreadable")
            #expect(isHeld || blind.verdict == "partial", "\(blind.doubt)")
            #expect(isHeld || reason?.text.contains("/proc is not mounted") == true, "\(blind.doubt)")
            // The records tell all of these, and that one was killed the kernel still says.
            expectKnown(blind, early, late)
            expect(blind, dies.pid, is: dies.account.ended, state: "exited")

            let back = try run(
                "nsenter", ["-t", "\(watched.pid)", "-m", "mount", "-t", "proc", "proc", "/proc"])
            try #require(back.code == 0, "\(back.err)")
            let seeing = try watched.nextTable()
            #expect(seeing.reason("unreadable") == nil, "\(seeing.doubt)")
            let run = try watched.stop()
            #expect(isHeld || run.code == 4)
            #expect(!run.last.codes.contains("proc_drift"), "\(run.last.doubt)")
            expectKnown(run.last, early, late)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            for counter in [early, late] { try counter.kill() }
        }

        /// Neither in the group that may look nor with CAP_SYS_PTRACE: whoever is not ours is not in /proc.
        @Test func itHidesOthers() throws {
            try needNamespaces()
            let before = try AuditState.read()
            let mounts = "mount -t proc -o hidepid=2,gid=4711 proc /proc"
            let without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
            let wrapper = ["unshare", "-m", "sh", "-c", "\(mounts) && exec \"$@\"", "sh"]
            let watched = try Watched(options: ["--interval", "1"], wrapper: wrapper + without)
            let counter = try Counter(tcp: 9, udp: 8, unix: 7)
            let dies = try Counter(tcp: 3, udp: 2, unix: 1)
            let table = try watched.nextTable()
            #expect(table.verdict == "partial" && table.reason("unreadable") != nil, "\(table.doubt)")
            expectKnown(table, counter, dies)
            try dies.kill()
            _ = try watched.nextTable()
            let run = try watched.stop()
            #expect(run.code == 4 && run.last.reason("unreadable") != nil, "\(run.last.doubt)")
            expectKnown(run.last, counter)
            expect(run.last, dies.pid, is: dies.account.ended, state: "exited")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            try counter.kill()
        }

        /// CAP_SYS_PTRACE sees through it.
        @Test func itHidesNothingFromTheMonitor() throws {
            try needNamespaces()
            let mounts = "mount -t proc -o hidepid=2,gid=4711 proc /proc"
            let wrapper = ["unshare", "-m", "sh", "-c", "\(mounts) && exec \"$@\"", "sh"]
            let watched = try Watched(options: ["--interval", "1"], wrapper: wrapper)
            let counter = try Counter(tcp: 9, udp: 8, unix: 7)
            _ = try watched.nextTable()
            let run = try watched.stop()
            #expect(run.last.reason("unreadable") == nil, "\(run.last.doubt)")
            expectKnown(run.last, counter)
            let row = try run.last.row(pid: counter.pid)
            #expect(row.sockets == Proc.sockets(counter.pid) && row.drift == 0)
            try counter.kill()
        }
    }
}
