import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// SIGSTOP, a debugger, a frozen control group: one of the two processes, or both, does not run for a while.
    /// What was counted meanwhile is in the next table, whose interval says how long it was; tables that were
    /// missed do not come after it. (docs/faults.md)
    @Suite struct FaultSuspended {
        enum Who: String, CaseIterable {
            case monitor, keeper, both
        }

        private static let interval = 0.5

        private func state(_ pid: pid_t, is wanted: Character) throws {
            try eventually("\(pid) is in state \(wanted)") { Proc.state(pid) == wanted }
        }

        private func stopped(_ who: Who, for seconds: Double) throws {
            let before = try AuditState.read()
            let begin = ContinuousClock.now
            let watched = try Watched(options: ["--interval", "\(Self.interval)"])
            let early = try Counter(tcp: 9, udp: 8, unix: 7)
            let dies = try Counter(tcp: 3, udp: 2, unix: 1)
            let calm = try watched.nextTable()
            expect(calm, early.pid, is: early.account)
            // Nobody stopped leaves rules in, also where this test fails.
            let keeper = try watched.keeper
            defer { for pid in [keeper, watched.pid] { kill(pid, SIGCONT) } }
            if who != .monitor {
                kill(keeper, SIGSTOP)
                try state(keeper, is: "T")
                // The monitor waits for its answer.
                usleep(useconds_t(Self.interval * 3_000_000))
            }
            if who != .keeper {
                watched.child.signal(SIGSTOP)
                try state(watched.pid, is: "T")
            }
            let since = ContinuousClock.now
            let printed = watched.child.outLines.count
            let late = try Counter(tcp: 6, udp: 5, unix: 4)
            try dies.kill()
            usleep(useconds_t(seconds * 1_000_000))
            let length = Self.seconds(since)
            // The monitor first: what it waits for is not there yet.
            if who != .keeper { watched.child.signal(SIGCONT) }
            if who == .both { try eventually("it runs") { Proc.state(watched.pid) != "T" } }
            if who != .monitor { kill(keeper, SIGCONT) }

            // One table may have been half written.
            try watched.waitTables(printed + 3)
            let run = try watched.stop()
            let whole = Self.seconds(begin)
            for table in run.tables[(printed + 1)...] {
                expect(table, early.pid, is: early.account, state: "running")
                expect(table, late.pid, is: late.account, state: "running")
                expect(table, dies.pid, is: dies.account.ended, state: "exited")
            }
            #expect(!run.last.codes.contains("proc_drift"), "\(run.last.doubt)")
            // None of those that were missed has come: deadlines did not pile up.
            let most = Int((whole - length) / Self.interval) + 2
            #expect(
                run.tables.count <= most,
                "\(run.tables.count) tables in \(whole) s, \(length) s of them stopped")
            // The table that has what was done meanwhile says how long that was, and no other counts it again.
            let intervals = run.tables.map(\.interval)
            let of = try #require(
                run.tables.first { $0.rows(pid: late.pid).first?.socketLast == late.account.socket })
            #expect(of.interval > length - 2 * Self.interval, "\(length): \(of.interval) of \(intervals)")
            #expect(
                intervals.reduce(0, +) <= whole && intervals.allSatisfy { $0 >= 0 }, "\(whole): \(intervals)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            for counter in [early, late] { try counter.kill() }
        }

        private static func seconds(_ since: ContinuousClock.Instant) -> Double {
            let passed = since.duration(to: .now).components
            return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
        }

        @Test(arguments: Who.allCases)
        func forSomeSeconds(_ who: Who) throws { try stopped(who, for: who == .monitor ? 8 : 4) }

        @Test(arguments: [Who.monitor, .both])
        func forAMinute(_ who: Who) throws {
            try Skips.unlessSlow()
            try stopped(who, for: 60)
        }

        /// The keeper alone for longer than the monitor waits for an answer: a run that cannot be guarded ends, and
        /// says why; the rules go as soon as the keeper can.
        @Test func theKeeperForAMinute() throws {
            try Skips.unlessSlow()
            let before = try AuditState.read()
            let watched = try Watched(options: ["--interval", "1"])
            try watched.waitTables(2)
            let keeper = try watched.keeper
            defer { kill(keeper, SIGCONT) }
            kill(keeper, SIGSTOP)
            #expect(try watched.child.wait(90) == 2)
            #expect(watched.child.err.contains("does not answer (pid \(keeper))"), "\(watched.child.err)")
            #expect(!(try AuditState.read().rules(of: watched.pid).isEmpty))
            kill(keeper, SIGCONT)
            try eventually("the keeper ends") { Proc.comm(keeper) == nil }
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
