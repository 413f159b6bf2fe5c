import AuditStream
import Glibc
import SockAuditCore

extension Monitor {
    /// The run as a plugin of auditd: its records on standard input, the administrator's rules, a report.
    ///
    /// Where no audit daemon of this host started us, the records may be anybody's: they are counted as a
    /// log's are, and nothing is held against /proc.
    /// - Parameter settings: what `config` says now.
    /// - Returns: the exit code.
    public static func run(
        _ settings: WatchSettings, plugin config: PluginConfig
    ) throws(AuditError) -> Int32 {
        let signals = try Signals()
        let messages = Messages(quiet: settings.quiet)
        PluginFolder.make(for: settings.report)
        // What takes privileges comes first; then they go.
        let printer = try TablePrinter(settings: settings)
        let clock = Clock()
        let parent = AuditdParent.find()
        var keeper: KeeperLink?
        var since: Int64?
        if let parent {
            since = AuditAge.known(
                enabledBefore: parent.status.enabled != 0, daemon: parent.status.daemon, now: Clock.wall(),
                clock: clock)
            keeper = try KeeperLink.spawn()
            keeper?.holdsRules = false
        }
        if parent != nil {
            do { try Privileges.dropToReader() } catch { messages.error(error.description) }
        }
        // From here on auditd does not wait for us, whatever we do.
        let input = try DrainedInput.start()
        let count = try Count(settings, clock, live: parent != nil)
        let source = PluginSource(input, daemon: parent?.pid) { () throws(AuditError) in
            try Count(settings, clock, live: false).pipeline
        }
        var order = KeeperOrder(settings, auditedSince: since)
        order.plugin = config
        order.patterns = settings.scope.patterns
        if let parent { order.named = [RegisteredDaemon.confFile(of: parent.pid)] }
        let running = parent == nil ? [] : count.scanner.running()
        var answer = ExecutableFinder.Answer.all(because: "")
        if parent != nil { answer = ExecutableFinder.find(settings.scope, running: running) }
        if case .files(let files) = answer { order.narrow(to: files) }
        let report = try keeper?.install(order) ?? RuleInstaller.Report()
        let host = HostFindings(
            settings: settings, report: report, answer: Self.answer(answer, report), running: running,
            auditedSince: since, isPlugin: true)
        var monitor = Monitor(
            settings: settings, scanner: count.scanner, pipeline: count.pipeline, signals: signals,
            source: LiveSource(plugin: source), keeper: keeper, printer: printer, host: host)
        monitor.config = config
        monitor.isLocal = parent != nil
        monitor.auditedSince = since
        if parent != nil { monitor.printer.rules = report.rules }
        if let lost = parent?.status.lost {
            monitor.losses.sawKernelLost(lost, at: monitor.startedWall)
        }
        monitor.adopt()
        monitor.confine(named: order.named)
        monitor.announce(plugin: report)
        return monitor.watch()
    }

    /// What counts: made anew when other processes are wanted.
    private struct Count {
        let scanner: ProcScanner
        let pipeline: EventPipeline

        init(_ settings: WatchSettings, _ clock: Clock, live: Bool) throws(AuditError) {
            let names = NameTable()
            let scanner = ProcScanner(clock: clock, names: names, readsUnits: settings.grouping == .unit)
            self.scanner = scanner
            let ledger = SocketLedger(
                settings: .init(
                    live: live, light: settings.mode == .light, units: live && settings.grouping == .unit,
                    // Each is in every table: a run of months must not make tables of megabytes.
                    endedRows: 500),
                scope: settings.scope, names: names,
                probe: live ? { scanner.probe($0) } : nil, kin: live ? ProcScanner.kin : nil)
            pipeline = try EventPipeline(
                ledger: ledger, ownPid: live ? getpid() : 0, wantsScripts: !settings.scope.isAll, live: live,
                ends: true, decoder: settings.decoder)
        }
    }

    /// Only rules that are narrowed leave something out; the administrator's may be about all.
    private static func answer(
        _ answer: ExecutableFinder.Answer, _ report: RuleInstaller.Report
    ) -> ExecutableFinder.Answer {
        guard case .files = answer, !report.rules.contains(where: { $0.contains(" exe=") }) else {
            return answer
        }
        return .all(because: "the administrator's rules are about every process")
    }

    /// Books what is there already.
    private mutating func adopt() {
        guard isLocal else { return }
        let keeper = keeperPid
        // The administrator's rules leave out nobody. And what came before is told by what is there now: of
        // the records of that time the kernel kept some, and not others.
        let since = startedWall
        pipeline.admits = { $0.pid != keeper && $0.stamp >= since }
        source.plugin?.count(since: since)
        ledger.watchingSince = since
        let tables = SocketTables()
        adoptRunning(LookSettings(info: { tables.info(pid: $0, fd: $1, inode: $2) }))
    }

    private func announce(plugin report: RuleInstaller.Report) {
        for finding in report.findings { messages.error(finding.text) }
        guard isLocal else {
            return messages.note(
                "watching what comes on standard input; no audit daemon of this host started us, so nothing is held against /proc."
            )
        }
        if report.missing > 0 {
            let reasons = host.reasons(scanner: scanner, ledger: ledger, clock: { _ in "" })
            if let missing = reasons.first(where: { $0.code == .rulesMissing }) {
                messages.error("\(missing.text).")
            }
        }
        let scope =
            settings.scope.isAll
            ? "all processes" : settings.scope.labels.map { Escaping.visible($0) }.joined(separator: " ")
        messages.note(
            "watching \(scope) as a plugin of auditd, \(settings.mode.rawValue) mode, \(report.rules.count) rules, a table every \(TimeText.seconds(settings.interval)) s to \(Escaping.visible(settings.report ?? ""))."
        )
    }

    /// auditd tells its plugins that it ends, and then hands over what it still has.
    mutating func awaitEnd() throws(AuditError) {
        let limit = Clock.steady() + Self.farewell
        while source.plugin != nil, isLocal, !source.hasEnded, Clock.steady() < limit {
            if try read() == 0 { _ = poll(nil, 0, 5) }
        }
    }

    /// It takes less (ms); whoever ends the plugin alone waits so long.
    private static let farewell: Int64 = 500

    // MARK: tables

    /// What a table says of the records that came, beside what a live one does.
    func pluginRows(_ plugin: PluginSource, _ head: inout SnapshotHead) -> [Row] {
        if plugin.damaged > 0 {
            head.reasons.append(
                Reason(
                    .malformed, count: plugin.damaged,
                    "\(plugin.damaged) lines of the audit daemon are cut or damaged and were left out"))
        }
        if plugin.foreign > 0 {
            head.reasons.append(
                Reason(
                    .skippedLines, count: plugin.foreign,
                    "\(plugin.foreign) lines are no audit records and were left out"))
        }
        guard let remote = plugin.remote else { return [] }
        remote.settleOrder()
        let rows = remote.ledger.takeRows(now: nil)
        head.eventsSeen += remote.counters.events
        head.eventsUsed += remote.ledger.used
        let nodes = Set(rows.map(\.node)).count
        head.reasons.append(
            Reason(
                .unreadable, count: max(1, nodes),
                "records of \(max(1, nodes)) other hosts are counted as they came: what those lost nobody here knows, and nobody can ask their /proc"
            ))
        return rows
    }

    // MARK: HUP

    /// Opens the report anew, and goes by what the settings say now.
    mutating func reload() {
        guard let config else { return }
        do {
            let text: [UInt8]
            var opened: Int32?
            if keeper != nil {
                guard let answer = try keeper?.reload() else { return }
                (text, opened) = answer
            } else {
                text = try config.read()
            }
            var new: WatchSettings
            do { new = try config.settings(text) } catch {
                messages.error("\(error.description) The old settings stay.")
                if keeper == nil { try printer.reopen(ReportSink.open) }
                if let opened { try printer.reopen { _ in opened } }
                return
            }
            new.version = settings.version
            if keeper == nil {
                PluginFolder.make(for: new.report)
                let report = new.report ?? ""
                if new.format.isWhole {
                    var file = WholeFile(path: report, readers: new.format.readers)
                    try file.check()
                } else {
                    opened = try ReportSink.open(report)
                }
            }
            try take(new, opened)
        } catch {
            messages.error("\(error.description) The old report and the old settings stay.")
        }
    }

    private mutating func take(_ new: WatchSettings, _ opened: Int32?) throws(AuditError) {
        let old = settings
        try printer.change(to: new, opened: opened)
        settings = new
        messages = Messages(quiet: new.quiet)
        if new.interval != old.interval { restartIntervals() }
        let countsOthers =
            new.scope != old.scope || new.mode != old.mode || new.decoder != old.decoder
            || (new.grouping == .unit) != (old.grouping == .unit)
        source.plugin?.lookAgain()
        if countsOthers { try countAnew() } else { try observe() }
        messages.note("settings read again; a table every \(TimeText.seconds(new.interval)) s.")
    }

    /// The next table is due an interval from now.
    private mutating func restartIntervals() {
        started = Clock.steady()
        isChanged = true
    }

    /// All rules are in for the first time: the figures begin with them, and a report says which they are.
    mutating func beginWithRules() throws(AuditError) {
        startedWall = Clock.wall()
        try lookAtHost()
        printer.beginPart()
        messages.note("all rules that sockaudit needs are in the kernel now.")
    }

    /// Which rules bring what is wanted now.
    @discardableResult
    private mutating func observe() throws(AuditError) -> (RuleInstaller.Report, ExecutableFinder.Answer)? {
        guard isLocal else { return nil }
        guard let (report, answer) = try keeper?.observe() else { return nil }
        printer.rules = report.rules
        return (report, Self.answer(answer, report))
    }

    private mutating func lookAtHost() throws(AuditError) {
        guard let (report, answer) = try observe() else { return }
        host = HostFindings(
            settings: settings, report: report, answer: answer, running: scanner.running(),
            auditedSince: auditedSince, isPlugin: true)
    }

    /// Other calls, or those of other processes, are wanted from now on: figures begin at none.
    private mutating func countAnew() throws(AuditError) {
        let clock = Clock()
        let count = try Count(settings, clock, live: isLocal)
        pipeline.admits = nil
        (scanner, pipeline, ledger) = (count.scanner, count.pipeline, count.pipeline.ledger)
        let settings = settings
        source.plugin?.countAnew { () throws(AuditError) in try Count(settings, clock, live: false).pipeline }
        try lookAtHost()
        printer.beginPart()
        startedWall = Clock.wall()
        lastTable = Clock.steady()
        driftBefore = 0
        adopt()
    }
}

/// The folder of the report: the package makes it, and where it is gone a plugin must not fail for that.
enum PluginFolder {
    static func make(for report: String?) {
        guard report == PluginConfig.standardReport else { return }
        // Its own folder only, never the path to it; what is wrong the opening of the report says.
        unsafe mkdir(PluginConfig.standardFolder, 0o750)
    }
}
