import Testing

@testable import AuditStream

@Suite("Rules: what a host must be like")
struct RulesHostTests {
    private let plan = RulePlan(mode: .standard, exemptPids: [777])

    private func status(enabled: UInt32 = 1, failure: UInt32 = 1, rate: UInt32 = 0) -> KernelStatus {
        KernelStatus(
            enabled: enabled, failure: failure, daemon: 0, rateLimit: rate, backlogLimit: 8_192, lost: 0,
            backlog: 0, backlogWaitTime: 0, backlogWaitActual: 0)
    }

    private func check(
        _ status: KernelStatus, _ existing: [KernelRule] = [], plan: RulePlan? = nil, force: Bool = false
    ) -> Result<[HostChecks.Finding], AuditError> {
        do throws(AuditError) {
            return .success(
                try HostChecks.check(
                    status, RuleReview(existing: existing), plan ?? self.plan, force: force))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(
        _ status: KernelStatus, _ existing: [KernelRule] = [], plan: RulePlan? = nil, force: Bool = false
    ) -> AuditError.Code? {
        guard case .failure(let error) = check(status, existing, plan: plan, force: force) else { return nil }
        #expect(error.isHostRefusal)
        #expect(error.message.hasSuffix("."))
        return error.code
    }

    @Test("A plain host is fine, switched on or off")
    func fine() throws {
        for enabled: UInt32 in [0, 1] {
            #expect(try check(status(enabled: enabled)).get().isEmpty)
        }
    }

    @Test("Locked rules refuse, unless all of ours are there already")
    func locked() throws {
        #expect(refusal(status(enabled: 2)) == .rulesLocked)
        let theirs = RulePlan(mode: .standard).rules
        #expect(try check(status(enabled: 2), theirs).get().isEmpty)
        #expect(refusal(status(enabled: 2), Array(theirs.dropLast())) == .rulesLocked)
        #expect(refusal(status(enabled: 2), theirs, plan: RulePlan(mode: .full)) == .rulesLocked)
        #expect(try check(status(enabled: 2), plan: RulePlan(mode: .proc)).get().isEmpty)
    }

    @Test("A kernel that panics on loss refuses without --force")
    func panic() throws {
        #expect(refusal(status(failure: 2)) == .panicOnFailure)
        let findings = try check(status(failure: 2), force: true).get()
        #expect(findings.count == 1)
        #expect(findings.first?.hides == false)
    }

    @Test("never,task refuses; narrowed it is a finding that hides")
    func taskNever() throws {
        #expect(refusal(status(), [.all(list: RulesNumber.task)]) == .taskNever)
        #expect(refusal(status(), [.all(list: RulesNumber.task, [.key("x")])]) == .taskNever)
        let findings = try check(status(), [.all(list: RulesNumber.task, [.uid(33)])]).get()
        #expect(findings.map(\.hides) == [true])
    }

    @Test("An earlier never rule over one of ours refuses")
    func shadowed() {
        #expect(refusal(status(), [.all([.arch(Architecture.local[0].elf)])]) == .ruleShadowed)
        let close = plan.rules.first { $0.callNames == ["close"] }
        let never = KernelRule(
            list: RulesNumber.exit, action: RulesNumber.never, syscalls: close?.syscalls ?? [],
            fields: [.arch(close?.architecture ?? 0)])
        #expect(refusal(status(), [never]) == .ruleShadowed)
    }

    @Test("An exclude filter over SYSCALL refuses; narrowed, or over lesser records, it hides")
    func excluded() throws {
        func exclude(_ fields: [KernelRule.Field]) -> KernelRule {
            .all(list: RulesNumber.exclude, action: RulesNumber.always, fields)
        }
        #expect(refusal(status(), [exclude([.type(1_300)])]) == .recordsExcluded)
        #expect(
            try check(status(), [exclude([.type(1_300), .uid(33)])]).get().map(\.hides) == [true])
        for type: UInt32 in [1_304, 1_317] {
            #expect(try check(status(), [exclude([.type(type)])]).get().map(\.hides) == [true])
        }
        #expect(try check(status(), [exclude([.type(1_327)])]).get().isEmpty)
    }

    @Test("A rate limit is said, and stops nothing")
    func rate() throws {
        let findings = try check(status(rate: 100)).get()
        #expect(findings.map(\.hides) == [false])
        #expect(findings.first?.text.contains("100") == true)
    }

    @Test("Without rules of ours no list matters")
    func proc() throws {
        let all: [KernelRule] = [.all(), .all(list: RulesNumber.task)]
        #expect(try check(status(), all, plan: RulePlan(mode: .proc)).get().isEmpty)
    }

    @Test("What the kernel refuses becomes the right code")
    func refusals() {
        #expect(AuditControl.refusal(1).code == .notPrivileged)
        #expect(AuditControl.refusal(111).code == .notInitialNamespace)
        #expect(AuditControl.refusal(22).code == .socketFailed)
        #expect(AuditControl.refusal(1).isHostRefusal)
        #expect(!AuditControl.refusal(22).isHostRefusal)
        #expect(AuditControl.refusal(1).description.contains("EPERM"))
    }
}
