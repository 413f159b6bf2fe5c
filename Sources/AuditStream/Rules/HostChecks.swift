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

    /// Throws what makes auditing impossible; returns what the user should know all the same.
    public static func check(
        _ status: KernelStatus, _ review: RuleReview, _ plan: RulePlan, force: Bool
    ) throws(AuditError) -> [Finding] {
        var findings: [Finding] = []
        if status.enabled == KernelStatus.locked && !plan.rules.allSatisfy({ review.covering($0) != nil }) {
            throw AuditError(
                .rulesLocked,
                "The audit rules are locked until the next boot (auditctl -e 2), so none can be added; put rules/30-sockaudit.rules into /etc/audit/rules.d before that line and reboot."
            )
        }
        if status.failure == KernelStatus.panics {
            let what =
                "The kernel panics when an audit record is lost (auditctl -f 2), and our rules add load"
            guard force else {
                throw AuditError(
                    .panicOnFailure,
                    "\(what); set the failure flag to 1 (auditctl -f 1), or run with --force.")
            }
            findings.append(Finding(text: "\(what); going on because of --force.", hides: false))
        }
        try checkLists(review, plan, &findings)
        if status.rateLimit > 0 {
            findings.append(
                Finding(
                    text:
                        "The kernel drops records above \(status.rateLimit) a second (auditctl -r); set it to 0 (auditctl -r 0) for exact figures.",
                    hides: false))
        }
        return findings
    }

    private static func checkLists(
        _ review: RuleReview, _ plan: RulePlan, _ findings: inout [Finding]
    ) throws(AuditError) {
        guard !plan.rules.isEmpty else { return }
        for never in review.taskNever {
            guard never.fields.allSatisfy({ $0.field == UInt32(AUDIT_FILTERKEY) }) else {
                findings.append(
                    Finding(
                        text: "A rule keeps some processes from being audited at all: \(never.text).",
                        hides: true))
                continue
            }
            throw AuditError(
                .taskNever,
                "The rule '\(never.text)' keeps every process from being audited; remove it (auditctl -d never,task, and from /etc/audit/rules.d) and restart what you want to watch."
            )
        }
        for rule in plan.rules {
            guard let never = review.shadowing(rule) else { continue }
            throw AuditError(
                .ruleShadowed,
                "The earlier rule '\(never.text)' keeps the calls that sockaudit needs from being written; remove it or narrow it (auditctl -d with the same words)."
            )
        }
        for (rule, whole) in review.excluding(types: [Int32(AUDIT_SYSCALL)]) {
            guard whole else {
                findings.append(
                    Finding(text: "An exclude filter hides some of the records: \(rule.text).", hides: true))
                continue
            }
            throw AuditError(
                .recordsExcluded,
                "The exclude filter '\(rule.text)' takes all SYSCALL records out of the stream; remove it (auditctl -d with the same words)."
            )
        }
        for (rule, _) in review.excluding(types: [
            Int32(AUDIT_SOCKETCALL), Int32(AUDIT_FD_PAIR), Int32(AUDIT_EOE),
        ]) {
            findings.append(
                Finding(
                    text: "An exclude filter hides records of 32-bit calls or socket pairs: \(rule.text).",
                    hides: true))
        }
    }
}
