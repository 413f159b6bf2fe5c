import AuditStream
import Glibc
import SockAuditCore

/// The live run: stream in, a table at each deadline, and everything as before at the end.
public struct Monitor: ~Copyable {
    var settings: WatchSettings
    var messages: Messages
    var scanner: ProcScanner
    var ledger: SocketLedger
    var pipeline: EventPipeline
    let signals: Signals
    var source: LiveSource
    /// Nil where nothing needs privileges: of a plugin that nobody but a person started.
    var keeper: KeeperLink?
    /// Its process; 0 where there is none.
    var keeperPid: Int32 = 0
    /// Of a plugin: where its settings are.
    var config: PluginConfig?
    /// Since when the host audits new processes, as far as is known; nil from boot.
    var auditedSince: Int64?
    /// The records are of this host, and may be held against /proc.
    var isLocal = true
    var guardLog: GuardLog
    var meter: LoadMeter
    var printer: TablePrinter
    var losses = LossTracker()
    /// How much was lost when processes were last looked for that nobody told of.
    var adoptedAtLoss = 0
    /// What the kernel lost when nobody took its records any more: an audit daemon's end is no loss of its run.
    var lostAtEnd = 0
    /// What /proc had put right up to the last table.
    var driftBefore = 0
    var saidWaiting = false
    var host: HostFindings
    /// Steady milliseconds: the first deadline counts from here.
    var started: Int64
    var startedWall: Int64
    /// The settings are other ones than before: deadlines too.
    var isChanged = false
    var lastTable: Int64
    var lastAge: Int64
    var lastTurn: Int64

    /// A nap between two readings: waking for every message costs three times the CPU (domain.md).
    private static let nap: Int32 = 20

    /// How long (ms) events wait for others that may come before them, and at most twice that. A thread
    /// that lost the processor on the way to its record has it back by then.
    private static let turn: Int64 = 100

    /// - Returns: the exit code.
    public static func run(_ settings: WatchSettings) throws(AuditError) -> Int32 {
        // What takes privileges comes first; then they go.
        let printer = try TablePrinter(settings: settings)
        let signals = try Signals()
        let clock = Clock()
        let messages = Messages(quiet: settings.quiet)
        let before = try AuditControl().status()
        let since = AuditAge.known(
            enabledBefore: before.enabled != 0, daemon: before.daemon, now: Clock.wall(), clock: clock)
        var keeper = try KeeperLink.spawn()
        var source = try openSource(settings, before)
        try ProcAccess.demand()
        do { try Privileges.dropToReader() } catch { messages.error(error.description) }

        let names = NameTable()
        let scanner = ProcScanner(clock: clock, names: names, readsUnits: settings.grouping == .unit)
        let ledger = SocketLedger(
            settings: .init(
                live: true, light: settings.mode == .light, units: settings.grouping == .unit),
            scope: settings.scope, names: names,
            probe: { scanner.probe($0) }, kin: ProcScanner.kin)
        let pipeline = try EventPipeline(
            ledger: ledger, ownPid: getpid(), wantsScripts: !settings.scope.isAll, live: true,
            decoder: settings.decoder)
        let running = scanner.running()
        let answer = ExecutableFinder.find(settings.scope, running: running)
        var order = KeeperOrder(settings, auditedSince: since)
        order.hasScreen = printer.awaitsScreen
        if case .files(let files) = answer { order.narrow(to: files) }
        let evidence = Evidence.find(settings, before, clock)
        evidence?.limit(&order)
        var report = try keeper.install(order)
        let sparing = try evidence?.judge(&keeper, &source, &report)
        let host = HostFindings(
            settings: settings, report: report, answer: answer, running: running, auditedSince: since)
        var monitor = Monitor(
            settings: settings, scanner: scanner, pipeline: pipeline, signals: signals,
            source: LiveSource(kernel: source), keeper: keeper, printer: printer, host: host)
        monitor.printer.rules = report.rules
        monitor.losses.sawKernelLost(before.lost, at: monitor.startedWall)
        ledger.watchingSince = monitor.startedWall
        let tables = SocketTables()
        monitor.adoptRunning(LookSettings(info: { tables.info(pid: $0, fd: $1, inode: $2) }))
        if let sparing { monitor.begin(.light, why: sparing) }
        monitor.announce(report)
        return monitor.watch()
    }

    init(
        settings: WatchSettings, scanner: ProcScanner, pipeline: EventPipeline, signals: consuming Signals,
        source: consuming LiveSource, keeper: consuming KeeperLink?, printer: consuming TablePrinter,
        host: HostFindings
    ) {
        self.settings = settings
        messages = Messages(quiet: settings.quiet)
        self.scanner = scanner
        ledger = pipeline.ledger
        self.pipeline = pipeline
        self.signals = signals
        self.source = source
        switch keeper {
        case .some(let keeper): keeperPid = keeper.process
        case .none: break
        }
        self.keeper = keeper
        guardLog = GuardLog(asked: settings.mode)
        self.printer = printer
        self.host = host
        started = Clock.steady()
        meter = LoadMeter(now: started)
        startedWall = Clock.wall()
        lastTable = started
        lastAge = started
        lastTurn = started
    }

    private mutating func announce(_ report: RuleInstaller.Report) {
        for finding in report.findings { messages.error(finding.text) }
        if report.swept > 0 {
            messages.note(
                "removed \(Counted.text(report.swept, "rule", "rules")) that a killed sockaudit had left.")
        }
        let manager = ServiceManager()
        confine()
        messages.note(host.watching(settings, mode: guardLog.mode, buffer: source.bufferBytes))
        manager.notifyReady()
    }

    private static func openSource(
        _ settings: WatchSettings, _ status: KernelStatus
    ) throws(AuditError) -> NetlinkSource {
        var kept: KeptRecords = settings.scope.isAll ? [] : .titles
        if settings.decoder == .auparse { kept.insert(.ends) }
        guard settings.source == .unicast else { return try .multicast(kept) }
        guard status.daemon == 0 else {
            throw AuditError(
                .daemonRegistered,
                "An audit daemon is registered (pid \(status.daemon)), and sockaudit never takes its place; use --source multicast."
            )
        }
        return try .unicast(kept)
    }

    // MARK: the loop

    mutating func watch() -> Int32 {
        var status = ExitStatus.done
        if source.plugin == nil { printer.beginScreen(signals: signals.descriptor) }
        do {
            try loop()
        } catch {
            printer.leaveScreen()
            messages.error(error.description)
            status = ExitStatus.failed
        }
        for failure in keeper?.remove() ?? [] where failure.code != .keeperGone {
            messages.error(failure.description)
            status = ExitStatus.failed
        }
        if status != ExitStatus.done { return status }
        if printer.sawLimit { return ExitStatus.limitReached }
        return printer.sawDoubt ? ExitStatus.doubtful : ExitStatus.done
    }

    private mutating func loop() throws(AuditError) {
        let end = (settings.duration ?? settings.lifetime).map { started + Int64($0 * 1_000) }
        var number: Int64 = 1
        while true {
            if isChanged { number = 1 }
            isChanged = false
            let deadline = started + Int64(Double(number) * settings.interval * 1_000)
            let until = min(deadline, end ?? deadline)
            switch try wait(until: until) {
            case .stopped, .readerGone:
                return try lastTable(at: Clock.steady())
            case .changed: continue
            case .deadline: break
            }
            let ends = end.map { until >= $0 } ?? false
            if ends || printer.tables + 1 == settings.count {
                if ends && settings.duration == nil {
                    messages.note("ended after 24 hours, as nobody said when to (--duration 0: never).")
                }
                return try lastTable(at: until)
            }
            if printer.isWaiting {
                if !saidWaiting {
                    messages.note("nobody takes the tables; counting goes on, tables are left out.")
                }
                saidWaiting = true
            } else if try table(final: false, at: until) == .closed {
                return try lastTable(at: Clock.steady())
            }
            // A late table does not push the next one; deadlines that passed meanwhile are skipped.
            let passed = Int64(Double(Clock.steady() - started) / (settings.interval * 1_000))
            number = max(number + 1, passed + 1)
        }
    }

    private enum Wake { case deadline, stopped, readerGone, changed }

    /// Reads the stream until a moment comes or someone wants us to stop.
    private mutating func wait(until: Int64) throws(AuditError) -> Wake {
        var readLately = false
        while true {
            let now = Clock.steady()
            // It may have come between the answers of a table.
            if keeper?.wantsStop ?? false { return .stopped }
            if source.hasEnded { return .stopped }
            if isChanged { return .changed }
            if now >= until { return .deadline }
            if now - lastAge >= 1_000 {
                pipeline.age()
                lastAge = now
            }
            if now - lastTurn >= Self.turn {
                pipeline.ageOrder()
                lastTurn = now
            }
            if try drawScreen(until: until) == .closed { return .readerGone }
            let limit = Int32(
                clamping: min(
                    until - now, pipeline.isWaiting ? Self.turn : 1_000,
                    printer.patience(until: until, now: now)))
            var waiting = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                // Otherwise only its errors: a reader that has gone.
                pollfd(fd: printer.polled, events: printer.wantsRoom ? Int16(POLLOUT) : 0, revents: 0),
                pollfd(fd: readLately ? -1 : source.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: keeper?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: printer.keys, events: Int16(POLLIN), revents: 0),
            ]
            let ready = SystemText.retrying {
                // As many as are given.
                unsafe poll(&waiting, 5, readLately ? min(Self.nap, limit) : limit)
            }
            if ready > 0 {
                if waiting[1].revents & Int16(POLLERR) != 0 { return .readerGone }
                if waiting[1].revents != 0, try printer.send() == .closed { return .readerGone }
                if waiting[0].revents != 0 {
                    switch signals.next() {
                    case .stop:
                        try awaitEnd()
                        return .stopped
                    // A terminal that has gone says so: there is no report that could be opened anew.
                    case .reopen where printer.hasScreen: return .stopped
                    case .reopen: reopen()
                    case .resized: printer.resize()
                    case .suspend: printer.suspend()
                    case .resumed: printer.resume()
                    case .none: break
                    }
                }
                if waiting[3].revents != 0 { try keeper?.listen() }
            }
            if printer.takeKeys(ready > 0 ? waiting[4].revents : 0) {
                _ = try drawScreen(until: until)
                return .stopped
            }
            readLately = try read() > 0
        }
    }

    private mutating func reopen() {
        if config != nil { return reload() }
        // A report that is replaced at each table is another file each time.
        guard settings.report != nil && !printer.replacesReport else { return }
        do {
            guard let fd = try keeper?.reopen() else { return }
            try printer.reopen { _ in fd }
        } catch {
            messages.error("\(error.description) The old report stays open.")
        }
    }

    /// Takes in what the stream has now.
    mutating func read() throws(AuditError) -> Int {
        let count = try source.read(into: pipeline, &meter)
        pipeline.sawClock(scanner.clock)
        pipeline.pump()
        guardTurn()
        return count
    }

    /// The last, shorter interval. The rules go out before the table does: a reader that hangs
    /// must not keep them in.
    private mutating func lastTable(at moment: Int64) throws(AuditError) {
        _ = try table(final: true, at: moment)
    }
}
