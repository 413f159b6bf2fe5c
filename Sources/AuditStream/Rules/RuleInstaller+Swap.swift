import CAudit
import Glibc

extension RuleInstaller {
    /// Brings the rules from the plan that is in to another, without a gap: the new ones go in before the
    /// old ones go out. Where both match, the kernel still writes one event.
    ///
    /// When someone else took rules of ours out, none are put back: rules only go out then, to the end.
    /// - Returns: false when nothing was done for that reason.
    /// - Throws: what the kernel refused. The rules of before are then still in, and ours to remove.
    public mutating func swap(to plan: RulePlan) throws(AuditError) -> Bool {
        let present = try control.rules()
        removedByOthers = max(removedByOthers, installed.count { !present.contains($0) })
        if removedByOthers > 0 && !plan.rules.isEmpty { return false }
        let others = RuleReview(existing: present.filter { !installed.contains($0) })
        for rule in plan.rules where !installed.contains(rule) && others.covering(rule) == nil {
            do {
                try control.add(rule)
                installed.append(rule)
            } catch  where error.errno == EEXIST || (error.errno == EINVAL && !Self.isNative(rule)) {
                // Someone else's, or of an architecture that was refused at the start as well.
            }
        }
        planned = plan.rules
        for rule in installed.reversed() where !plan.rules.contains(rule) {
            do {
                try control.delete(rule)
            } catch  where error.errno == ENOENT {}
            installed.removeAll { $0 == rule }
        }
        return true
    }
}
