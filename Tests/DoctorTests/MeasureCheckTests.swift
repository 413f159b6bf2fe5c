import SockAuditCore
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

@Suite("Doctor: what a trial measured")
struct MeasureCheckTests {
    private func run(_ change: (inout MeasuredRun) -> Void = { _ in }) -> MeasuredRun {
        var run = MeasuredRun()
        run.seconds = 10
        run.events = 50
        run.programs = [(Array("/usr/bin/a".utf8), 40), (Array("/usr/bin/b".utf8), 10)]
        run.ownProcessor = 0.1
        var counts = SelfTestCounts(pid: 7, startTicks: 1)
        counts.socket = FamilyCounts(tcp: 6, udp: 4, other: 2)
        counts.close = FamilyCounts(tcp: 3, udp: 2, other: 1)
        counts.calls = ["b64.socket": 12, "b64.close": 6]
        run.expected = counts
        var row = Row()
        row.figures.socketTotal = counts.socket
        row.figures.closeTotal = counts.close
        run.row = row
        change(&run)
        return run
    }

    @Test("All of our own calls arrived")
    func arrived() {
        #expect(MeasureChecks.selfTest(run()).status == .pass)
        let silent = run {
            $0.mode = .light
            $0.row?.figures.closeTotal = FamilyCounts()
        }
        #expect(MeasureChecks.selfTest(silent).status == .pass)
    }

    @Test("Some did not, or under another family: the figures cannot be believed")
    func missing() {
        #expect(MeasureChecks.selfTest(run { $0.row = nil }).status == .fail)
        let fewer = run { $0.row?.figures.closeTotal[.tcp] -= 1 }
        #expect(MeasureChecks.selfTest(fewer).status == .fail)
        #expect(MeasureChecks.selfTest(fewer).text.contains("CloseTOT 5 of 6"))
        let other = run { $0.row?.figures.socketTotal = FamilyCounts(tcp: 4, udp: 6, other: 2) }
        #expect(MeasureChecks.selfTest(other).status == .fail)
        let guarded = run {
            $0.row = nil
            $0.steps = ["guard: down to light mode: x."]
        }
        #expect(MeasureChecks.selfTest(guarded).status == .warn)
        #expect(MeasureChecks.selfTest(run { $0.expected = nil }).status == .warn)
    }

    @Test("The rate, by program")
    func rate() {
        let check = MeasureChecks.rate(run())
        #expect(check.text.contains("50 events, 5/s") && check.text.contains("/usr/bin/a 80 %"))
        let hostile = run { $0.programs = [([0x1B, 0x5B], 50)] }
        #expect(!MeasureChecks.rate(hostile).text.utf8.contains(0x1B))
        #expect(MeasureChecks.rate(run { $0.seconds = 0 }).text.contains("0/s"))
    }

    @Test("A log that our records would rotate away within a day is a warning")
    func log() throws {
        #expect(MeasureChecks.log(run(), .fine()) == nil)
        var facts = DoctorFacts.fine()
        var conf = AuditdConf()
        (conf.maxLogFile, conf.numberOfLogs, conf.maxLogFileAction) = (8, 5, .rotate)
        var daemon = RegisteredDaemon(pid: 1, name: Array("auditd".utf8))
        daemon.conf = conf
        daemon.log = EvidenceLog(
            conf, isWritten: true, current: 0, older: 0,
            disk: .init(total: 1 << 40, free: 1 << 39, block: 4_096))
        facts.daemon = daemon
        // 72,000 events of room at 5 a second are four hours.
        let check = try #require(MeasureChecks.log(run(), facts))
        #expect(check.status == .warn && check.text.contains("within 4"), "\(check.text)")
        #expect(MeasureChecks.log(run { $0.events = 1 }, facts)?.status == .pass)
        #expect(MeasureChecks.advice(run(), facts).status == .warn)
        let figures = MeasureChecks.figures(run(), facts)
        #expect(figures.hoursOfLog.map { $0 > 3.5 && $0 < 4.5 } == true)
        #expect(figures.made == (12, 6) && figures.counted == (12, 6))
    }

    @Test("What the guard did, what was lost, and what to do")
    func harm() {
        #expect(MeasureChecks.harm(run()).status == .pass)
        #expect(MeasureChecks.harm(run { $0.lost = 3 }).status == .warn)
        let guarded = run { $0.steps = ["guard: down to light mode: x."] }
        #expect(MeasureChecks.harm(guarded).text.contains("light mode"))
        #expect(MeasureChecks.advice(guarded, .fine()).status == .warn)
        #expect(MeasureChecks.advice(run(), .fine()).status == .pass)
    }
}
