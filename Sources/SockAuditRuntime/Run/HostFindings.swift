import AuditStream
import SockAuditCore

/// What is known about this host and this run that bears on every table.
struct HostFindings {
    private let report: RuleInstaller.Report
    let scopeNote: String
    /// The rules see one executable only: what a process does under another is not in the stream.
    let isNarrowed: Bool
    /// Processes in scope that began before auditing did, and of which nothing was seen since.
    private var older: [ProcScanner.Running]
    private let hasRules: Bool
    private var files: RuleFiles
    /// What others did to the rules while we ran. It stays: what was not audited is not in the totals.
    private var changes: RuleChanges
    /// Of a plugin: how many of the administrator's rules that it needs are not in, until all have been once.
    private var missing: Int
    /// That was so until this table.
    private var cameIn = false

    init(
        settings: WatchSettings, report: RuleInstaller.Report, answer: ExecutableFinder.Answer,
        running: [ProcScanner.Running], auditedSince: Int64?, isPlugin: Bool = false
    ) {
        self.report = report
        missing = report.missing
        changes = isPlugin ? RuleChanges(of: report.rules) : RuleChanges()
        hasRules = settings.mode != .proc
        if case .files = answer { isNarrowed = true } else { isNarrowed = false }
        switch answer {
        case .all(let because):
            scopeNote = because.isEmpty ? "" : "rules of all, filtered here: \(because)"
            self.files = RuleFiles([])
        case .files(let files):
            self.files = RuleFiles(files)
            scopeNote =
                "rules for "
                + files.map { Escaping.short($0, columns: 2 * Escaping.nameColumns) }.joined(separator: " ")
        }
        older =
            settings.mode == .proc
            ? [] : OlderProcesses.find(running, auditedSince: auditedSince, scope: settings.scope)
    }

    /// The line that says that calls made from now on are counted.
    func watching(_ settings: WatchSettings, mode: AuditMode, buffer: Int) -> String {
        var text =
            "watching "
            + (settings.scope.isAll
                ? "all processes" : settings.scope.labels.map { Escaping.visible($0) }.joined(separator: " "))
        if !scopeNote.isEmpty { text += " (\(scopeNote))" }
        text += ", \(mode.rawValue) mode, \(Counted.text(report.added, "rule", "rules"))"
        if report.shared > 0 { text += " and \(report.shared) that were there already" }
        text +=
            ", \(settings.source == .unicast ? "unicast" : "multicast") with \(buffer >> 20) MiB of buffer"
        if settings.lifetime != nil { text += ", for 24 hours (--duration 0: for ever)" }
        if report.switchedOn { text += "; auditing was off and is on until we end" }
        return text
    }

    mutating func update(
        _ status: KernelStatus, _ inspection: RuleInstaller.Inspection, _ records: [ConfigChange],
        at now: Int64
    ) {
        cameIn = missing > 0 && inspection.missing == 0
        if missing > 0 {
            missing = inspection.missing
            return
        }
        // Without rules nothing of ours can be changed.
        if hasRules { changes.take(status, inspection, records, at: now) }
    }

    /// Of a plugin: not all that it needs is audited, and never was.
    var lacksRules: Bool { missing > 0 }

    private static let rulesCameIn = Reason(
        .rulesMissing, count: 1,
        "the rules that sockaudit needs came in during this interval; the figures begin with them")

    private static func missingRules(_ count: Int) -> Reason {
        Reason(
            .rulesMissing, count: count,
            "\(count) of the rules that sockaudit needs are not in the kernel, so what they would tell is missing from the figures: sockaudit rules --plugin > /etc/audit/rules.d/30-sockaudit.rules and augenrules --load put them in"
        )
    }

    mutating func checkFiles(_ settings: WatchSettings, _ scanner: ProcScanner, at now: Int64) {
        if hasRules { files.check(settings.scope, scanner, at: now) }
    }

    mutating func forget(_ pids: Set<Int32>) { older.removeAll { pids.contains($0.pid) } }

    func reasons(scanner: ProcScanner, ledger: SocketLedger, clock: (Int64) -> String) -> [Reason] {
        var reasons: [Reason] = lacksRules ? [Self.missingRules(missing)] : cameIn ? [Self.rulesCameIn] : []
        let unseen = older.filter { process in
            !ledger.hasSeen(pid: process.pid, startTicks: process.startTicks)
                && ProcScanner.stat(process.pid)?.startTicks == process.startTicks
        }
        if !unseen.isEmpty { reasons.append(Self.olderThanAudit(unseen)) }
        var hidden = report.partlyShadowed.map { "an earlier rule hides part of what is in scope: \($0)" }
        hidden += report.findings.filter { $0.hides }.map { String($0.text.dropLast()) }
        for text in hidden { reasons.append(Reason(.shadowedRule, count: 1, text)) }
        for name in report.refusedArchitectures {
            reasons.append(
                Reason(
                    .archUnseen, count: 1,
                    "the kernel refused the \(name) rules, so such programs are not seen"))
        }
        return reasons + changes.reasons(clock: clock) + files.reasons(clock: clock)
    }

    private static func olderThanAudit(_ processes: [ProcScanner.Running]) -> Reason {
        Reason(
            .olderThanAudit, count: processes.count,
            "\(Counted.text(processes.count, "process", "processes")) began before auditing did and will not be seen (boot with audit=1, or restart them): \(OlderProcesses.names(processes))"
        )
    }
}
