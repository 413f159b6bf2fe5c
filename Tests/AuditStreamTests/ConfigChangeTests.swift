import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream

/// What other programs do to the rules, and which serials have come.
@Suite struct ConfigChangeTests {
    private func changes(_ bodies: [String]) throws -> [ConfigChange] {
        let decoder = EventDecoder(names: NameTable(), ownPid: 0, wantsScripts: false)
        try OneAtATime.run {
            let feed = try AuparseFeed(decoder: decoder)
            for (index, body) in bodies.enumerated() {
                let line = "type=CONFIG_CHANGE msg=audit(1700000000.123:\(100 + index)): \(body)\n"
                // The bytes stay for the call.
                unsafe Array(line.utf8).withUnsafeBytes { unsafe feed.feed($0) }
            }
            feed.flush()
        }
        return decoder.takeChanges()
    }

    @Test func recordsOfTheKernel() throws {
        let found = try changes([
            "auid=1000 ses=3 subj=unconfined op=add_rule key=\"web\" list=4 res=1",
            "auid=4294967295 ses=4294967295 subj=unconfined op=remove_rule key=\"sockaudit\" list=4 res=1",
            "op=set audit_enabled=0 old=1 auid=0 ses=1 subj=unconfined res=1",
            "op=set audit_backlog_limit=8192 old=64 auid=0 ses=1 subj=unconfined res=1",
            "auid=4294967295 ses=4294967295 op=autoremove_rule path=\"/usr/sbin/sshd\" key=\"sockaudit\" list=4 res=1",
        ])
        #expect(
            found.map(\.what) == [
                .ruleAdded, .ruleRemoved(byKernel: false), .enabled(0), .other, .ruleRemoved(byKernel: true),
            ])
        #expect(found.map(\.auid) == [1_000, AuditEvent.unset, 0, 0, AuditEvent.unset])
        #expect(found.allSatisfy { $0.stamp == 1_700_000_000_123 })
    }

    @Test(
        "Serials of messages",
        arguments: [
            ("audit(1700000000.123:456): arch=c000003e", UInt64(456)),
            ("audit(1.0:4294967295): ", 4_294_967_295),
            ("audit(1700000000.123:): ", nil), ("audit(1700000000.123:4x): ", nil), ("", nil),
            ("nothing", nil),
        ])
    func serials(_ text: String, _ serial: UInt64?) {
        // The bytes stay for the call.
        unsafe #expect(Array(text.utf8).withUnsafeBytes { RecordType.serial($0) } == serial)
    }

    private var plan: RulePlan { RulePlan(mode: .standard, exemptPids: [777]) }

    /// A `never` hides only where the kernel asks it before ours.
    @Test func whatHidesOursStandsBeforeThem() throws {
        let never = KernelRule.all([.arch(Architecture.local[0].elf)])
        func hiding(_ rules: [KernelRule]) -> [KernelRule] {
            RuleReview(existing: rules).hiding(plan.rules, before: plan.rules)
        }
        #expect(hiding(plan.rules) == [])
        #expect(hiding([never] + plan.rules) == [never])
        #expect(hiding(plan.rules + [never]) == [])
        let task = KernelRule.all(list: RulesNumber.task)
        #expect(hiding(plan.rules + [task]) == [task])
        let excluded = KernelRule.all(list: RulesNumber.exclude, [.type(1_300)])
        #expect(hiding(plan.rules + [excluded]) == [excluded])
        let always = KernelRule.all(action: RulesNumber.always)
        #expect(hiding([always] + plan.rules) == [])
    }
}
