import CAudit

/// What the rules that are in the kernel mean for the ones that we would add. Pure.
public struct RuleReview: Sendable {
    public let existing: [KernelRule]
    public init(existing: [KernelRule]) { self.existing = existing }

    private static let exitList = UInt32(AUDIT_FILTER_EXIT)
    private static let listMask = UInt32(AUDIT_FILTER_MASK)

    private static func isOn(_ list: Int32, _ rule: KernelRule) -> Bool {
        rule.list & listMask == UInt32(list)
    }

    /// `wide` takes every event that `narrow` takes: its calls contain the other's, and each of
    /// its conditions is one of the other's. The key is no condition.
    static func covers(_ wide: KernelRule, _ narrow: KernelRule) -> Bool {
        guard wide.list & listMask == narrow.list & listMask else { return false }
        for (a, b) in zip(wide.mask, narrow.mask) where b & ~a != 0 { return false }
        let conditions = wide.fields.filter { $0.field != UInt32(AUDIT_FILTERKEY) }
        return conditions.allSatisfy { narrow.fields.contains($0) }
    }

    /// Someone else's rule that already brings everything this one would.
    public func covering(_ rule: KernelRule) -> KernelRule? {
        existing.first { $0.action == UInt32(AUDIT_ALWAYS) && Self.covers($0, rule) }
    }

    /// An earlier rule that keeps all of these events from being written.
    public func shadowing(_ rule: KernelRule) -> KernelRule? {
        existing.first { $0.action == UInt32(AUDIT_NEVER) && Self.covers($0, rule) }
    }

    /// Earlier rules that keep some of these events from being written.
    public func partlyShadowing(_ rules: [KernelRule]) -> [KernelRule] {
        existing.filter { never in
            never.action == UInt32(AUDIT_NEVER) && Self.isOn(AUDIT_FILTER_EXIT, never)
                && rules.contains { Self.overlap(never, $0) }
        }
    }

    /// Rules that keep events of these from being written, or from being made at all: `never` before the
    /// first of `ours` (the kernel asks in order), on the task list, and exclude filters.
    func hiding(_ rules: [KernelRule], before ours: [KernelRule]) -> [KernelRule] {
        let first = existing.firstIndex(where: ours.contains) ?? existing.count
        let ahead = RuleReview(existing: Array(existing[..<first])).partlyShadowing(rules)
        return ahead + taskNever + excluding(types: [Int32(AUDIT_SYSCALL)]).map(\.rule)
    }

    /// Whether both can match one event, as far as calls, architecture and file tell.
    private static func overlap(_ a: KernelRule, _ b: KernelRule) -> Bool {
        guard zip(a.mask, b.mask).contains(where: { $0 & $1 != 0 }) else { return false }
        for field in [AUDIT_ARCH, AUDIT_EXE, AUDIT_ARG0, AUDIT_ARG1, AUDIT_SUCCESS] {
            let mine = a.values(of: field, op: sockaudit_op_equal())
            let theirs = b.values(of: field, op: sockaudit_op_equal())
            if let x = mine.first, let y = theirs.first, x != y { return false }
        }
        return true
    }

    /// Rules on the task list that keep new processes from being audited at all (`-a never,task`).
    public var taskNever: [KernelRule] {
        existing.filter { $0.action == UInt32(AUDIT_NEVER) && Self.isOn(AUDIT_FILTER_TASK, $0) }
    }

    /// Exclude filters that take records of these types out of the stream. `whole` when nothing
    /// but the type is asked.
    public func excluding(types: [Int32]) -> [(rule: KernelRule, whole: Bool)] {
        existing.filter { Self.isOn(AUDIT_FILTER_EXCLUDE, $0) }.compactMap { rule in
            let byType = rule.fields.filter { $0.field == UInt32(AUDIT_MSGTYPE) }
            let others = rule.fields.contains {
                $0.field != UInt32(AUDIT_MSGTYPE) && $0.field != UInt32(AUDIT_FILTERKEY)
            }
            let hit = types.contains { type in byType.allSatisfy { Self.matches($0, UInt32(type)) } }
            return hit ? (rule, !others) : nil
        }
    }

    private static func matches(_ field: KernelRule.Field, _ value: UInt32) -> Bool {
        switch field.op {
        case sockaudit_op_equal(): value == field.value
        case sockaudit_op_not_equal(): value != field.value
        case sockaudit_op_greater_equal(): value >= field.value
        case sockaudit_op_less_equal(): value <= field.value
        case sockaudit_op_equal() ^ sockaudit_op_greater_equal(): value > field.value
        case sockaudit_op_equal() ^ sockaudit_op_less_equal(): value < field.value
        default: true
        }
    }

    /// Rules that a sockaudit put in, by key and content: on the exit list, always, with only such
    /// calls and fields as ours have, and with the `pid!=` of the one who put it in. Rules that an
    /// administrator loaded from the rules file have no `pid!=` and are never ours.
    public var ours: [(rule: KernelRule, owner: Int32)] {
        let vocabulary: Set<UInt32> = Set(
            [
                AUDIT_ARCH, AUDIT_SUCCESS, AUDIT_EXIT, AUDIT_ARG0, AUDIT_ARG1, AUDIT_EXE, AUDIT_PID,
                AUDIT_FILTERKEY,
            ].map { UInt32($0) })
        let widest = RulePlan(mode: .full).rules
        return existing.compactMap { rule in
            guard rule.list == Self.exitList, rule.action == UInt32(AUDIT_ALWAYS),
                rule.keys == [RulePlan.key],
                rule.fields.allSatisfy({ vocabulary.contains($0.field) }),
                let owner = rule.values(of: AUDIT_PID, op: sockaudit_op_not_equal()).first,
                widest.contains(where: { wide in zip(wide.mask, rule.mask).allSatisfy { $1 & ~$0 == 0 } })
            else { return nil }
            return (rule, Int32(bitPattern: owner.value))
        }
    }
}
