extension Guard {
    /// Events of those who are left out.
    func exemptEvents(_ load: GuardLoad) -> Int {
        let processes = load.processes.reduce(0) {
            $0 + (state.processes.contains($1.pid) ? $1.events : 0)
        }
        let programs = load.programs.reduce(0) { $0 + (state.programs.contains($1.exe) ? $1.events : 0) }
        // Who is left out under both names is counted twice.
        return min(load.events, processes + programs)
    }

    /// The few whose absence brings our events below a rate; nil when it is not a few, or not known who.
    func choose(allowed: Int, at now: Int64) -> (processes: [Int32], programs: [[UInt8]])? {
        guard settings.mayExempt, let load, load.span > 0, now - load.at <= settings.freshness else {
            return nil
        }
        func rate(_ events: Int) -> Int { events * 1_000 / Int(load.span) }
        let processes = load.processes.filter { !state.processes.contains($0.pid) }
        let total = rate(load.events - exemptEvents(load))
        guard total >= settings.floodRate else { return nil }
        var left = total
        var chosen: [Int32] = []
        let room = settings.mostProcesses - state.processes.count
        for process in processes where chosen.count < room && left > allowed {
            let its = rate(process.events)
            guard its >= max(settings.floodRate, total / 20) else { break }
            chosen.append(process.pid)
            left -= its
        }
        func isEnough(_ left: Int) -> Bool { left <= allowed || left <= total / 2 }
        if !chosen.isEmpty && isEnough(left) { return (chosen, []) }
        // Where there is no more of it than may be, it is not what presses.
        guard !settings.isNarrowed, total > allowed else { return nil }
        // A storm of short processes: no number is worth naming, their program is.
        let places = settings.mostPrograms - state.programs.count
        guard places > 0,
            let program = load.programs.first(where: {
                $0.processes >= 4 && !state.programs.contains($0.exe) && !refused.contains($0.exe)
            })
        else { return nil }
        let its = rate(program.events)
        guard its >= max(settings.floodRate, total / 10) else { return nil }
        if isEnough(total - its) { return ([], [program.exe]) }
        return isEnough(left - its) ? (chosen, [program.exe]) : nil
    }
}

/// What came in the last so many milliseconds.
struct RateWindow: Sendable {
    private var reports: [(at: Int64, count: Int)] = []
    private let length: Int64

    init(length: Int64) { self.length = length }

    mutating func add(_ count: Int, at now: Int64) {
        reports.removeAll { $0.at <= now - length }
        reports.append((now, count))
    }

    func sum(at now: Int64) -> Int {
        reports.reduce(0) { $0 + ($1.at > now - length ? $1.count : 0) }
    }
}

/// What is left of the allowance: see ``EvidenceAllowance``.
struct EvidenceTank: Sendable {
    private let allowance: EvidenceAllowance
    private var events: Double
    private var filled: Int64?

    init(_ allowance: EvidenceAllowance) {
        self.allowance = allowance
        events = allowance.burst
    }

    mutating func fill(until now: Int64) {
        let passed = Double(now - (filled ?? now)) / 1_000
        events = min(allowance.burst, events + passed * allowance.rate)
        filled = now
    }

    mutating func draw(_ count: Int, at now: Int64) {
        fill(until: now)
        events -= Double(count)
    }

    /// A part of it anew, where those who emptied it are out.
    mutating func allowMore() { events = max(events, allowance.burst / 4) }

    mutating func empty() { events = 0 }

    var isEmpty: Bool { events <= 0 }
    var isHalfFull: Bool { events >= allowance.burst / 2 }
}
