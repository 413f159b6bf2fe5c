import AuditStream
import SockAuditCore

/// What is among the kernel's rules already, and what would come to it. Pure.
enum RuleChecks {
    static func all(_ facts: DoctorFacts) -> [DoctorCheck] {
        guard facts.status != nil else { return [scope(facts), otherRuns(facts)] }
        return [scope(facts)] + hiding(facts) + [shared(facts), stale(facts), otherRuns(facts)]
    }

    static func scope(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "scope"
        let count = facts.inScope.count
        let now = Counted.text(count, "process is", "processes are") + " in scope now"
        switch facts.answer {
        case .files(let files):
            let names = files.map { Escaping.visible($0) }.joined(separator: " ")
            return .pass(
                id, "Rules for \(names) alone are enough, which cost others next to nothing; \(now).")
        case .all(let because) where !because.isEmpty:
            return .pass(id, "The rules of all are needed, for \(because); \(now).")
        case .all:
            return .pass(id, "The rules are for every process; \(now).")
        }
    }

    /// Rules and filters that keep events from being written.
    static func hiding(_ facts: DoctorFacts) -> [DoctorCheck] {
        let id = "hiding_rules"
        let plan = facts.plan.rules
        var checks = KernelChecks.problems(id, HostChecks.lists(facts.review, facts.plan))
        let whole = plan.compactMap { facts.review.shadowing($0) }
        for never in facts.review.partlyShadowing(plan) where !whole.contains(never) {
            checks.append(
                .warn(
                    id,
                    "The earlier rule '\(never.text)' keeps some of the calls that we need from being written.",
                    remedy: "Remove it or narrow it (auditctl -d with the same words), or expect PARTIAL."))
        }
        return checks.isEmpty ? [.pass(id, "No rule keeps from us what we need.")] : checks
    }

    static func shared(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "shared_rules"
        let plan = facts.plan.rules
        if plan.isEmpty { return .pass(id, "A run in \(facts.mode.rawValue) mode puts no rules in.") }
        let there = plan.count { facts.review.covering($0) != nil }
        if there == 0 {
            return .pass(
                id, "None of the \(plan.count) rules is in the kernel already; a run puts all of them in.")
        }
        return .pass(
            id,
            "\(there) of the \(plan.count) rules are in the kernel already; a run uses those and leaves them there."
        )
    }

    static func stale(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "stale_rules"
        let stale = facts.review.ours.filter { !facts.livingOwners.contains($0.owner) }
        if stale.isEmpty { return .pass(id, "No rules of a killed sockaudit are left.") }
        let owners = Set(stale.map(\.owner)).sorted().map(String.init).joined(separator: ", ")
        return .warn(
            id,
            "\(Counted.text(stale.count, "rule", "rules")) of a sockaudit that was killed (pid \(owners)) \(stale.count == 1 ? "is" : "are") left.",
            remedy: "Remove them: sudo sockaudit rules --clear. The next start does it too.")
    }

    static func otherRuns(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "other_runs"
        let runs = facts.otherRuns.sorted().map(String.init).joined(separator: ", ")
        return .pass(
            id,
            runs.isEmpty
                ? "No other sockaudit runs."
                : "Another sockaudit runs (pid \(runs)); both are right, and the kernel writes each event once."
        )
    }

    // MARK: the list

    static func rules(_ facts: DoctorFacts) -> [DoctorRule] {
        let review = facts.review
        return facts.plan.rules.map { rule in
            if let never = review.shadowing(rule) {
                return DoctorRule(text: rule.text, state: .hidden, by: never.text)
            }
            if let never = review.partlyShadowing([rule]).first {
                return DoctorRule(text: rule.text, state: .partlyHidden, by: never.text)
            }
            if let other = review.covering(rule) {
                return DoctorRule(text: rule.text, state: .there, by: other.text)
            }
            return DoctorRule(text: rule.text, state: .add, by: "")
        }
    }
}
