import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Floods beside a real audit daemon: the guard takes as little out of the rules as helps.
    @Suite struct GuardAtWork {
        /// Beside a daemon with a queue as administrators have it.
        private func besideDaemon(_ body: (AuditDaemon) throws -> Void) throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let daemon = try AuditDaemon()
            try AuditState.with(settings: ["backlog_limit": "8192"]) { try body(daemon) }
            try daemon.end()
        }

        @Test func whoFloodsIsExemptAndTheOthersStayExact() throws {
            try besideDaemon { _ in
                let with = try AuditState.read()
                let watched = try Watched(options: ["--interval", "1"])
                let lost = try AuditState.lost()
                let scratch = try Scratch()
                let witness = try PythonWorkload(at: scratch.file("witness.py"))
                var open = try witness.ask("mix").open
                let floods = [try Flood(), try Flood()]
                for flood in floods { try flood.begin() }
                try eventually("both are exempt", within: 60) {
                    guard let last = try watched.tables.last else { return false }
                    return floods.allSatisfy { flood in
                        last.rows(pid: flood.pid).first?.state == "exempt"
                    }
                }
                // Through it all the quiet one opens and closes.
                for _ in 0..<10 { open = try witness.ask("mix").open }
                try watched.waitTables(watched.child.outLines.count + 2)
                let during = try #require(try watched.tables.last)
                #expect(during.mode == "standard")
                #expect(during.verdict == "partial", "\(during.doubt)")
                let reason = try #require(during.reason("exempted"))
                for flood in floods { #expect(reason.text.contains("flood[\(flood.pid)]"), "\(reason.text)") }
                #expect(try during.row(pid: witness.pid).stillOpen == open)
                #expect(watched.child.err.contains("guard: exempt"), "\(watched.child.err)")
                for flood in floods { _ = try flood.end() }
                try eventually("ended processes are no longer named in the rules", within: 30) {
                    let rules = try AuditState.read().rules(of: watched.pid)
                    return !rules.isEmpty
                        && !rules.contains { rule in floods.contains { rule.contains("pid!=\($0.pid)") } }
                }
                let truth = try witness.ask("mix")
                try watched.waitTables(watched.child.outLines.count + 2)
                let run = try watched.stop()
                expect(run.last, witness.pid, is: truth.account)
                #expect(try AuditState.lost() == lost)
                #expect(run.code == 4)
                try witness.end()
                #expect(with.changes(to: try AuditState.read()).isEmpty)
            }
        }

        /// Nobody tells the guard who floods: then all rules go, and come again.
        @Test func aMonitorThatIsStopped() throws {
            try besideDaemon { _ in
                let watched = try Watched(options: ["--interval", "1"])
                let counter = try Counter(tcp: 8, udp: 6, unix: 4)
                let flood = try Flood()
                watched.child.signal(SIGSTOP)
                defer { watched.child.signal(SIGCONT) }
                try eventually("it is stopped") { Proc.state(watched.pid) == "T" }
                try flood.begin()
                let keeper = try watched.keeper
                try eventually("no rule of ours is left", within: 60) {
                    try AuditState.read().rules(of: watched.pid).isEmpty
                }
                #expect(Proc.comm(keeper) == "sockaudit-guard")
                _ = try flood.end()
                let printed = watched.child.outLines.count
                watched.child.signal(SIGCONT)
                try watched.waitTables(printed + 3)
                let table = try #require(try watched.tables.last)
                #expect(table.codes.contains("proc_mode"), "\(table.doubt)")
                #expect(try table.row(pid: counter.pid).stillOpen == counter.account.open)
                try eventually("the rules come again", within: 60) {
                    try watched.tables.last?.mode == "standard"
                }
                #expect(!(try AuditState.read().rules(of: watched.pid).isEmpty))
                watched.child.signal(SIGINT)
                #expect(try watched.child.wait(30) == 4, "\(watched.child.err)")
                let last = try #require(try watched.tables.last)
                #expect(last.codes.contains("proc_mode") && last.codes.contains("light_mode"))
                #expect(try last.row(pid: counter.pid).stillOpen == counter.account.open)
                try counter.kill()
            }
        }

        /// It hears of all steps at once, when the last one has made all as it was: what happened meanwhile
        /// was not audited all the same.
        @Test func aMonitorThatSleepsThroughItAll() throws {
            try besideDaemon { _ in
                let watched = try Watched(options: ["--interval", "1"])
                let scratch = try Scratch()
                let old = try PythonWorkload(at: scratch.file("old.py"))
                try old.ask("mix")
                try watched.waitTables(watched.child.outLines.count + 2)
                let whole = try AuditState.read().rules(of: watched.pid).count
                let flood = try Flood()
                watched.child.signal(SIGSTOP)
                defer { watched.child.signal(SIGCONT) }
                try flood.begin()
                try eventually("no rule of ours is left", within: 60) {
                    try AuditState.read().rules(of: watched.pid).isEmpty
                }
                _ = try flood.end()
                for _ in 0..<3 { try old.ask("mix") }
                let new = try Counter(tcp: 8, udp: 6, unix: 4)
                try eventually("the rules are in again", within: 60) {
                    try AuditState.read().rules(of: watched.pid).count == whole
                }
                watched.child.signal(SIGCONT)
                try watched.waitTables(watched.child.outLines.count + 3)
                let open = try old.ask("mix").open
                let run = try watched.stop()
                #expect(!run.last.codes.contains("proc_drift"), "\(run.last.doubt)")
                #expect(run.last.codes.contains("proc_mode"), "\(run.last.doubt)")
                #expect(try run.last.row(pid: old.pid).stillOpen == open)
                #expect(try run.last.row(pid: new.pid).stillOpen == new.account.open)
                try old.end()
                try new.kill()
            }
        }

        /// Someone took one of ours out. The guard takes the others out, and puts none in again.
        @Test func aRuleThatSomeoneRemovedIsNotPutBack() throws {
            try besideDaemon { _ in
                let watched = try Watched(options: ["--interval", "1"])
                let rules = try AuditState.read().rules(of: watched.pid)
                try AuditState.delete(try #require(rules.first { $0.contains("fcntl") }))
                let flood = try Flood()
                watched.child.signal(SIGSTOP)
                defer { watched.child.signal(SIGCONT) }
                try flood.begin()
                try eventually("no rule of ours is left", within: 60) {
                    try AuditState.read().rules(of: watched.pid).isEmpty
                }
                _ = try flood.end()
                watched.child.signal(SIGCONT)
                // More than the quiet time after which the guard goes up.
                try watched.waitTables(watched.child.outLines.count + 15)
                #expect(try AuditState.read().rules(of: watched.pid).isEmpty)
                let last = try #require(try watched.tables.last)
                #expect(last.mode == "proc" && last.codes.contains("rules_changed"), "\(last.doubt)")
                _ = try watched.stop()
            }
        }

        /// A program of a mount namespace has a path that no rule of the host can name.
        @Test func aProgramThatNoRuleCanName() throws {
            try Skips.need("unshare")
            try besideDaemon { _ in
                let watched = try Watched(options: ["--interval", "1", "--budget", "1500"])
                let flood = "/mnt/deep/flood --pairs 60 >/dev/null &"
                let storm = try Child(
                    "unshare",
                    [
                        "-m", "--kill-child", "--fork", "--pid", "/bin/sh", "-c",
                        "mount -t tmpfs none /mnt && mkdir /mnt/deep && cp \(Host.workload("flood")) /mnt/deep/flood && while :; do for i in 1 2 3 4 5 6; do \(flood) done; wait; done",
                    ])
                storm.closeInput()
                try eventually("the mode goes down", within: 60) {
                    ["light", "proc"].contains(try watched.tables.last?.mode)
                }
                #expect(!watched.child.err.contains("all of /mnt/deep"), "\(watched.child.err)")
                storm.signal(SIGKILL)
                _ = try storm.wait()
                try eventually("the rules come again", within: 110) {
                    try watched.tables.last?.mode == "standard"
                }
                _ = try watched.stop()
            }
        }

        /// A storm of short processes: their program is exempt, not each of them.
        @Test func aStormOfShortProcesses() throws {
            try besideDaemon { _ in
                let watched = try Watched(options: ["--interval", "1", "--budget", "1500"])
                let counter = try Counter(tcp: 8, udp: 6, unix: 4)
                let storm = try Child(
                    "/bin/bash",
                    ["-c", "while :; do /bin/true & /bin/true & /bin/true & /bin/true & wait; done"])
                try eventually("a program is exempt", within: 60) {
                    try watched.tables.last?.reason("exempted")?.text.contains("all of /") == true
                }
                try watched.waitTables(watched.child.outLines.count + 1)
                storm.signal(SIGKILL)
                _ = try storm.wait()
                let run = try watched.stop()
                // On a host that does other work as well the budget may be used up without the storm.
                if run.tables.allSatisfy({ $0.mode == "standard" }) {
                    expect(run.last, counter.pid, is: counter.account)
                } else {
                    #expect(try run.last.row(pid: counter.pid).stillOpen == counter.account.open)
                }
                try counter.kill()
            }
        }

        /// The daemon comes, goes and is killed while we run.
        @Test func aDaemonThatComesAndGoes() throws {
            try Skips.need("auditd")
            let before = try AuditState.read()
            guard before.settings["pid"] == "0" else { try Skips.skip("an audit daemon of the host runs") }
            let watched = try Watched(options: ["--interval", "1"])
            let first = try Counter(tcp: 5, udp: 4, unix: 3)
            let daemon = try AuditDaemon()
            let second = try Counter(tcp: 6, udp: 5, unix: 4)
            try watched.waitTables(watched.child.outLines.count + 2)
            try daemon.end()
            // It leaves auditing on, as it found it.
            let third = try Counter(tcp: 7, udp: 6, unix: 5)
            let run = try watched.stop()
            for counter in [first, second, third] {
                expect(run.last, counter.pid, is: counter.account)
                try counter.kill()
            }
            #expect(!run.last.codes.contains("rules_changed"), "\(run.last.doubt)")
        }
    }
}

/// A generator of socket and close, as fast as one thread goes.
final class Flood {
    private struct Said: Decodable { var pairs: Int }
    private let child: Child
    var pid: pid_t { child.pid }

    init() throws { child = try Child(Host.workload("flood"), ["--pairs", "0", "--wait"]) }

    func begin() throws { try child.send("") }

    /// - Returns: how many pairs it made.
    func end() throws -> Int {
        child.closeInput()
        #expect(try child.wait(60) == 0, "\(child.err)")
        return try JSONDecoder().decode(Said.self, from: Data(child.out.utf8)).pairs
    }
}
