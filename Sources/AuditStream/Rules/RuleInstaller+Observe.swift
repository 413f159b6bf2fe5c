import CAudit

/// For a run that goes by the rules of the administrator's and adds none.
extension RuleInstaller {
    /// Looks whether the rules that are in the kernel bring all that the plan wants. What would stop a run of
    /// our own rules is a finding here: the records come all the same, or do not.
    public mutating func observe(_ plan: RulePlan) throws(AuditError) -> Report {
        isObserver = true
        planned = plan.rules
        var report = Report()
        let status = try control.status()
        report.before = status
        let review = RuleReview(existing: try control.rules())
        for problem in HostChecks.lists(review, plan) + HostChecks.rateLimit(status) {
            switch problem {
            case .finding(let finding): report.findings.append(finding)
            case .refusal(let error): report.findings.append(.init(text: error.message, hides: true))
            }
        }
        if status.enabled == 0 {
            report.findings.append(
                .init(text: "Auditing is off (auditctl -e 1 switches it on).", hides: true))
        }
        report.missing = review.inspection(of: planned).missing
        report.shared = planned.count - report.missing
        hidingBefore = review.hiding(planned)
        report.partlyShadowed = review.nevers(before: planned).map(\.text)
        report.rules = try texts()
        return report
    }
}

extension RuleReview {
    /// Of rules that others put in for us.
    /// - Parameter before: what hid something already, of which was told.
    func inspection(
        of planned: [KernelRule], _ before: [KernelRule] = []
    ) -> RuleInstaller.Inspection {
        var found = RuleInstaller.Inspection()
        found.missing = planned.count { covering($0) == nil }
        found.hiding = hiding(planned).filter { !before.contains($0) }.map(\.text)
        return found
    }

    func hiding(_ planned: [KernelRule]) -> [KernelRule] {
        nevers(before: planned) + taskNever + excluding(types: [Int32(AUDIT_SYSCALL)]).map(\.rule)
    }

    /// Rules that keep some of these events from being written: the kernel asks in order, so only those
    /// before the rule that brings them do.
    func nevers(before planned: [KernelRule]) -> [KernelRule] {
        var found: [KernelRule] = []
        for rule in planned {
            let bringing = covering(rule)
            let first = bringing.flatMap { existing.firstIndex(of: $0) } ?? existing.count
            let ahead = RuleReview(existing: Array(existing[..<first])).partlyShadowing([rule])
            found += ahead.filter { !found.contains($0) }
        }
        return found
    }
}
