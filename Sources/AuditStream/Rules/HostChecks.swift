import CAudit
import Glibc

/// What must be right on a host before a rule goes in. Pure: status and rules come in.
public enum HostChecks {
    /// Something that stops nothing but that the user should know.
    public struct Finding: Equatable, Sendable {
        /// A full sentence.
        public var text: String
        /// It hides part of what is in scope, so tables are PARTIAL.
        public var hides: Bool

        public init(text: String, hides: Bool) { (self.text, self.hides) = (text, hides) }
    }

    /// Something that stands against auditing, or that should be known.
    public enum Problem: Equatable, Sendable {
        case refusal(AuditError)
        case finding(Finding)
    }

    /// Throws what makes auditing impossible; returns what the user should know all the same.
    public static func check(
        _ status: KernelStatus, _ review: RuleReview, _ plan: RulePlan, force: Bool
    ) throws(AuditError) -> [Finding] {
        var findings: [Finding] = []
        for problem in settings(status, review, plan) + lists(review, plan) + rateLimit(status) {
            switch problem {
            case .finding(let finding): findings.append(finding)
            case .refusal(let error):
                guard force && error.code == .panicOnFailure else { throw error }
                findings.append(Finding(text: "\(panics); going on because of --force.", hides: false))
            }
        }
        return findings
    }

    private static let panics =
        "The kernel panics when an audit record is lost (auditctl -f 2), and our rules add load"

    /// What the kernel is set to.
    public static func settings(_ status: KernelStatus, _ review: RuleReview, _ plan: RulePlan) -> [Problem] {
        var problems: [Problem] = []
        if status.enabled == KernelStatus.locked && !plan.rules.allSatisfy({ review.covering($0) != nil }) {
            problems.append(
                .refusal(
                    AuditError(
                        .rulesLocked,
                        "The audit rules are locked until the next boot (auditctl -e 2), so none can be added; put rules/30-sockaudit.rules into /etc/audit/rules.d before that line and reboot."
                    )))
        }
        if status.failure == KernelStatus.panics {
            problems.append(
                .refusal(
                    AuditError(
                        .panicOnFailure,
                        "\(panics); set the failure flag to 1 (auditctl -f 1), or run with --force.")))
        }
        return problems
    }

    public static func rateLimit(_ status: KernelStatus) -> [Problem] {
        guard status.rateLimit > 0 else { return [] }
        return [
            .finding(
                Finding(
                    text:
                        "The kernel drops records above \(status.rateLimit) a second (auditctl -r); set it to 0 (auditctl -r 0) for exact figures.",
                    hides: false))
        ]
    }

    /// Rules and filters of others that keep events from us.
    public static func lists(_ review: RuleReview, _ plan: RulePlan) -> [Problem] {
        guard !plan.rules.isEmpty else { return [] }
        var problems: [Problem] = []
        func hiding(_ text: String) { problems.append(.finding(Finding(text: text, hides: true))) }
        func refuse(_ code: AuditError.Code, _ text: String) {
            problems.append(.refusal(AuditError(code, text)))
        }
        for never in review.taskNever {
            guard never.fields.allSatisfy({ $0.field == UInt32(AUDIT_FILTERKEY) }) else {
                hiding("A rule keeps some processes from being audited at all: \(never.text).")
                continue
            }
            refuse(
                .taskNever,
                "The rule '\(never.text)' keeps every process from being audited; remove it (auditctl -d never,task, and from /etc/audit/rules.d) and restart what you want to watch."
            )
        }
        var told: [KernelRule] = []
        for rule in plan.rules {
            guard let never = review.shadowing(rule), !told.contains(never) else { continue }
            told.append(never)
            refuse(
                .ruleShadowed,
                "The earlier rule '\(never.text)' keeps the calls that sockaudit needs from being written; remove it or narrow it (auditctl -d with the same words)."
            )
        }
        for (rule, whole) in review.excluding(types: [Int32(AUDIT_SYSCALL)]) {
            guard whole else {
                hiding("An exclude filter hides some of the records: \(rule.text).")
                continue
            }
            refuse(
                .recordsExcluded,
                "The exclude filter '\(rule.text)' takes all SYSCALL records out of the stream; remove it (auditctl -d with the same words)."
            )
        }
        for (rule, _) in review.excluding(types: [
            Int32(AUDIT_SOCKETCALL), Int32(AUDIT_FD_PAIR), Int32(AUDIT_EOE),
        ]) {
            hiding("An exclude filter hides records of 32-bit calls or socket pairs: \(rule.text).")
        }
        return problems
    }
}
