import Testing

@testable import SockAuditCore

/// States that must not be for ever, and reports that are not what they seem.
@Suite struct GuardTrapTests {
    private let storm = (100...400).map { GuardHost.Process(pid: $0, exe: "/gone/storm", rate: 100) }
    private let programs = [Array("/gone/storm".utf8)]

    /// The kernel refuses a rule about a path that leads nowhere: the program is not tried again.
    @Test func aProgramThatNoRuleCanNameIsChosenOnce() {
        var host = GuardHost()
        host.processes = storm
        host.run(1_000)
        #expect(host.guardian.state.programs == programs)
        host.guardian.isOverruled(by: GuardState())
        host.run(5_000)
        #expect(host.guardian.state.programs.isEmpty)
        #expect(host.guardian.state.level < .all, "it goes on with what does help")
        host.processes = []
        host.run(120_000)
        #expect(host.guardian.state == GuardState())
    }

    /// A monitor that was stopped for half a minute tells of it in one report.
    @Test func aReportOfManySecondsIsNoFlood() {
        var settings = GuardSettings()
        settings.budget = 1_500
        var guardian = Guard(settings: settings)
        _ = guardian.step(GuardCounters(now: 0))
        guardian.take(
            GuardLoad(at: 100, span: 30_000, events: 30_000, processes: [.init(pid: 1, events: 30_000)]))
        let decision = guardian.step(GuardCounters(now: 110))
        #expect(decision == nil)
        guardian.take(
            GuardLoad(at: 200, span: 1_000, events: 30_000, processes: [.init(pid: 1, events: 30_000)]))
        let flood = guardian.step(GuardCounters(now: 210))
        #expect(flood?.cause == .budget)
    }

    /// Another's rules bring the events of a process that ours leave out: ours cannot bring fewer.
    @Test func whatTheExemptStillMakeIsNotOurs() {
        var host = GuardHost()
        host.processes = [.init(pid: 1, rate: 300_000)]
        host.run(1_000)
        #expect(host.guardian.state.processes == [1])
        var guardian = host.guardian
        var decisions = 0
        for turn in 1...200 {
            let now = host.now + Int64(turn) * 100
            guardian.take(
                GuardLoad(
                    at: now, span: 100, events: 2_000, processes: [.init(pid: 1, events: 2_000)], busy: [1]))
            if guardian.step(GuardCounters(now: now)) != nil { decisions += 1 }
        }
        #expect(decisions == 0)
    }

    /// The queue is full of others' records: to leave out a program that makes few would help nobody.
    @Test func aProgramThatMakesFewIsNotLeftOutForTheOthers() {
        var guardian = Guard(settings: GuardSettings())
        var exempted = false
        for turn in 0...40 {
            let now = Int64(turn) * 100
            guardian.take(
                GuardLoad(
                    at: now, span: 100, events: 60, processes: (1...6).map { .init(pid: $0, events: 10) },
                    programs: [.init(exe: Array("/usr/sbin/nginx".utf8), events: 60, processes: 6)]))
            let decision = guardian.step(
                GuardCounters(now: now, backlog: 8_000, waited: UInt32(turn) * 10))
            if decision?.state.exemptsAnyone == true { exempted = true }
        }
        #expect(!exempted)
        #expect(guardian.state.level < .all)
    }

    /// A high budget says how much may come of our rules, not that everyone is to pay for one who floods.
    @Test func aHighBudgetStillExemptsWhoFloods() {
        var settings = GuardSettings()
        settings.budget = 1_000_000
        var host = GuardHost(settings)
        host.processes = [.init(pid: 1, rate: 300_000), .init(pid: 7, rate: 40)]
        host.run(5_000)
        #expect(host.guardian.state.processes == [1])
        #expect(host.guardian.state.level == .all)
    }

    /// Without a daemon any burst makes callers wait. That is no flood, and so no reason to stay down.
    @Test func burstsWithoutADaemonDoNotKeepItDown() {
        var host = GuardHost()
        host.hasDaemon = false
        host.limit = 64
        host.drain = 90_000
        host.processes = [.init(pid: 1, rate: 300_000)]
        host.run(5_000)
        #expect(host.guardian.state.processes == [1])
        host.processes[0].rate = 0
        for _ in 0..<6 {
            host.waited += 3
            host.run(5_000)
        }
        #expect(host.guardian.state == GuardState())
    }
}
