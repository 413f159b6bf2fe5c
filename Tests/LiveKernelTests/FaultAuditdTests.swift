import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// An audit daemon that comes, goes and is killed beside us, and the log of one that is followed.
    /// (docs/faults.md)
    @Suite struct FaultAuditd {
        @Test func itIsStartedStoppedAndKilled() throws {
            let before = try AuditDaemon.stateBefore()
            let lostBefore = try AuditState.lost()
            let watched = try Watched(options: ["--interval", "1"])
            var counters = [try Counter(tcp: 5, udp: 4, unix: 3)]
            let first = try AuditDaemon()
            counters.append(try Counter(tcp: 6, udp: 5, unix: 4))
            _ = try watched.nextTable()
            try first.end()
            counters.append(try Counter(tcp: 7, udp: 6, unix: 5))
            _ = try watched.nextTable()
            let second = try AuditDaemon()
            counters.append(try Counter(tcp: 8, udp: 7, unix: 6))
            second.child.signal(SIGKILL)
            #expect(try second.child.wait() == 128 + SIGKILL)
            // The kernel finds out when it has a record for it.
            counters.append(try Counter(tcp: 9, udp: 8, unix: 7))
            let table = try watched.nextTable()
            for counter in counters { expect(table, counter.pid, is: counter.account, state: "running") }
            #expect(try AuditState.read().settings["pid"] == "0")
            // What was on its way to the killed one the kernel counts as lost, though we have had it.
            let lost = try AuditState.lost() - lostBefore
            let run = try watched.stop(losing: lost > 0 ? ["kernel_lost"] : [])
            #expect(run.last.reason("kernel_lost")?.count ?? 0 == lost)
            for counter in counters { expect(run.last, counter.pid, is: counter.account, state: "running") }
            let wrong: Set = ["rules_changed", "proc_drift", "unreadable", "behind"]
            #expect(run.last.codes.isDisjoint(with: wrong), "\(run.last.doubt)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            for counter in counters { try counter.kill() }
        }

        /// Rotated by the daemon itself, then copied and emptied, then compressed, as logrotate does.
        @Test func itsLogIsRotatedWhileItIsFollowed() throws {
            try Skips.need("gzip")
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            // freq: with more, the last records would stay in its memory.
            let daemon = try AuditDaemon(["max_log_file_action": "ROTATE", "num_logs": "9", "freq": "1"])
            let files = FileManager.default
            // Of nobody else: what is written between the copy and the emptying is lost, to logrotate as well.
            let program = URL(fileURLWithPath: Host.workload("counter")).resolvingSymlinksInPath().path
            let lines = try Host.printedRules()
                .map {
                    $0.replacingOccurrences(
                        of: "-F key=sockaudit", with: "-F exe=\(program) -F key=sockaudit-live-test")
                }
            try AuditState.with(lines) {
                let follower = try Child(
                    Host.sockaudit,
                    ["all", "--input", daemon.logFolder, "--follow", "--interval", "0.5", "--format", "json"])
                follower.closeInput()
                _ = try follower.errLine("sockaudit: following")
                var counters: [Counter] = []
                func counts(_ what: String) throws {
                    counters.append(try Counter(tcp: 4 + counters.count, udp: 3, unix: 2))
                    let (pid, account) = (
                        counters[counters.count - 1].pid, counters[counters.count - 1].account
                    )
                    try eventually("\(what): the new one is in a table; \(follower.err)") {
                        let table = try follower.outLines.last.map(Table.parse)
                        return table?.rows(pid: pid).first?.account == account
                    }
                }
                try counts("at first")
                daemon.child.signal(SIGUSR1)
                // C reads the text during the call alone.
                try eventually("auditd has rotated") { unsafe access(daemon.log + ".1", F_OK) == 0 }
                try counts("renamed")
                // As logrotate's copytruncate does it: auditd appends to the same file.
                try eventually("nothing is on its way") {
                    let size = try files.attributesOfItem(atPath: daemon.log)[.size] as? Int
                    usleep(300_000)
                    return try files.attributesOfItem(atPath: daemon.log)[.size] as? Int == size
                }
                try files.moveItem(atPath: daemon.log + ".1", toPath: daemon.log + ".2")
                try files.copyItem(atPath: daemon.log, toPath: daemon.log + ".1")
                // C reads the text during the call alone.
                try unsafe #require(truncate(daemon.log, 0) == 0)
                try counts("copied and emptied")
                for name in [".2", ".1"] {
                    #expect(try run("gzip", [daemon.log + name]).code == 0)
                    try counts("compressed \(name)")
                }
                daemon.child.signal(SIGUSR1)
                try counts("renamed again")
                follower.signal(SIGINT)
                #expect(try follower.wait() == 0, "\(follower.err)")
                let last = try Table.parse(try #require(follower.outLines.last))
                last.checkSums(#_sourceLocation)
                #expect(last.final && last.reasons.isEmpty, "\(last.doubt)")
                for counter in counters {
                    expect(last, counter.pid, is: counter.account)
                    try counter.kill()
                }
            }
            try daemon.end()
        }
    }
}
