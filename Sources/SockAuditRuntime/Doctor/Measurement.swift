import AuditStream
import Glibc
import SockAuditCore

/// What a trial of the rules on this host came to.
struct MeasuredRun {
    var seconds = 0.0
    /// Events of our rules, without those of the self-test.
    var events = 0
    /// By the program's file, the busiest first.
    var programs: [(exe: [UInt8], events: Int)] = []
    /// Seconds of processor: our two processes, and the audit daemon.
    var ownProcessor = 0.0
    var daemonProcessor: Double?
    /// What the guard did, a line each.
    var steps: [String] = []
    var lost = 0
    /// Milliseconds that calls waited for room in the queue, all callers together.
    var waited = 0.0
    /// What the self-test did, and what its row says of it; nil when there is none.
    var expected: SelfTestCounts?
    var row: Row?
    var mode = AuditMode.standard
}

/// Puts the rules in for a while, under the guard, and counts: `doctor --measure`.
struct Measurement: ~Copyable {
    private var keeper: KeeperLink
    private var source: NetlinkSource
    private let pipeline: EventPipeline
    private let ledger: SocketLedger
    private var meter: LoadMeter
    private var guardLog: GuardLog
    private var programs: [[UInt8]: Int] = [:]
    private var result = MeasuredRun()

    /// - Parameter files: the programs that the rules are narrowed to; empty for all.
    static func run(
        _ mode: AuditMode, files: [[UInt8]], seconds: Double, status: KernelStatus, auditedSince: Int64?
    ) throws(AuditError) -> MeasuredRun {
        let keeper = try KeeperLink.spawn()
        let source = try NetlinkSource.multicast([])
        do { try Privileges.dropToReader() } catch { Messages(quiet: false).error(error.description) }
        var trial = try Measurement(keeper, source, mode)
        var settings = WatchSettings()
        settings.mode = mode
        var order = KeeperOrder(settings, auditedSince: auditedSince)
        // The self-test runs under our own file.
        if !files.isEmpty { order.narrow(to: files + [SmallFile.link("/proc/self/exe") ?? []]) }
        return try trial.measure(order, seconds, status)
    }

    private init(
        _ keeper: consuming KeeperLink, _ source: consuming NetlinkSource, _ mode: AuditMode
    ) throws(AuditError) {
        self.keeper = keeper
        self.source = source
        let scanner = ProcScanner(clock: Clock(), names: NameTable())
        ledger = SocketLedger(
            settings: .init(live: true, light: mode == .light), scope: .all, probe: { scanner.probe($0) },
            kin: ProcScanner.kin)
        pipeline = try EventPipeline(ledger: ledger, ownPid: getpid(), wantsScripts: false, live: true)
        meter = LoadMeter(now: Clock.steady())
        guardLog = GuardLog(asked: mode)
        result.mode = mode
    }

    private mutating func measure(
        _ order: KeeperOrder, _ seconds: Double, _ before: KernelStatus
    ) throws(AuditError) -> MeasuredRun {
        _ = try keeper.install(order)
        let daemon = Int32(bitPattern: before.daemon)
        let (own, theirs) = (processor(), ProcScanner.processorTicks(daemon))
        let begin = Clock.steady()
        ledger.watchingSince = Clock.wall()
        let end = begin + Int64(seconds * 1_000)
        // In the middle: what comes first and last is as exact as the rest.
        try read(until: begin + (end - begin) / 3)
        var child = try SelfTestChild.start()
        let counts = try child.perform()
        try read(until: end)
        try catchUp()
        let after = try keeper.status()
        result.seconds = Double(Clock.steady() - begin) / 1_000
        result.ownProcessor = processor() - own
        if let theirs, let now = ProcScanner.processorTicks(daemon), daemon != 0 {
            result.daemonProcessor = Double(now &- min(now, theirs)) / 100
        }
        var losses = LossTracker()
        for status in [before, after] { losses.sawKernelLost(status.lost, at: 0) }
        result.lost = losses.total
        result.waited = Double(after.backlogWaitActual &- before.backlogWaitActual) * Clock.tick()
        result.expected = counts
        result.row = ledger.takeRows(now: Clock.wall()).first { $0.pid == counts.pid }
        if let failure = keeper.remove().first { throw failure }
        try child.end()
        // The self-test's own are no load of this host.
        result.events -= programs.removeValue(forKey: SmallFile.link("/proc/self/exe") ?? []) ?? 0
        result.programs = programs.map { ($0.key, $0.value) }.sorted { $0.1 > $1.1 }
        return result
    }

    /// Seconds of processor that we and the keeper have had.
    private func processor() -> Double {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        let keeper = ProcScanner.processorTicks(keeper.process) ?? 0
        return seconds(usage.ru_utime) + seconds(usage.ru_stime) + Double(keeper) / 100
    }

    private mutating func read(until: Int64) throws(AuditError) {
        while true {
            let left = until - Clock.steady()
            guard left > 0 else { return }
            var waiting = [
                pollfd(fd: source.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: keeper.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            // As many as are given.
            let ready = SystemText.retrying { unsafe poll(&waiting, 2, Int32(clamping: min(left, 100))) }
            if ready > 0 && waiting[1].revents != 0 { try keeper.listen() }
            _ = try take()
            // As a run does: waking for every message costs three times the processor.
            _ = poll(nil, 0, 20)
        }
    }

    private mutating func take() throws(AuditError) -> Int {
        let pipeline = pipeline
        var meter = meter
        // A message stays for the call that it is handed to.
        let count = try unsafe source.drain { type, text in
            unsafe meter.count(type: type, text)
            unsafe pipeline.push(type: type, message: text)
        }
        pipeline.pump()
        if let load = meter.report(now: Clock.steady(), exempt: guardLog.state) {
            keeper.report(load)
            result.events += load.events
            for program in load.programs { programs[program.exe, default: 0] += program.events }
        }
        self.meter = meter
        for decision in keeper.takeDecisions() {
            result.steps += guardLog.take(decision, at: Clock.wall()) { Monitor.label($0) }
            ledger.gaps = guardLog.gaps(ledger.names)
        }
        return count
    }

    /// Until all that the self-test did is read.
    private mutating func catchUp() throws(AuditError) {
        let limit = Clock.steady() + 2_000
        while Clock.steady() < limit {
            let isEmpty = try keeper.status().backlog == 0
            _ = poll(nil, 0, 5)
            if try take() == 0 && isEmpty { break }
        }
        pipeline.age()
        pipeline.settleOrder()
    }
}
