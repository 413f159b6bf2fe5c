import Testing

@testable import AuditStream

@Suite("Rules: the review")
struct RulesReviewTests {
    private var plan: RulePlan { RulePlan(mode: .standard, exemptPids: [777]) }
    private var elf: UInt32 { Architecture.local[0].elf }

    private func first() throws -> KernelRule { try #require(plan.rules.first) }

    @Test("A rule with fewer conditions or more calls covers; one with more conditions does not")
    func covering() throws {
        let rule = try first()
        var wide = rule.dropping { $0.field == RulesNumber.pid || $0.field == RulesNumber.key }
        wide.fields.append(.key("someone"))
        #expect(RuleReview(existing: [wide]).covering(rule) == wide)
        let every = KernelRule.all(action: RulesNumber.always, [.arch(elf)])
        #expect(RuleReview(existing: [every]).covering(rule) == every)
        var narrow = wide
        narrow.fields.append(.uid(33))
        #expect(RuleReview(existing: [narrow]).covering(rule) == nil)
        var fewer = wide
        fewer.mask[1] = 0
        fewer.mask[0] = 0
        #expect(RuleReview(existing: [fewer]).covering(rule) == nil)
        var never = wide
        never.action = RulesNumber.never
        #expect(RuleReview(existing: [never]).covering(rule) == nil)
        var listed = wide
        listed.list = RulesNumber.task
        #expect(RuleReview(existing: [listed]).covering(rule) == nil)
        #expect(RuleReview(existing: []).covering(rule) == nil)
    }

    @Test("The administrator's rules file covers the plan")
    func rulesFile() {
        let review = RuleReview(existing: RulePlan(mode: .standard).rules)
        #expect(plan.rules.allSatisfy { review.covering($0) != nil })
        #expect(
            RulePlan(mode: .light).rules.filter { review.covering($0) != nil }.count
                == RulePlan(mode: .light).rules.count)
        #expect(RulePlan(mode: .full).rules.contains { review.covering($0) == nil })
    }

    @Test("A never rule shadows all, part or nothing")
    func shadowing() throws {
        let rule = try first()
        let whole = KernelRule.all([.arch(elf), .key("quiet")])
        #expect(RuleReview(existing: [whole]).shadowing(rule) == whole)
        #expect(RuleReview(existing: [whole]).partlyShadowing([rule]) == [whole])
        let bare = KernelRule.all()
        #expect(RuleReview(existing: [bare]).shadowing(rule) == bare)
        let part = KernelRule.all([.arch(elf), .uid(33)])
        #expect(RuleReview(existing: [part]).shadowing(rule) == nil)
        #expect(RuleReview(existing: [part]).partlyShadowing([rule]) == [part])
        let program = KernelRule.all([.exe("/usr/bin/chatty")])
        let narrowed = RulePlan(mode: .standard, executables: [Array("/usr/sbin/nginx".utf8)]).rules
        #expect(RuleReview(existing: [program]).partlyShadowing(narrowed).isEmpty)
        #expect(RuleReview(existing: [program]).partlyShadowing([rule]) == [program])
        let elsewhere = KernelRule(
            list: RulesNumber.exit, action: RulesNumber.never, syscalls: [0], fields: [.arch(elf)])
        #expect(RuleReview(existing: [elsewhere]).partlyShadowing([rule]).isEmpty)
        let always = KernelRule.all(action: RulesNumber.always, [.arch(elf)])
        #expect(RuleReview(existing: [always]).shadowing(rule) == nil)
        #expect(RuleReview(existing: [always]).partlyShadowing([rule]).isEmpty)
    }

    @Test("A never rule for the other architecture is none for this one")
    func otherArchitecture() throws {
        try #require(Architecture.local.count > 1)
        let other = KernelRule.all([.arch(Architecture.local[1].elf)])
        let rule = try first()
        #expect(RuleReview(existing: [other]).shadowing(rule) == nil)
        #expect(RuleReview(existing: [other]).partlyShadowing([rule]).isEmpty)
    }

    @Test("Exclude filters, by type and whole or in part")
    func excluding() {
        func found(_ fields: [KernelRule.Field], list: UInt32 = RulesNumber.exclude) -> [Bool] {
            let rule = KernelRule.all(list: list, action: RulesNumber.always, fields)
            return RuleReview(existing: [rule]).excluding(types: [1_300]).map(\.whole)
        }
        #expect(found([.type(1_300)]) == [true])
        #expect(found([.type(1_300), .key("x")]) == [true])
        #expect(found([.type(1_300), .uid(33)]) == [false])
        #expect(found([.type(1_327)]) == [])
        #expect(found([.type(1_300, op: RulesNumber.notEqual)]) == [])
        #expect(found([.type(1_327, op: RulesNumber.notEqual)]) == [true])
        #expect(found([.type(1_300, op: RulesNumber.atLeast), .type(1_399, op: 0x5000_0000)]) == [true])
        #expect(found([.type(1_301, op: RulesNumber.atLeast), .type(1_399, op: 0x5000_0000)]) == [])
        #expect(found([.type(1_299, op: 0x2000_0000), .type(1_301, op: 0x1000_0000)]) == [true])
        #expect(found([.type(1_300, op: 0x2000_0000)]) == [])
        #expect(found([.uid(33)]) == [false])
        #expect(found([.type(1_300)], list: RulesNumber.exit) == [])
    }

    @Test("task,never")
    func taskNever() {
        let never = KernelRule.all(list: RulesNumber.task)
        let always = KernelRule.all(list: RulesNumber.task, action: RulesNumber.always)
        let exit = KernelRule.all()
        #expect(RuleReview(existing: [always, exit, never]).taskNever == [never])
    }

    @Test("Ours are found with the pid that put them in", arguments: [AuditMode.light, .standard, .full])
    func ours(_ mode: AuditMode) {
        for executables in [[], [Array("/usr/sbin/nginx".utf8)]] {
            let rules = RulePlan(mode: mode, executables: executables, exemptPids: [777, 12]).rules
            let ours = RuleReview(existing: rules).ours
            #expect(ours.map(\.rule) == rules)
            #expect(ours.allSatisfy { $0.owner == 777 })
        }
    }

    @Test("What others put in is never ours")
    func notOurs() throws {
        let rule = try first()
        // The rules file of an administrator: our key, no pid!=.
        #expect(RuleReview(existing: RulePlan(mode: .full).rules).ours.isEmpty)
        var keyed = rule.dropping { $0.field == RulesNumber.key }
        #expect(RuleReview(existing: [keyed]).ours.isEmpty)
        keyed.fields.append(.key("sockaudit2"))
        #expect(RuleReview(existing: [keyed]).ours.isEmpty)
        var two = rule.dropping { $0.field == RulesNumber.key }
        two.fields.append(.key("sockaudit\u{1}mine"))
        #expect(RuleReview(existing: [two]).ours.isEmpty)
        var stranger = rule
        stranger.fields.append(.uid(33))
        #expect(RuleReview(existing: [stranger]).ours.isEmpty)
        var wide = rule
        wide.mask = Array(repeating: .max, count: KernelRule.maskWords)
        #expect(RuleReview(existing: [wide]).ours.isEmpty)
        var never = rule
        never.action = RulesNumber.never
        #expect(RuleReview(existing: [never]).ours.isEmpty)
        var task = rule
        task.list = RulesNumber.task
        #expect(RuleReview(existing: [task]).ours.isEmpty)
        var open = rule.dropping { $0.field == RulesNumber.pid }
        open.fields.append(.init(RulesNumber.pid, RulesNumber.equal, 777))
        #expect(RuleReview(existing: [open]).ours.isEmpty)
    }
}
