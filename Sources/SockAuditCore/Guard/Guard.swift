/// Decides how much is audited, so that the host does not suffer for being watched.
///
/// Pure: counters and reports with their time go in, decisions come out; nothing here knows a kernel.
/// Under pressure it takes the least that helps: first the few processes, or programs, that flood are left
/// out, then closes are no longer audited, then nothing is. It goes up again after a quiet while, later
/// each time that this was too early.
public struct Guard: Sendable {
    public let settings: GuardSettings
    public private(set) var state = GuardState()
    var load: GuardLoad?
    private var before: GuardCounters?
    private var rates = RateWindow(length: 1_000)
    /// For how long calls have waited lately (ms, all callers together).
    private var waits = RateWindow(length: GuardSettings.waitWindow)
    private var tank: EvidenceTank?
    private var silence = SilenceWatch()
    /// Since when there has been pressure without a pause, and when there last was.
    private var pressedSince: Int64?
    private var lastPressure: Int64 = .min / 2
    private var lastUrgency: Int64 = .min / 2
    private var lastStep: Int64 = .min / 2
    private var lastRaise: Int64 = .min / 2
    private var hold: Int64
    /// Since when exempted processes have used no processor to speak of.
    private var calmSince: [Int32: Int64] = [:]
    /// Programs that no rule can name: their path leads nowhere in the host's own file system.
    private(set) var refused: Set<[UInt8]> = []

    /// Pressure that pauses for no longer than this (ms) goes on.
    private static let pause: Int64 = 250
    /// How long (ms) to wait for a report that says who floods before everyone is made to pay.
    private static let blindness: Int64 = 400
    /// How long (ms) pressure lasts before our rules go down although our events are few.
    private static let doubt: Int64 = 1_000
    /// Between two readings of the counters (ms), in calm and under load.
    private static let calmTick: Int64 = 100
    private static let loadTick: Int64 = 20

    public init(settings: GuardSettings, state: GuardState = GuardState()) {
        self.settings = settings
        self.state = state
        hold = settings.firstHold
        tank = settings.evidence.map(EvidenceTank.init)
        // Begun low for the log's sake: it may go up when there is room again.
        if state.level < .all { tank?.empty() }
    }

    /// The monitor's newest report.
    public mutating func take(_ report: GuardLoad) {
        load = report
        // Those of exempted ones were on their way, or another's rules bring them: ours bring no more. And a
        // monitor that was held up tells of many seconds at once.
        let ours = report.events - exemptEvents(report)
        rates.add(Int(Double(ours) * 1_000 / Double(max(1_000, report.span))), at: report.at)
        tank?.draw(report.events, at: report.at)
        silence.take(
            report.events, isFlood: rates.sum(at: report.at) >= settings.floodRate, at: report.at)
        for pid in state.processes {
            if report.busy.contains(pid) {
                calmSince[pid] = nil
            } else if calmSince[pid] == nil {
                calmSince[pid] = report.at
            }
        }
    }

    /// Exempted processes that have ended: their numbers may be given to others, who are innocent.
    public mutating func ended(_ pids: Set<Int32>) -> GuardDecision? {
        guard state.processes.contains(where: pids.contains) else { return nil }
        state.processes.removeAll(where: pids.contains)
        for pid in pids { calmSince[pid] = nil }
        return decision(.ended, before)
    }

    /// Whether one record should be made: see ``SilenceWatch``.
    public mutating func wantsRecord(_ now: GuardCounters) -> Bool {
        silence.wantsRecord(now.now, backlog: now.backlog)
    }

    /// What was decided could not be done; this is how things are now.
    public mutating func isOverruled(by actual: GuardState) {
        refused.formUnion(state.programs.filter { !actual.programs.contains($0) })
        state = actual
    }

    /// When the counters should be read next, in milliseconds from the last reading.
    public var nextReading: Int64 {
        guard let before else { return Self.loadTick }
        let loaded =
            pressedSince != nil || before.backlog > before.backlogLimit / 8
            || rates.sum(at: before.now) >= settings.floodRate
        return loaded ? Self.loadTick : Self.calmTick
    }

    /// Takes in what the kernel says now.
    /// - Returns: what to change; nil to go on as it is.
    public mutating func step(_ now: GuardCounters) -> GuardDecision? {
        defer { before = now }
        guard let before else { return nil }
        tank?.fill(until: now.now)
        let ticks = Self.rise(before.waited, now.waited)
        if ticks > 0 { waits.add(Int((Double(ticks) * settings.tick).rounded()), at: now.now) }
        let cause = pressure(now, before)
        if cause == nil {
            if now.now - lastPressure > Self.pause { pressedSince = nil }
        } else {
            lastPressure = now.now
            pressedSince = pressedSince ?? now.now
        }
        if let cause, isUrgent(cause, now) {
            lastUrgency = now.now
            if isSettling(cause, now, before) { return nil }
            return lower(cause, now)
        }
        if now.hasDaemon && cause == nil, tank?.isEmpty == true, now.now - lastStep >= settings.settling {
            if let decision = spare(now) { return decision }
        }
        return cause == nil ? raise(now) : nil
    }

    // MARK: pressure

    private func pressure(_ now: GuardCounters, _ before: GuardCounters) -> GuardDecision.Cause? {
        if Self.rise(before.lost, now.lost) > 0 { return .lost }
        if waits.sum(at: now.now) >= settings.longestWait { return .waited }
        // Half of a small queue is a burst, and what it stops for longer shows in the waits.
        let isFull =
            now.backlog >= settings.leastBacklog && UInt64(now.backlog) * 2 >= UInt64(now.backlogLimit)
        if isFull && now.backlogLimit > 0 { return .backlog }
        if let budget = budget(now), rates.sum(at: now.now) > budget { return .budget }
        return nil
    }

    private func budget(_ now: GuardCounters) -> Int? {
        settings.budget ?? (now.hasDaemon ? GuardSettings.budgetBesideDaemon : nil)
    }

    /// How far a counter rose that may wrap, and that others may set back to zero.
    static func rise(_ old: UInt32, _ new: UInt32) -> UInt32 {
        let step = new &- old
        // Nothing rises by half of the range between two readings: it was set back, and has risen since.
        return step <= UInt32(Int32.max) ? step : new
    }

    private func isUrgent(_ cause: GuardDecision.Cause, _ now: GuardCounters) -> Bool {
        // Who insists on the mode has no log of a daemon to spare: whoever floods is counted.
        if !settings.mayStep && !now.hasDaemon && settings.budget == nil { return false }
        let lasted = now.now - (pressedSince ?? now.now)
        switch cause {
        case .lost, .budget: return true
        // A full queue at one reading may be a burst that is over at the next.
        default: return now.hasDaemon ? lasted > 0 : lasted >= settings.patienceWithoutDaemon
        }
    }

    /// The last step has not shown yet what it does.
    private func isSettling(
        _ cause: GuardDecision.Cause, _ now: GuardCounters, _ before: GuardCounters
    ) -> Bool {
        let since = now.now - lastStep
        if since < settings.settling { return true }
        // What was queued before it still has to be written, and callers wait for that.
        let empties = now.backlog < before.backlog || now.backlog < now.backlogLimit / 2
        switch cause {
        case .backlog, .waited: return empties && since < settings.draining
        // The rate is that of the last second.
        case .budget: return since < 1_500
        default: return false
        }
    }

    // MARK: down

    private mutating func lower(_ cause: GuardDecision.Cause, _ now: GuardCounters) -> GuardDecision? {
        // What the host suffers from is too much, whatever the budget allows.
        let most = GuardSettings.budgetBesideDaemon
        let allowed = (cause == .budget ? budget(now) ?? most : min(budget(now) ?? most, most)) / 2
        if let chosen = choose(allowed: allowed, at: now.now) { return exempt(chosen, cause, now) }
        guard settings.mayStep, state.level > .nothing else { return nil }
        let lasted = now.now - (pressedSince ?? now.now)
        let isKnown = load.map { now.now - $0.at <= settings.freshness } ?? false
        guard lasted >= (isKnown && cause != .budget ? Self.doubt : Self.blindness) else { return nil }
        return sink(cause, now)
    }

    private mutating func sink(_ cause: GuardDecision.Cause, _ now: GuardCounters) -> GuardDecision {
        state.level = state.level == .all ? .light : .nothing
        return stepped(cause, now)
    }

    private mutating func exempt(
        _ chosen: (processes: [Int32], programs: [[UInt8]]), _ cause: GuardDecision.Cause,
        _ now: GuardCounters
    ) -> GuardDecision {
        state.processes += chosen.processes
        state.programs += chosen.programs
        for pid in chosen.processes { calmSince[pid] = nil }
        return stepped(cause, now)
    }

    /// Our records have had their share of the log.
    private mutating func spare(_ now: GuardCounters) -> GuardDecision? {
        if let chosen = choose(allowed: settings.floodRate, at: now.now) {
            tank?.allowMore()
            return exempt(chosen, .evidence, now)
        }
        guard settings.mayStep, state.level == .all else { return nil }
        return sink(.evidence, now)
    }

    private mutating func stepped(_ cause: GuardDecision.Cause, _ now: GuardCounters) -> GuardDecision {
        // Too early up: wait longer the next time.
        let early = now.now - lastRaise < 3 * hold
        hold = early ? min(2 * hold, settings.longestHold) : settings.firstHold
        lastStep = now.now
        return decision(cause, now)
    }

    // MARK: up

    private mutating func raise(_ now: GuardCounters) -> GuardDecision? {
        // What is no flood must not keep it down either: without a daemon any burst makes callers wait.
        let quietSince = now.hasDaemon ? lastPressure : lastUrgency
        guard now.now - quietSince >= hold, now.now - lastStep >= hold, now.now - lastRaise >= hold else {
            return nil
        }
        if state.level < .all {
            if tank?.isHalfFull == false { return nil }
            state.level = state.level == .nothing ? .light : .all
        } else {
            guard state.exemptsAnyone else { return nil }
            // Of a monitor that reports nothing we do not know who is calm.
            guard let load, now.now - load.at <= 2_000 else { return nil }
            let kept = state.processes.filter { now.now - (calmSince[$0] ?? now.now) < hold }
            if kept == state.processes && state.programs.isEmpty { return nil }
            state.processes = kept
            state.programs = []
        }
        lastRaise = now.now
        return decision(.quiet, now)
    }

    private func decision(_ cause: GuardDecision.Cause, _ now: GuardCounters?) -> GuardDecision {
        GuardDecision(
            state: state, cause: cause, rate: now.map { rates.sum(at: $0.now) } ?? 0,
            backlog: now?.backlog ?? 0, backlogLimit: now?.backlogLimit ?? 0)
    }
}
