import Testing

@testable import SockAuditCore

@Suite struct GuardTests {
    private let quiet = GuardHost.Process(pid: 7, rate: 40)

    @Test func aCalmHostIsLeftAlone() {
        var host = GuardHost()
        host.processes = [quiet, .init(pid: 8, rate: 3_000)]
        host.run(120_000)
        #expect(host.decisions.isEmpty)
        #expect(host.guardian.state == GuardState())
    }

    @Test func aBurstThatIsOverAtTheNextReadingChangesNothing() {
        var guardian = Guard(settings: GuardSettings())
        var decisions: [GuardDecision] = []
        for (index, backlog) in ([0, 0, 8_192, 0, 0, 0] as [UInt32]).enumerated() {
            let counters = GuardCounters(
                now: Int64(index) * 100, backlog: backlog, waited: backlog > 0 ? 3 : 0)
            if let decision = guardian.step(counters) { decisions.append(decision) }
        }
        // The readings after it still count the wait once: three jiffies, which do not rise again.
        #expect(decisions.isEmpty)
    }

    /// The kernel's default queue has 64 places: calls wait a tick now and then, and that is all.
    @Test func shortWaitsAtASmallQueueAreNoFlood() {
        var guardian = Guard(settings: GuardSettings())
        var decisions: [GuardDecision] = []
        for index in 0..<3_000 {
            let now = Int64(index) * 20
            let program = GuardLoad.Program(exe: Array("/bin/cc".utf8), events: 20, processes: 9)
            guardian.take(GuardLoad(at: now, span: 20, events: 20, programs: [program]))
            // One tick in every 40 ms, all callers together: a tenth of the time.
            let counters = GuardCounters(
                now: now, backlog: UInt32(index % 64), backlogLimit: 64, waited: UInt32(index / 2))
            if let decision = guardian.step(counters) { decisions.append(decision) }
        }
        #expect(decisions.isEmpty)
    }

    @Test func thoseWhoFloodAreExemptAndNobodyElse() throws {
        var host = GuardHost()
        host.processes = [.init(pid: 1, rate: 300_000), .init(pid: 2, rate: 300_000), quiet]
        host.run(1_000)
        #expect(host.decisions.count == 1)
        let first = try #require(host.decisions.first)
        #expect(first.decision.state.level == .all)
        #expect(Set(first.decision.state.processes) == [1, 2])
        #expect([.waited, .backlog].contains(first.decision.cause))
        #expect(first.at - 1_000_000 <= 400, "\(first.at)")
        host.run(600_000)
        // They go on flooding, so nobody tries them again: each trial would cost the log another queue.
        #expect(host.decisions.count == 1)
    }

    @Test func whoHasCalmedDownIsAuditedAgain() throws {
        var host = GuardHost()
        host.processes = [.init(pid: 1, rate: 300_000), quiet]
        host.run(3_000)
        #expect(host.guardian.state.processes == [1])
        host.processes[0].rate = 10
        host.run(13_000)
        #expect(host.guardian.state == GuardState())
        #expect(host.decisions.last?.decision.cause == .quiet)
    }

    @Test func flappingIsTriedLaterEachTime() {
        var host = GuardHost()
        host.processes = [.init(pid: 1, rate: 300_000), quiet]
        var ups: [Int64] = []
        for _ in 0..<400 {
            // It is calm whenever it is exempt, and floods when it is not.
            host.processes[0].rate = host.guardian.state.processes.isEmpty ? 300_000 : 0
            host.run(500)
            if host.decisions.last?.decision.cause == .quiet, ups.last != host.decisions.last?.at {
                ups.append(host.decisions.last?.at ?? 0)
            }
        }
        let gaps = zip(ups, ups.dropFirst()).map { $1 - $0 }
        #expect(gaps.count >= 3)
        #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $1 >= $0 + 5_000 }, "\(gaps)")
    }

    @Test func whenTheMonitorStandsStillTheModeGoesDown() {
        var host = GuardHost()
        host.isReporting = false
        host.processes = [.init(pid: 1, rate: 300_000), .init(pid: 2, rate: 300_000)]
        host.run(6_000)
        #expect(host.decisions.map(\.decision.state.level) == [.light, .nothing])
        #expect(host.decisions.allSatisfy { !$0.decision.state.exemptsAnyone })
    }

    @Test func manyWhoAreAllAlikeBringTheModeDown() {
        var host = GuardHost()
        host.processes = (1...400).map { .init(pid: $0, exe: "/bin/\($0)", rate: 100, socketsIn: 8) }
        host.run(10_000)
        #expect(host.decisions.first?.decision.state.level == .light)
        // 5,000 a second are left: that is enough.
        #expect(host.guardian.state.level == .light)
    }

    @Test func aStormOfShortProcessesIsExemptByProgram() {
        var host = GuardHost()
        host.processes = [quiet] + (100...400).map { .init(pid: $0, exe: "/bin/storm", rate: 100) }
        host.run(3_000)
        #expect(host.guardian.state.programs == [Array("/bin/storm".utf8)])
        #expect(host.guardian.state.level == .all)
    }

    /// The one that starts them makes its share of the events as well.
    @Test func theStarterOfAStormGoesWithIt() {
        var host = GuardHost()
        host.processes =
            [quiet, .init(pid: 9, exe: "/bin/sh", rate: 12_000)]
            + (100...400).map { .init(pid: $0, exe: "/bin/storm", rate: 40) }
        host.run(3_000)
        #expect(host.guardian.state.programs == [Array("/bin/storm".utf8)])
        #expect(host.guardian.state.processes == [9])
        #expect(host.guardian.state.level == .all)
    }

    @Test func aWatchOfOneProgramNeverExemptsIt() {
        var settings = GuardSettings()
        settings.isNarrowed = true
        var host = GuardHost(settings)
        host.processes = (100...400).map { .init(pid: $0, exe: "/bin/storm", rate: 100) }
        host.run(3_000)
        #expect(host.guardian.state.programs.isEmpty)
        #expect(host.guardian.state.level < .all)
    }

    @Test func lossIsActedOnWithTheFirstReport() {
        var host = GuardHost()
        host.waits = false
        host.processes = [.init(pid: 1, rate: 300_000), quiet]
        host.run(500)
        #expect(host.decisions.first?.decision.cause == .lost)
        #expect(host.guardian.state.processes == [1])
    }

    @Test func theBudgetIsACeiling() {
        var settings = GuardSettings()
        settings.budget = 1_000
        var host = GuardHost(settings)
        host.processes = [.init(pid: 1, rate: 2_000), .init(pid: 2, rate: 300)]
        host.run(3_000)
        #expect(host.decisions.map(\.decision.cause) == [.budget])
        #expect(host.guardian.state.processes == [1])
    }

    @Test func withoutADaemonOnlyWhatGoesOnIsAFlood() {
        var host = GuardHost()
        host.hasDaemon = false
        host.limit = 64
        host.drain = 90_000
        host.processes = [.init(pid: 1, rate: 300_000), quiet]
        host.run(1_500)
        #expect(host.decisions.isEmpty)
        host.run(2_000)
        #expect(host.guardian.state.processes == [1])
    }

    @Test func whoInsistsOnTheModeKeepsIt() {
        var settings = GuardSettings()
        settings.mayStep = false
        var host = GuardHost(settings)
        host.isReporting = false
        host.processes = [.init(pid: 1, rate: 300_000)]
        host.run(20_000)
        #expect(host.decisions.isEmpty)
    }

    @Test func whoInsistsExemptsBesideADaemonOnly() {
        for hasDaemon in [true, false] {
            var settings = GuardSettings()
            settings.mayStep = false
            var host = GuardHost(settings)
            host.hasDaemon = hasDaemon
            host.processes = [.init(pid: 1, rate: 300_000), quiet]
            host.run(10_000)
            #expect(host.guardian.state.processes == (hasDaemon ? [1] : []))
            #expect(host.guardian.state.level == .all)
        }
    }

    @Test func countersThatWrapOrAreResetAreNoLoss() {
        #expect(Guard.rise(5, 5) == 0)
        #expect(Guard.rise(5, 9) == 4)
        #expect(Guard.rise(.max - 1, 2) == 4)
        // auditctl --reset-lost: nothing since.
        #expect(Guard.rise(40_000, 0) == 0)
        #expect(Guard.rise(40_000, 3) == 3)
        var host = GuardHost()
        host.lost = 190_800
        host.waited = 5_000
        host.processes = [quiet]
        host.run(1_000)
        (host.lost, host.waited) = (0, 0)
        host.run(1_000)
        (host.lost, host.waited) = (.max, .max)
        host.run(1_000)
        #expect(host.decisions.isEmpty)
    }

    /// The last record of a flood may have left somebody asleep.
    @Test func aFloodThatFallsSilentGetsARecord() {
        var guardian = Guard(settings: GuardSettings())
        func wants(_ now: Int64, backlog: UInt32 = 0) -> Bool {
            guardian.wantsRecord(GuardCounters(now: now, backlog: backlog))
        }
        #expect(!wants(500))
        guardian.take(GuardLoad(at: 1_000, span: 100, events: 20))
        #expect(!wants(5_000))
        guardian.take(GuardLoad(at: 6_000, span: 100, events: 5_000))
        #expect(!wants(6_100))
        #expect(!wants(6_250, backlog: 3))
        let made = stride(from: Int64(6_250), to: 20_000, by: 50).count { wants($0) }
        #expect(made == 3)
    }

    @Test func anEndedProcessIsNoLongerExempt() throws {
        var host = GuardHost()
        host.processes = [.init(pid: 1, rate: 300_000), .init(pid: 2, rate: 300_000)]
        host.run(1_000)
        let nobody = host.guardian.ended([3])
        #expect(nobody == nil)
        let ended = host.guardian.ended([1, 3])
        let decision = try #require(ended)
        #expect(decision.state.processes == [2])
        #expect(decision.cause == .ended)
    }

    @Test func aLogThatRotatesGetsNoMoreThanItsShare() {
        var settings = GuardSettings()
        settings.evidence = EvidenceAllowance(capacity: 42e6, bytesPerEvent: 600)
        var host = GuardHost(settings)
        // Many small ones, within the budget: nobody floods.
        host.processes = (1...40).map { .init(pid: $0, exe: "/bin/\($0)", rate: 10, socketsIn: 10) }
        host.run(30_000)
        #expect(host.decisions.isEmpty)
        host.run(30_000)
        #expect(host.decisions.map(\.decision.cause) == [.evidence])
        #expect(host.guardian.state.level == .light)
        host.run(600_000)
        // Light it stays while the share is used up.
        #expect(host.guardian.state.level == .light)
        #expect(host.written < 42e6 / 600)
    }

    @Test func whatBeganLightForTheLogsSakeStaysSo() {
        var settings = GuardSettings()
        settings.evidence = EvidenceAllowance(capacity: 42e6, bytesPerEvent: 600)
        var state = GuardState()
        state.level = .light
        var host = GuardHost(settings)
        host.guardian = Guard(settings: settings, state: state)
        host.processes = [quiet]
        host.run(60_000)
        #expect(host.decisions.isEmpty)
        #expect(EvidenceAllowance.hours(capacity: 42e6, bytesPerEvent: 600, rate: 20) < 1)
        #expect(EvidenceAllowance.hours(capacity: 42e6, bytesPerEvent: 600, rate: 0) == .infinity)
    }

    @Test func theWayUpGoesStepByStep() {
        var host = GuardHost()
        host.isReporting = false
        host.processes = [.init(pid: 1, rate: 300_000)]
        host.run(6_000)
        #expect(host.guardian.state.level == .nothing)
        host.processes = [quiet]
        host.isReporting = true
        host.run(60_000)
        let levels = host.decisions.map(\.decision.state.level)
        #expect(levels == [.light, .nothing, .light, .all])
    }
}
