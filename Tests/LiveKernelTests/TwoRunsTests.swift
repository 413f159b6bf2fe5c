import Foundation
import Glibc
import Testing

extension Live {
    /// Two at the same time know nothing of each other, and the last to leave restores.
    @Suite struct TwoRuns {
        @Test(arguments: [true, false])
        func bothAreRight(firstLeavesFirst: Bool) throws {
            let before = try AuditState.read()
            let a = try Watched()
            let b = try Watched()
            let (leaver, stayer) = firstLeavesFirst ? (a, b) : (b, a)
            let early = try Counter(tcp: 11, udp: 7, unix: 5)
            let left = try leaver.stop()
            let kept = try AuditState.read()
            #expect(kept.isEnabled)
            #expect(kept.rules(of: leaver.pid).isEmpty)
            #expect(!kept.rules(of: stayer.pid).isEmpty)
            let late = try Counter(tcp: 13, udp: 3, unix: 2)
            let stayed = try stayer.stop()
            expect(left.last, early.pid, is: early.account)
            expect(stayed.last, early.pid, is: early.account)
            expect(stayed.last, late.pid, is: late.account)
            #expect(!stayed.last.codes.contains("rules_changed"))
            for counter in [early, late] { try counter.kill() }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func theOneThatSwitchedAuditingOnIsKilled() throws {
            let before = try AuditState.read()
            let a = try Watched()
            let b = try Watched()
            a.child.signal(SIGKILL)
            #expect(try a.child.wait() == 128 + SIGKILL)
            let counter = try Counter(tcp: 3, udp: 4, unix: 5)
            let run = try b.stop()
            expect(run.last, counter.pid, is: counter.account)
            try counter.kill()
            // Its keeper took its rules out, and the last to leave switches auditing off.
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
