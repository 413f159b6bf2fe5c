import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Sockaudits that begin and end beside each other: whoever leaves last leaves the host as it was.
    @Suite struct SeveralRuns {
        /// With an administrator's rules that bring all that ours would, no run has any of its own: the kernel's
        /// rules do not tell that there are others.
        @Test(arguments: [true, false])
        func theLastOneSwitchesAuditingOff(_ firstEndsFirst: Bool) throws {
            let before = try AuditState.read()
            try #require(!before.isEnabled, "auditing is off before")
            try AuditState.with(try Host.printedRules()) {
                let with = try AuditState.read()
                var runs = [try Watched(), try Watched()]
                for watched in runs { #expect(watched.line.contains(" 0 rules and "), "\(watched.line)") }
                if !firstEndsFirst { runs.reverse() }
                _ = try runs[0].stop()
                #expect(try AuditState.read().isEnabled, "the other still needs it")
                let counter = try Counter(tcp: 5, udp: 4, unix: 3)
                expect(try runs[1].stop().last, counter.pid, is: counter.account)
                try counter.kill()
                #expect(with.changes(to: try AuditState.read()).isEmpty)
            }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// Over the rules of one that was killed: which of them sweeps, and which sees what, is chance.
        @Test func manyThatStartAndEndAtOnce() throws {
            let before = try AuditState.read()
            for _ in 0..<4 {
                try Watched().killKeeper()
                let runs = try (0..<4).map { index in
                    let length = ["--interval", "0.3", "--count", "\(1 + index % 2)"]
                    return try Child(Host.sockaudit, ["all", "--format", "json"] + length)
                }
                for one in runs {
                    one.closeInput()
                    #expect([0, 4].contains(try one.wait()), "\(one.err)")
                }
                #expect(before.changes(to: try AuditState.read()).isEmpty)
            }
        }

        /// What a killed run switched on, and another then sweeps, is by then auditd's.
        @Test func auditdThatCameAfterAKilledOneKeepsAuditing() throws {
            let before = try AuditDaemon.stateBefore()
            try #require(!before.isEnabled, "auditing is off before")
            defer { _ = try? run("auditctl", ["-e", "0"]) }
            try Watched().killKeeper()
            let daemon = try AuditDaemon()
            let watched = try Watched()
            #expect(watched.child.err.contains("rules that a killed sockaudit had left"))
            _ = try watched.stop()
            let after = try AuditState.read()
            #expect(after.isEnabled, "auditd needs it")
            #expect(after.rules == before.rules)
            #expect(after.settings["marker"] == "none" && after.settings["lock"] == "none")
            try daemon.end()
        }

        /// One that is stopped while it changes rules holds nobody up for good.
        @Test func oneThatStopsInItsTurn() throws {
            let before = try AuditState.read()
            let code = """
                import fcntl, sys
                file = open("\(AuditState.lock)", "a")
                fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
                print("held", flush=True)
                sys.stdin.read()
                """
            let holder = try Child("python3", ["-c", code])
            _ = try holder.outLine("held")
            let watched = try Watched()
            let counter = try Counter(tcp: 3, udp: 2, unix: 1)
            expect(try watched.stop().last, counter.pid, is: counter.account)
            try counter.kill()
            holder.closeInput()
            #expect(try holder.wait() == 0)
            // The next to leave takes the file of the turns away.
            _ = try Watched().stop()
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
