import AuditStream
import SockAuditCore

/// What the guard did in this run. Sticky: calls that were not audited are missing from the totals for the
/// rest of it.
struct GuardLog {
    private struct Span {
        var mode: AuditMode
        var from: Int64
        var to: Int64?
        var why: String
    }
    private struct Exempt {
        var label: String
        var pid: Int32
        var program: [UInt8]
        var from: Int64
        var to: Int64?
    }

    private let asked: AuditMode
    private(set) var state = GuardState()
    private var spans: [Span] = []
    private var exempt: [Exempt] = []

    /// As many are named in a verdict.
    private static let mostNamed = 12

    init(asked: AuditMode) { self.asked = asked }

    /// The mode of now.
    var mode: AuditMode { Self.mode(state.level, asked) }

    private static func mode(_ level: GuardState.Level, _ asked: AuditMode) -> AuditMode {
        switch level {
        case .all: asked
        case .light: asked == .proc ? .proc : .light
        case .nothing: .proc
        }
    }

    func gaps(_ names: NameTable) -> AuditGaps {
        var gaps = AuditGaps()
        gaps.light = state.level == .light
        gaps.nothing = state.level == .nothing
        gaps.processes = Set(state.processes)
        gaps.programs = Set(state.programs.map { names.intern($0) })
        return gaps
    }

    /// Begins below what was asked for, for a reason.
    mutating func begin(_ level: GuardState.Level, why: String, at now: Int64) {
        state.level = level
        if level < .all { spans.append(Span(mode: mode, from: now, why: why)) }
    }

    /// Takes a decision in.
    /// - Parameter label: what a person calls a process, escaped.
    /// - Returns: a line for each step.
    mutating func take(_ decision: GuardDecision, at now: Int64, label: (Int32) -> String) -> [String] {
        var lines: [String] = []
        let why = Self.why(decision)
        if decision.state.level != state.level {
            let new = Self.mode(decision.state.level, asked)
            if let last = spans.indices.last, spans[last].to == nil { spans[last].to = now }
            // On the way up what brought it down is still why this is less than was asked for.
            let isUp = decision.state.level > state.level
            let cause = isUp ? spans.last?.why ?? why : why
            if decision.state.level < .all { spans.append(Span(mode: new, from: now, why: cause)) }
            lines.append(
                isUp
                    ? "guard: up to \(new.rawValue) mode: \(why)."
                    : "guard: down to \(new.rawValue) mode: \(why).")
        }
        let (out, back) = changes(to: decision.state, at: now, label: label)
        if !out.isEmpty {
            lines.append(
                "guard: exempt from the rules: \(Self.list(out)): \(why); /proc tells what they hold.")
        }
        if !back.isEmpty {
            lines.append(
                decision.cause == .ended
                    ? "guard: \(Self.list(back)), exempt until now, ended."
                    : "guard: audited again: \(Self.list(back)): \(why).")
        }
        state = decision.state
        return lines
    }

    private mutating func changes(
        to new: GuardState, at now: Int64, label: (Int32) -> String
    ) -> (out: [String], back: [String]) {
        var back: [String] = []
        for index in exempt.indices where exempt[index].to == nil {
            let one = exempt[index]
            let stays =
                one.program.isEmpty ? new.processes.contains(one.pid) : new.programs.contains(one.program)
            if stays { continue }
            exempt[index].to = now
            back.append(one.label)
        }
        var out: [Exempt] = []
        for pid in new.processes where !state.processes.contains(pid) {
            out.append(Exempt(label: label(pid), pid: pid, program: [], from: now))
        }
        for program in new.programs where !state.programs.contains(program) {
            out.append(
                Exempt(label: "all of \(Escaping.short(program))", pid: 0, program: program, from: now))
        }
        exempt += out
        return (out.map(\.label), back)
    }

    private static func why(_ decision: GuardDecision) -> String {
        let queue = "\(decision.backlog) of \(decision.backlogLimit) places in the kernel's queue are taken"
        let rate = decision.rate > 0 ? ", \(decision.rate) events/s are ours" : ""
        return switch decision.cause {
        case .lost: "the kernel loses records (\(queue)\(rate))"
        case .waited: "calls wait for room in the audit queue (\(queue)\(rate))"
        case .backlog: "the audit queue fills (\(queue)\(rate))"
        case .budget: "\(decision.rate) events/s are more than the budget"
        case .evidence: "our records would push older evidence out of the audit daemon's log"
        case .quiet: "it has been quiet"
        case .ended: "it ended"
        }
    }

    private static func list(_ labels: [String]) -> String {
        let shown = labels.prefix(mostNamed).joined(separator: ", ")
        let more = labels.count - mostNamed
        return more > 0 ? "\(shown) and \(more) more" : shown
    }

    /// - Parameter clock: how to write a time of day.
    func reasons(clock: (Int64) -> String) -> [Reason] {
        var reasons: [Reason] = []
        for mode in [AuditMode.light, .proc] {
            let these = spans.filter { $0.mode == mode }
            guard let last = these.last else { continue }
            let times = these.suffix(3).map {
                $0.to.map { [from = $0.from] in "from \(clock(from)) to \(clock($0))" }
                    ?? "since \(clock($0.from))"
            }.joined(separator: ", ")
            let what =
                mode == .light
                ? "closes were not audited (light mode) \(times), so Released holds closes too"
                : "nothing was audited (proc mode) \(times), so all figures but StillOPEN are lower bounds"
            reasons.append(
                Reason(mode == .light ? .lightMode : .procMode, count: these.count, "\(what): \(last.why)"))
        }
        if !exempt.isEmpty {
            let now = exempt.filter { $0.to == nil }.map(\.label)
            let before = exempt.filter { $0.to != nil }.map(\.label)
            var parts: [String] = []
            if !now.isEmpty { parts.append("\(Self.list(now)) flood and are exempt from the rules") }
            if !before.isEmpty { parts.append("\(Self.list(before)) were for a while") }
            reasons.append(
                Reason(
                    .exempted, count: exempt.count,
                    parts.joined(separator: "; ") + ": only their StillOPEN is exact"))
        }
        return reasons
    }
}
