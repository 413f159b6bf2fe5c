import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Starts, signals and hosts that are not as one thinks.
    @Suite struct KeeperInTrouble {
        /// Its word comes among the answers to a table's questions, and must not be lost there.
        @Test func theKeeperIsAskedToEndDuringATable() throws {
            let watched = try Watched(options: ["--interval", "1"])
            try watched.waitTables(1)
            let keeper = try watched.keeper
            kill(keeper, SIGSTOP)
            // The next table's moment passes: the monitor asks, and waits for an answer.
            usleep(2_000_000)
            kill(keeper, SIGTERM)
            kill(keeper, SIGCONT)
            _ = try watched.ended(within: 30)
        }

        @Test func hangUpWithoutAReport() throws {
            let watched = try Watched(options: ["--interval", "1"])
            watched.child.signal(SIGHUP)
            try watched.waitTables(2)
            let run = try watched.stop()
            #expect(!run.err.contains("cannot be written"), "\(run.err)")
        }

        @Test(arguments: [">&-", "<&- >&-", "<&- >&- 2>&-"])
        func withoutStandardStreams(_ closed: String) throws {
            let before = try AuditState.read()
            let scratch = try Scratch()
            let report = scratch.file("report.json")
            for options in ["--report \(report)", ""] {
                let command = "exec \(Host.sockaudit) all --interval 1 --count 1 \(options) \(closed)"
                let child = try Child("/bin/sh", ["-c", command])
                #expect([0, 4].contains(try child.wait(30)), "\(child.err)")
            }
            let lines = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n")
            let tables = lines.filter { $0.hasPrefix("{\"schema\":\"sockaudit.table/1\",") }
            #expect(try tables.count == 1 && Table.parse(String(tables[0])).final)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// It cannot become another user there; the power to change rules goes all the same.
        @Test(arguments: ["-setuid", "-setgid", "-setpcap"])
        func withLessThanAllOfRoot(_ missing: String) throws {
            try Skips.need("setpriv")
            let child = try Child(
                "setpriv",
                ["--bounding-set=\(missing)", Host.sockaudit, "all", "--interval", "60", "--duration", "120"])
            child.closeInput()
            _ = try child.errLine("sockaudit: watching")
            let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
            let wanted = String(1 << 2 | 1 << 19, radix: 16)
            #expect(status.contains("CapEff:\t00000000000\(wanted)\n"), "\(status)")
            #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"))
            child.signal(SIGTERM)
            #expect([0, 4].contains(try child.wait(30)), "\(child.err)")
        }
    }
}
