import Testing

@testable import AuditStream

/// What a plugin makes of the rules that the administrator put in.
@Suite("Rules: those of the administrator") struct RulesObserveTests {
    private let program = Array("/usr/sbin/sockaudit".utf8)
    private var planned: [KernelRule] { RulePlan(mode: .standard, exemptPrograms: [program]).rules }
    private var asPrinted: [KernelRule] { RulePlan(mode: .standard).rules }
    private var elf: UInt32 { Architecture.local[0].elf }

    @Test(
        "The printed file brings all, with our own calls or without them; others' programs may not be left out"
    )
    func printed() {
        #expect(RuleReview(existing: asPrinted).inspection(of: planned).missing == 0)
        #expect(RuleReview(existing: planned).inspection(of: planned).missing == 0)
        let other = RulePlan(mode: .standard, exemptPrograms: [Array("/usr/bin/curl".utf8)]).rules
        #expect(RuleReview(existing: other).inspection(of: planned).missing == planned.count)
        #expect(RuleReview(existing: []).inspection(of: planned).missing == planned.count)
        #expect(RuleReview(existing: Array(asPrinted.dropFirst(2))).inspection(of: planned).missing == 2)
    }

    @Test("Rules of a lower mode do not do; those of a higher one do")
    func modes() {
        let light = RulePlan(mode: .light).rules
        #expect(
            RuleReview(existing: light).inspection(of: planned).missing == planned.count - light.count + 2)
        let full = RulePlan(mode: .full).rules
        #expect(RuleReview(existing: full).inspection(of: planned).missing == 0)
    }

    @Test("A never rule hides something only where it stands before the rule that brings it")
    func nevers() {
        let never = KernelRule.all([.arch(elf), .uid(7)])
        let after = RuleReview(existing: asPrinted + [never])
        #expect(after.nevers(before: planned).isEmpty && after.inspection(of: planned).hiding.isEmpty)
        let before = RuleReview(existing: [never] + asPrinted)
        #expect(before.nevers(before: planned) == [never])
        #expect(before.inspection(of: planned).hiding == [never.text])
        #expect(before.inspection(of: planned, [never]).hiding.isEmpty, "that was told of")
    }
}
