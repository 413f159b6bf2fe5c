import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Two processes: one that may change the rules and reads no record, one that reads and may not.
    @Suite struct KeeperAndMonitor {
        private static func status(_ pid: pid_t) throws -> [String: String] {
            let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            return text.split(separator: "\n").reduce(into: [:]) { found, line in
                let parts = line.split(separator: ":", maxSplits: 1).map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                if parts.count == 2 { found[parts[0]] = parts[1] }
            }
        }

        @Test func whoMayWhat() throws {
            let watched = try Watched()
            let monitor = try Self.status(watched.pid)
            // linux/capability.h: DAC_READ_SEARCH 2, SYS_PTRACE 19.
            let wanted = String(1 << 2 | 1 << 19, radix: 16)
            for name in ["CapEff", "CapPrm"] {
                #expect(monitor[name]?.hasSuffix("00" + wanted) == true, "\(name) \(monitor[name] ?? "")")
            }
            for name in ["CapInh", "CapBnd", "CapAmb"] {
                #expect(monitor[name]?.allSatisfy { $0 == "0" } == true, "\(name) \(monitor[name] ?? "")")
            }
            // 2: a list of system calls (proc(5)).
            #expect(monitor["Seccomp"] == "2")
            #expect(monitor["NoNewPrivs"] == "1")
            let ids = (monitor["Uid"] ?? "").split(separator: "\t")
            #expect(ids.count == 4 && ids.allSatisfy { $0 == ids[0] && $0 != "0" }, "\(ids)")
            #expect((monitor["Gid"] ?? "").split(separator: "\t").allSatisfy { $0 != "0" })
            #expect(monitor["Groups"] == "")
            let keeper = try Self.status(try watched.keeper)
            #expect(keeper["Uid"]?.hasPrefix("0") == true)
            // DAC_OVERRIDE 1, DAC_READ_SEARCH 2, SYS_PTRACE 19, AUDIT_CONTROL 30.
            let held = String(1 << 1 | 1 << 2 | 1 << 19 | 1 << 30, radix: 16)
            #expect(keeper["CapEff"]?.hasSuffix("0000" + held) == true, "\(keeper["CapEff"] ?? "")")
            #expect(keeper["Seccomp"] == "2" && keeper["NoNewPrivs"] == "1")
            _ = try watched.stop()
        }

        @Test func theKeeperNeverReadsTheStream() throws {
            try Skips.need("strace")
            let scratch = try Scratch()
            let child = try Child(
                "strace",
                ["-f", "-qq", "-s", "4", "-e", "trace=%network,read,execve", "-o", scratch.file("log")]
                    + [Host.sockaudit, "all", "--interval", "1", "--count", "3", "--format", "json"])
            child.closeInput()
            #expect([0, 4].contains(try child.wait(60)), "\(child.err)")
            let lines = try String(contentsOfFile: scratch.file("log"), encoding: .utf8).split(
                separator: "\n")
            let keeper = try #require(
                lines.first { $0.contains("execve(\"/proc") }?.split(separator: " ").first)
            let (its, others) = (
                lines.filter { $0.hasPrefix(keeper + " ") }, lines.filter { !$0.hasPrefix(keeper + " ") }
            )
            let joins = { (lines: [Substring]) in
                lines.filter {
                    $0.contains(" bind(") && $0.contains("nl_groups=") && !$0.contains("nl_groups=00000000")
                }
            }
            // The monitor joins the group that has the records, and reads many messages at once...
            #expect(joins(others).count == 1)
            #expect(others.contains { $0.contains("recvmmsg(") })
            // ...the keeper joins none: it gets answers to what it asks, and no more.
            #expect(joins(its).isEmpty)
            #expect(!its.contains { $0.contains("recvmmsg(") })
            #expect(its.count { $0.contains("sendto(") } > 20, "it asks the kernel for its counters")
        }

        @Test func aKilledMonitorLeavesNoRule() throws {
            let before = try AuditState.read()
            let watched = try Watched()
            let keeper = try watched.keeper
            #expect(!(try AuditState.read().rules(of: watched.pid).isEmpty))
            watched.child.signal(SIGKILL)
            #expect(try watched.child.wait() == 128 + SIGKILL)
            try eventually("the rules are out") { before.changes(to: try AuditState.read()).isEmpty }
            try eventually("the keeper ends") { Proc.comm(keeper) == nil }
        }

        @Test func aKilledKeeperIsNoticed() throws {
            let before = try AuditState.read()
            let watched = try Watched()
            kill(try watched.keeper, SIGKILL)
            #expect(try watched.child.wait(20) == 2)
            #expect(watched.child.err.contains("has ended"), "\(watched.child.err)")
            #expect(!(try AuditState.read().rules(of: watched.pid).isEmpty))
            let cleared = try run(Host.sockaudit, ["rules", "--clear"])
            #expect(cleared.code == 0)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// Whoever ends the keeper politely ends the run: with a last table.
        @Test func aKeeperThatIsAskedToEnd() throws {
            let before = try AuditState.read()
            let watched = try Watched()
            let counter = try Counter(tcp: 5, udp: 4, unix: 3)
            kill(try watched.keeper, SIGTERM)
            let run = try watched.ended(within: 30)
            expect(run.last, counter.pid, is: counter.account)
            try counter.kill()
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func aReportIsReopenedByTheKeeper() throws {
            let scratch = try Scratch()
            let report = scratch.file("report.json")
            let watched = try Watched(options: ["--interval", "1", "--report", report])
            try eventually("a table") { FileManager.default.contents(atPath: report)?.isEmpty == false }
            try FileManager.default.moveItem(atPath: report, toPath: report + ".1")
            watched.child.signal(SIGHUP)
            try eventually("a table in the new file") {
                FileManager.default.contents(atPath: report)?.isEmpty == false
            }
            var info = stat()
            // C fills the struct that it is given.
            unsafe #expect(stat(report, &info) == 0 && info.st_uid == 0 && info.st_mode & 0o777 == 0o600)
            watched.child.signal(SIGTERM)
            #expect([0, 4].contains(try watched.child.wait(30)), "\(watched.child.err)")
            // Each file is a whole: the old one was sealed when it was left.
            let verified = try run(Host.sockaudit, ["verify", report + ".1", report])
            #expect(verified.code == 0, "\(verified.out)")
            let first = String(
                decoding: FileManager.default.contents(atPath: report)?.prefix(4_096) ?? Data(), as: UTF8.self
            )
            #expect(first.contains("\"continued\":true") && first.contains("-S socket"), "\(first)")
        }
    }
}
