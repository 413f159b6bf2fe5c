import AuditStream
import SockAuditCore

/// The tables of a replay: sees each event before the ledger does, and so knows when the records' own time
/// has come to the end of an interval.
final class ReplayTables {
    let settings: WatchSettings
    let ledger: SocketLedger
    var printer: TablePrinter
    private var window: ReplayWindow
    private var clock: IntervalClock?
    private let offset: (Int64) -> Int
    /// Readable when a signal asks us to end.
    private let stop: Int32

    /// What was found up to the last block, for tables in the middle of one.
    var found: ReplayFindings
    /// Called before a table is written.
    var beforeTable: () -> Void = {}
    /// What went wrong when a table was written.
    private(set) var failure: AuditError?
    /// No more events are wanted: `--count` is reached, or nobody reads the tables.
    private(set) var isFinished = false

    /// Events that were used, inside the window; the ledger counts all.
    private var used = 0
    private var usedOfAll = 0
    private var lastWasInside = false
    private var usedAtTable = 0
    /// Intervals without an event of a process in scope since the last table, and when they began.
    private var quiet: (count: Int, since: Int64) = (0, 0)

    init(
        settings: WatchSettings, ledger: SocketLedger, found: ReplayFindings, stop: Int32
    ) throws(AuditError) {
        var settings = settings
        // Tables of the past are a list, not a picture that changes.
        if !settings.follow { settings.clears = false }
        self.settings = settings
        self.ledger = ledger
        self.found = found
        self.stop = stop
        printer = try TablePrinter(settings: settings)
        let isUTC = settings.utc
        offset = { isUTC ? 0 : Clock.utcOffset(at: $0) }
        window = ReplayWindow(
            from: settings.from, to: settings.to, duration: settings.follow ? nil : settings.duration)
        clock = settings.every.map { IntervalClock(every: $0, utcOffset: offset) }
    }

    /// The last moment that is wanted; nil when all are.
    var end: Int64? { window.end }
    var tables: Int { printer.tables }
    /// The end of the present interval; before the first one any time is.
    var border: Int64 { clock.map { $0.current?.end ?? .min } ?? .max }

    // MARK: events

    /// - Returns: whether the event is to be counted.
    func admit(_ event: AuditEvent) -> Bool {
        countUsed()
        if isFinished { return false }
        lastWasInside = false
        switch window.judge(event) {
        case .after: return false
        case .before: return true
        case .begins: ledger.beginWindow(node: event.node, at: event.stamp)
        case .inside: break
        }
        if let over = clock?.saw(event.stamp, node: event.node, start: window.start) { close(over) }
        lastWasInside = !isFinished
        return !isFinished
    }

    /// What the ledger made of the event before.
    private func countUsed() {
        if lastWasInside { used += ledger.used - usedOfAll }
        usedOfAll = ledger.used
    }

    /// An interval is over. Where nothing happened no table is printed: of a week's silence one line tells.
    private func close(_ over: IntervalClock.Interval) {
        if used == usedAtTable {
            addQuiet(1, since: over.start)
        } else {
            let isLast = printer.tables + 1 == settings.count
            print(final: isLast, from: over.start, to: over.end, started: nil)
            if isLast && printer.tables == settings.count { isFinished = true }
        }
        guard let clock, clock.setBack == 0, let next = clock.current?.start else { return }
        addQuiet(clock.count(from: over.end, to: next), since: over.end)
    }

    private func addQuiet(_ count: Int, since: Int64) {
        if count == 0 { return }
        if quiet.count == 0 { quiet.since = since }
        quiet.count += count
    }

    // MARK: tables

    /// The table of what has not been printed yet.
    func last() {
        countUsed()
        lastWasInside = false
        if isFinished { return }
        let newest = clock?.current == nil ? window.newest ?? 0 : clock?.newest ?? 0
        let start = clock?.current?.start ?? window.start ?? window.first ?? newest
        print(final: true, from: min(start, newest), to: newest, started: nil)
    }

    /// A table of a log that grows, at its moment.
    func table(final: Bool, from start: Int64, to now: Int64, started: Int64) {
        countUsed()
        lastWasInside = false
        print(final: final, from: start, to: now, started: started)
    }

    private func print(final: Bool, from start: Int64, to end: Int64, started: Int64?) {
        for node in window.waiting { ledger.beginWindow(node: node, at: end) }
        var head = head(final: final, from: start, to: end)
        if let started { head.started = started }
        let rows = ledger.takeRows(now: nil, open: settings.openSockets(at: end))
        usedAtTable = used
        guard !rows.isEmpty || settings.follow else { return }
        quiet = (0, 0)
        beforeTable()
        do throws(AuditError) {
            let outcome = try printer.print(printer.snapshot(consume rows, head: head))
            // Of a list no table is left out: who reads slowly is waited for.
            if outcome == .waiting && !settings.follow { try printer.finish(stop: stop) }
            if outcome == .closed { isFinished = true }
        } catch {
            failure = error
            isFinished = true
        }
    }

    private func head(final: Bool, from start: Int64, to end: Int64) -> SnapshotHead {
        var head = found.head(settings)
        head.final = final
        head.started = window.start ?? window.first ?? end
        head.time = end
        head.interval = Double(end - start) / 1_000
        if clock != nil || !window.isOpen { head.eventsSeen = window.seen }
        head.eventsUsed = used
        if quiet.count > 0 {
            let since = TimeText.dateAndTime(quiet.since, offset: offset(quiet.since))
            head.reasons.append(
                Reason(
                    .quietIntervals, count: quiet.count,
                    "before this interval \(quiet.count) had no event and no table, from \(since) on"))
        }
        if let back = clock?.setBack, back > 0 {
            let seconds = TimeText.seconds(Double(back) / 1_000)
            head.reasons.append(
                Reason(.clockSet, count: 1, "the clock was set back by \(seconds) s before this interval"))
        }
        return head
    }

    // MARK: the end

    /// The reader has not taken the last table yet.
    var isWaiting: Bool { printer.isWaiting }
    var wantsRoom: Bool { printer.wantsRoom }
    var polled: Int32 { printer.polled }
    func send() throws(AuditError) { if try printer.send() == .closed { isFinished = true } }
    func reopen() throws(AuditError) { try printer.reopen(ReportSink.open) }

    /// Writes what is left of the tables.
    /// - Returns: the exit code.
    func finish(failures: [AuditError], _ messages: Messages) throws(AuditError) -> Int32 {
        printer.leaveScreen()
        if let failure { throw failure }
        try printer.finish(stop: stop)
        guard printer.sawRows || settings.follow else {
            messages.error("<no matches>")
            return failures.isEmpty ? ExitStatus.noMatches : ExitStatus.failed
        }
        if !failures.isEmpty { return ExitStatus.failed }
        if printer.sawLimit { return ExitStatus.limitReached }
        return printer.sawDoubt ? ExitStatus.doubtful : ExitStatus.done
    }
}
