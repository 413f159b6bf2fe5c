import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Rules of a run that was killed, and rules of an administrator that look like them.
    @Suite struct StaleRules {
        private static let administrators =
            "-a always,exit -F arch=b64 -S socket -F success=1 -F key=sockaudit"

        /// Kills a sockaudit's keeper, so that its rules stay.
        private func killed() throws -> pid_t {
            let watched = try Watched()
            let pid = watched.pid
            let rules = try AuditState.read().rules(of: pid)
            #expect(!rules.isEmpty)
            try watched.killKeeper()
            #expect(watched.child.err.contains("rules --clear"), "\(watched.child.err)")
            #expect(try AuditState.read().rules(of: pid) == rules)
            return pid
        }

        @Test func theNextStartSweepsThem() throws {
            let before = try AuditState.read()
            try AuditState.with([Self.administrators]) {
                let dead = try killed()
                let watched = try Watched()
                #expect(watched.child.err.contains("rules that a killed sockaudit had left"))
                let during = try AuditState.read()
                #expect(during.rules(of: dead).isEmpty)
                #expect(!during.rules(of: watched.pid).isEmpty)
                let counter = try Counter(tcp: 5, udp: 4, unix: 3)
                let run = try watched.stop()
                expect(run.last, counter.pid, is: counter.account)
                try counter.kill()
                let after = try AuditState.read()
                #expect(after.rules.contains(Self.administrators))
                #expect(after.settings == before.settings)
            }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// Signals that end a program which says nothing of them.
        @Test(arguments: [SIGUSR1, SIGALRM, SIGXCPU])
        func aKeeperThatIsSignalledEndsInOrder(_ signal: Int32) throws {
            let before = try AuditState.read()
            let watched = try Watched()
            kill(try watched.keeper, signal)
            #expect([0, 4].contains(try watched.child.wait()), "\(watched.child.err)")
            try eventually("all is as before") { before.changes(to: try AuditState.read()).isEmpty }
        }

        @Test func clearRemovesThemAndNoOthers() throws {
            let before = try AuditState.read()
            try AuditState.with([Self.administrators]) {
                let dead = try killed()
                let alive = try Watched()
                let kept = try AuditState.read().rules(of: alive.pid)
                // The start of the second has swept; leave something for `--clear` as well.
                let stale =
                    "-a always,exit -F arch=b64 -S close -F exit!=-EBADF -F pid!=\(dead) -F key=sockaudit"
                try AuditState.add(stale)
                let listed = try run(Host.sockaudit, ["rules", "--installed"])
                #expect(listed.code == 0)
                #expect(listed.out.contains("pid!=\(dead)") && listed.out.contains("pid!=\(alive.pid)"))
                let cleared = try run(Host.sockaudit, ["rules", "--clear"])
                #expect(cleared.code == 0, "\(cleared.err)")
                let during = try AuditState.read()
                #expect(during.rules(of: dead).isEmpty)
                #expect(during.rules(of: alive.pid) == kept)
                #expect(during.rules.contains(Self.administrators))
                _ = try alive.stop()
                #expect(try AuditState.read().rules.contains(Self.administrators))
            }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func clearAfterAKillSwitchesAuditingOffAgain() throws {
            let before = try AuditState.read()
            _ = try killed()
            let cleared = try run(Host.sockaudit, ["rules", "--clear"])
            #expect(cleared.code == 0, "\(cleared.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            let again = try run(Host.sockaudit, ["rules", "--clear"])
            #expect(again.code == 0, "\(again.err)")
        }

        @Test func rulesWithTheSameContentAreUsedAndStay() throws {
            let first = try Watched()
            let own = try AuditState.read().rules(of: first.pid)
            _ = try first.stop()
            let theirs = own.map { rule in
                rule.split(separator: " ").filter { $0 != "-F" && !$0.hasPrefix("pid!=") }.map(String.init)
                    .reduce(into: [String]()) { words, word in
                        // `-F` goes before every field, and was taken out to drop one of them.
                        if word.contains("=") { words.append("-F") }
                        words.append(word)
                    }
                    .joined(separator: " ")
            }
            try AuditState.with(theirs) {
                let before = try AuditState.read()
                #expect(before.rules.count >= theirs.count)
                let watched = try Watched()
                #expect(
                    watched.line.contains("0 rules and \(theirs.count) that were there already"),
                    "\(watched.line)")
                #expect(try AuditState.read().rules == before.rules)
                let counter = try Counter(tcp: 6, udp: 5, unix: 4)
                let held = try watched.stop()
                expect(held.last, counter.pid, is: counter.account)
                try counter.kill()
                #expect(before.changes(to: try AuditState.read()).isEmpty)
                let cleared = try run(Host.sockaudit, ["rules", "--clear"])
                #expect(cleared.code == 0)
                #expect(before.changes(to: try AuditState.read()).isEmpty)
            }
        }

        @Test func theRulesFileLoadsAndIsUsed() throws {
            let rules = try Host.printedRules()
            #expect(!rules.isEmpty)
            try AuditState.with(rules) {
                let watched = try Watched()
                #expect(watched.line.contains(" 0 rules and \(rules.count) "), "\(watched.line)")
                let counter = try Counter(tcp: 2, udp: 2, unix: 2)
                expect(try watched.stop().last, counter.pid, is: counter.account)
                try counter.kill()
            }
        }
    }
}
