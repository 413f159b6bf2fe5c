import SockAuditCore

/// The report as text for people, or as one JSON object, schema `sockaudit.doctor/1`. Pure.
enum DoctorOutput {
    static let schema = "sockaudit.doctor/1"

    static func text(_ report: DoctorReport, utcOffset: Int) -> String {
        let scope =
            report.scope == ["all"]
            ? "all processes" : report.scope.map { Escaping.visible($0) }.joined(separator: " ")
        var lines = [
            "sockaudit doctor  \(Escaping.visible(report.host))  \(scope)  \(report.mode) mode"
                + "  Linux \(Escaping.visible(report.kernel))"
                + "  \(TimeText.dateAndTime(report.time, offset: utcOffset))",
            "",
        ]
        for check in report.checks {
            lines.append("\(check.status.rawValue.uppercased())  \(Escaping.sentence(check.text))")
            if !check.remedy.isEmpty { lines.append("      \(Escaping.sentence(check.remedy))") }
        }
        lines += ["", ruleHeading(report)]
        let width = report.rules.map { $0.state.word.count }.max() ?? 0
        for rule in report.rules {
            let word = rule.state.word
            let gap = String(repeating: " ", count: width - word.count)
            lines.append("  \(word)\(gap)  \(Escaping.sentence(rule.text))")
            if !rule.by.isEmpty {
                lines.append("  \(String(repeating: " ", count: width))    by \(Escaping.sentence(rule.by))")
            }
        }
        lines += ["", conclusion(report)]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func ruleHeading(_ report: DoctorReport) -> String {
        report.rules.isEmpty
            ? "A run in \(report.mode) mode puts no rules in."
            : "The \(report.rules.count) rules of a run, each with -F pid!= of sockaudit itself:"
    }

    private static func conclusion(_ report: DoctorReport) -> String {
        func count(_ status: DoctorCheck.Status, _ word: String) -> String {
            Counted.text(report.checks.count { $0.status == status }, word, word + "s")
        }
        return switch report.result {
        case .fine: "This host can be audited."
        case .warnings: "This host can be audited, with \(count(.warn, "warning"))."
        case .cannot:
            "This host cannot be audited as it is: \(count(.fail, "failure")), \(count(.warn, "warning"))."
        }
    }

    static func json(_ report: DoctorReport) -> String {
        var line = "{\"schema\":\"\(schema)\""
        line += ",\"host\":\(Escaping.json(report.host)),\"kernel\":\(Escaping.json(report.kernel))"
        line += ",\"time\":\"\(TimeText.iso(report.time))\""
        line += ",\"scope\":[\(report.scope.map(Escaping.json).joined(separator: ","))]"
        line += ",\"mode\":\(Escaping.json(report.mode)),\"result\":\"\(report.result.rawValue)\""
        line += ",\"checks\":[\(report.checks.map(check).joined(separator: ","))]"
        if let measured = report.measured { line += ",\"measured\":\(figures(measured))" }
        line += ",\"rules\":[\(report.rules.map(rule).joined(separator: ","))]}\n"
        return line
    }

    private static func figures(_ measured: DoctorFigures) -> String {
        func number(_ value: Double?) -> String {
            guard let value, value.isFinite, abs(value) < 1e15 else { return "null" }
            return "\((value * 1_000).rounded() / 1_000)"
        }
        let programs = measured.programs.map {
            "{\(Escaping.jsonMember("exe", $0.exe)),\"events\":\($0.events)}"
        }
        func calls(_ count: (socket: Int, close: Int)) -> String {
            "{\"socket\":\(count.socket),\"close\":\(count.close)}"
        }
        return "{\"seconds\":\(number(measured.seconds)),\"events\":\(measured.events)"
            + ",\"programs\":[\(programs.joined(separator: ","))]"
            + ",\"log_mb_per_day\":\(number(measured.megabytesPerDay))"
            + ",\"log_hours\":\(number(measured.hoursOfLog)),\"cpu_percent\":\(number(measured.processor))"
            + ",\"lost\":\(measured.lost),\"waited_ms\":\(number(measured.waited))"
            + ",\"self_test\":{\"made\":\(calls(measured.made)),\"counted\":\(calls(measured.counted))}}"
    }

    private static func check(_ check: DoctorCheck) -> String {
        "{\"id\":\(Escaping.json(check.id)),\"status\":\"\(check.status.rawValue)\""
            + ",\"text\":\(Escaping.json(check.text)),\"remedy\":\(Escaping.json(check.remedy))}"
    }

    private static func rule(_ rule: DoctorRule) -> String {
        "{\"rule\":\(Escaping.json(rule.text)),\"state\":\"\(rule.state.rawValue)\""
            + ",\"by\":\(Escaping.json(rule.by))}"
    }
}

extension DoctorRule.State {
    fileprivate var word: String {
        switch self {
        case .add: "add"
        case .there: "there"
        case .hidden: "hidden"
        case .partlyHidden: "partly hidden"
        }
    }
}
