import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// What /proc tells of a process beside its sockets: its unit, and how near its limit it is.
    @Suite struct UnitsAndLimits {
        /// A unit of its own, as systemd would make one; nil where no control groups can be made.
        private static func makeUnit(_ name: String) -> String? {
            for root in ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"] {
                let path = "\(root)/\(name)"
                let procs = "\(path)/cgroup.procs"
                // C reads the path during the call alone.
                if unsafe mkdir(path, 0o755) == 0 {
                    if unsafe access(procs, W_OK) == 0 { return path }
                    unsafe rmdir(path)
                }
            }
            return nil
        }

        @Test func groupsByUnit() throws {
            let name = "sockaudit-test-\(getpid()).service"
            guard let unit = Self.makeUnit(name) else {
                print("SKIPPED: no control group can be made here")
                return
            }
            // Empty only when the last process of it is reaped.
            defer { try? eventually("the unit is gone") { unsafe rmdir(unit) == 0 } }
            let watched = try Watched(options: ["--group-by", "unit"])
            // Short ones may be gone before anyone asks /proc for them: they are their parent's.
            let work = """
                echo $$ > \(unit)/cgroup.procs || exit 1
                for i in 1 2 3; do /bin/bash -c 'exec 3<>/dev/udp/127.0.0.1/9'; done
                exec \(Host.workload("counter")) --tcp 5 --udp 0 --unix 0 --close 0 --hold 600
                """
            let child = try Child("/bin/sh", ["-c", work])
            _ = try child.outLine("ready ")
            let last = try watched.stop().last
            child.signal(SIGKILL)
            _ = try child.wait()
            last.checkSums(#_sourceLocation)
            let rows = last.rows.filter { $0.name == name }
            #expect(rows.count == 1, "\(last.rows.map(\.name))")
            let row = try #require(rows.first)
            // bash may look names up over sockets of its own.
            #expect(row.socketTot.tcp == 5 && row.socketTot.udp >= 3, "\(row)")
            #expect(row.stillOpen == Figure(tcp: 5))
        }

        @Test func aProcessNearItsLimit() throws {
            let watched = try Watched()
            // It raises its soft limit to the hard one.
            let counter = "\(Host.workload("counter")) --udp 0 --unix 0 --close 0 --hold 600"
            let near = try Child("/bin/sh", ["-c", "ulimit -n 100; exec \(counter) --tcp 85"])
            let far = try Child("/bin/sh", ["-c", "ulimit -n 200; exec \(counter) --tcp 86"])
            for child in [near, far] { _ = try child.outLine("ready ") }
            let last = try watched.stop().last
            let note = try #require(last.reason("limit_near"))
            #expect(
                note.text.contains("counter (\(near.pid)) ") && note.text.contains(" of 100"), "\(note.text)")
            #expect(!note.text.contains("(\(far.pid))"))
            for child in [near, far] {
                child.signal(SIGKILL)
                _ = try child.wait()
            }
        }
    }
}
