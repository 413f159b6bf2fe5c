import SockAuditCore

/// What a trial of the rules says about this host. Pure.
enum MeasureChecks {
    /// As many programs are named.
    private static let mostNamed = 6
    /// Hours in which our records may push out all that the daemon's log holds.
    private static let enoughHours = EvidenceAllowance.hours

    static func all(_ run: MeasuredRun, _ facts: DoctorFacts) -> [DoctorCheck] {
        [selfTest(run), rate(run), log(run, facts), processor(run), harm(run), advice(run, facts)].compactMap
        { $0 }
    }

    static func figures(_ run: MeasuredRun, _ facts: DoctorFacts) -> DoctorFigures {
        var figures = DoctorFigures(
            seconds: run.seconds, events: run.events, programs: run.programs,
            processor: run.seconds > 0 ? run.ownProcessor * 100 / run.seconds : 0, lost: run.lost,
            waited: run.waited,
            made: (run.expected?.socket.total ?? 0, run.expected?.close.total ?? 0),
            counted: (run.row?.figures.socketTotal.total ?? 0, run.row?.figures.closeTotal.total ?? 0))
        if let conf = facts.daemon?.conf, let log = facts.daemon?.log, log.isWritten {
            let bytes = Double(EvidenceLog.bytesPerEvent(conf.logFormat))
            figures.megabytesPerDay = perSecond(run) * bytes * 86_400 / 1e6
            let hours = EvidenceAllowance.hours(
                capacity: Double(log.capacityBytes ?? .max), bytesPerEvent: bytes, rate: perSecond(run))
            if hours.isFinite && log.capacityBytes != nil { figures.hoursOfLog = hours }
        }
        return figures
    }

    private static func perSecond(_ run: MeasuredRun) -> Double {
        run.seconds > 0 ? Double(run.events) / run.seconds : 0
    }

    static func selfTest(_ run: MeasuredRun) -> DoctorCheck {
        let id = "self_test"
        guard let expected = run.expected else {
            return .warn(id, "The self-test did not run.", remedy: "Run doctor again.")
        }
        let calls = expected.calls.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
            .joined(separator: ", ")
        let left = expected.skipped.keys.sorted()
        let skipped = left.isEmpty ? "" : " Not tried here: \(left.joined(separator: ", "))."
        let figures = run.row?.figures ?? Figures()
        // Light mode audits no closes: what it cannot know is no fault.
        let closesMatch =
            run.mode == .light
            || (figures.closeTotal == expected.close && figures.released == expected.released)
        if figures.socketTotal == expected.socket && closesMatch {
            let both = run.mode == .light ? "socket()" : "socket() and close()"
            return .pass(
                id,
                "Of our own calls (\(calls)) every \(both) arrived and was counted under the right family."
                    + skipped)
        }
        let text =
            "Of our own calls (\(calls)) not all were counted: SocketTOT \(figures.socketTotal.total) of \(expected.socket.total), CloseTOT \(figures.closeTotal.total) of \(expected.close.total)."
        if !run.steps.isEmpty {
            return .warn(
                id, text + " The guard took rules out meanwhile.",
                remedy: "Measure again when the host is calmer.")
        }
        return .fail(
            id, text,
            remedy:
                "Figures of this host cannot be believed; see the checks of rules and of lost records above."
        )
    }

    static func rate(_ run: MeasuredRun) -> DoctorCheck {
        let each = run.programs.prefix(mostNamed).map {
            "\(Escaping.short($0.exe)) \(share($0.events, of: run.events))"
        }.joined(separator: ", ")
        let by = each.isEmpty ? "" : ": \(each)"
        return .pass(
            "measured_rate",
            "In \(text(run.seconds)) s the rules of \(run.mode.rawValue) mode made \(run.events) events, \(text(perSecond(run)))/s\(by)."
        )
    }

    static func log(_ run: MeasuredRun, _ facts: DoctorFacts) -> DoctorCheck? {
        let figures = figures(run, facts)
        guard let daily = figures.megabytesPerDay, let log = facts.daemon?.log else { return nil }
        let gets = "The audit daemon's log would get about \(text(daily)) MB a day of them"
        guard log.capacityBytes != nil else { return .pass("measured_log", "\(gets).") }
        let hours = figures.hoursOfLog ?? .infinity
        let end = log.rotates ? "rotate its oldest evidence away" : "be full"
        let when = hours > 10_000 ? "not within a year" : "within \(text(hours)) hours"
        let sentence = "\(gets); it would \(end) \(when)."
        if hours >= enoughHours { return .pass("measured_log", sentence) }
        return .warn(
            "measured_log", sentence,
            remedy:
                "Watch a NAME instead of all, use --mode light, or give the log more room (max_log_file, num_logs in auditd.conf)."
        )
    }

    static func processor(_ run: MeasuredRun) -> DoctorCheck {
        func percent(_ used: Double) -> String { text(run.seconds > 0 ? used * 100 / run.seconds : 0) }
        let daemon = run.daemonProcessor.map { ", the audit daemon \(percent($0)) %" } ?? ""
        return .pass(
            "measured_cpu", "sockaudit used \(percent(run.ownProcessor)) % of a processor\(daemon).")
    }

    static func harm(_ run: MeasuredRun) -> DoctorCheck {
        if run.lost > 0 {
            return .warn(
                "measured_harm", "The kernel lost \(Counted.text(run.lost, "record", "records")) meanwhile.",
                remedy: "Raise the backlog (auditctl -b 8192).")
        }
        if !run.steps.isEmpty {
            return .warn(
                "measured_harm",
                "The guard had to step in: " + run.steps.joined(separator: " "),
                remedy: "See the recommendation below.")
        }
        let waits = run.waited > 0 ? "calls waited for \(Int(run.waited)) ms in all" : "no call had to wait"
        return .pass("measured_harm", "Nothing was lost, \(waits), and the guard had nothing to do.")
    }

    /// The mode and the narrowing that this load asks for.
    static func advice(_ run: MeasuredRun, _ facts: DoctorFacts) -> DoctorCheck {
        let id = "recommendation"
        let daemonTakes = facts.daemon != nil ? Double(GuardSettings.budgetBesideDaemon) : .infinity
        let isHeavy = perSecond(run) > daemonTakes / 2 || !run.steps.isEmpty
        let rotates = log(run, facts)?.status == .warn
        guard isHeavy || rotates else {
            return .pass(id, "Use \(run.mode.rawValue) mode as it is.")
        }
        var ways: [String] = []
        if facts.scope.isAll { ways.append("name the processes that matter (sudo sockaudit NAME)") }
        if run.mode != .light { ways.append("use --mode light, which leaves closes out") }
        if let top = run.programs.first, top.events * 2 > run.events {
            ways.append(
                "mind that \(Escaping.short(top.exe)) makes \(share(top.events, of: run.events)) of the load"
            )
        }
        let why = isHeavy ? "This is much for this host" : "The daemon's log is small for this"
        return .warn(id, "\(why).", remedy: "Choose: \(ways.joined(separator: "; ")).")
    }

    private static func share(_ part: Int, of whole: Int) -> String {
        "\(whole > 0 ? part * 100 / whole : 0) %"
    }

    /// Three figures at most.
    private static func text(_ value: Double) -> String {
        guard value.isFinite, value < 1e15 else { return "endless" }
        if value >= 100 { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
