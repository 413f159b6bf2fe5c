import Testing

@testable import AuditStream

@Suite("Rules: the kernel's layout")
struct RulesKernelTests {
    private func roundTrip(_ rule: KernelRule) -> KernelRule {
        // The bytes stay for the call.
        unsafe rule.withData { unsafe KernelRule(reading: $0) }
    }

    @Test("Every planned rule survives the kernel's layout", arguments: AuditMode.allCases)
    func planned(_ mode: AuditMode) {
        for executables in [[], [Array("/usr/sbin/nginx".utf8), Array("/opt/a b/x".utf8)]] {
            for rule in RulePlan(mode: mode, executables: executables, exemptPids: [1, 4_194_304]).rules {
                let back = roundTrip(rule)
                #expect(back == rule)
                #expect(back.text == rule.text)
            }
        }
    }

    @Test("Lists, actions, masks and fields at their edges")
    func edges() {
        let pids = (0..<64).map { KernelRule.Field.notPid(UInt32($0)) }
        let last = Int32(KernelRule.maskWords * 32 - 1)
        let rules = [
            KernelRule.all(), KernelRule.all(list: RulesNumber.task),
            KernelRule(list: 0x14, action: 2, syscalls: [0, 31, 32, 63, 64, last], fields: pids),
            KernelRule(list: 4, action: 2, syscalls: [], fields: [.key(""), .exe("/a"), .key("b\u{1}c")]),
        ]
        for rule in rules { #expect(roundTrip(rule) == rule) }
        #expect(rules[2].syscalls == [0, 31, 32, 63, 64, last])
        #expect(rules[3].keys == [Array("b".utf8), Array("c".utf8)])
    }

    @Test("More fields than the kernel takes are cut, never written beyond")
    func tooMany() {
        let pids = (0..<80).map { KernelRule.Field.notPid(UInt32($0)) }
        let back = roundTrip(KernelRule(list: 4, action: 2, syscalls: [1], fields: pids))
        #expect(back.fields == Array(pids.prefix(64)))
    }

    @Test("Numbers that no mask holds are left out")
    func beyond() {
        let rule = KernelRule(list: 4, action: 2, syscalls: [-1, 3, 2_048, 100_000, .max], fields: [])
        #expect(rule.syscalls == [3])
        #expect(!rule.hasSyscall(-1))
        #expect(!rule.hasSyscall(.max))
    }

    @Test("A reply whose lengths lie is cut")
    func lying() {
        let rule = KernelRule(list: 4, action: 2, syscalls: [1], fields: [.key("abc"), .exe("/bin/x")])
        // The bytes stay for the call.
        let back = unsafe rule.withData { data -> KernelRule in
            unsafe data.pointee.buflen = 5
            return unsafe KernelRule(reading: data)
        }
        #expect(back.fields.map { $0.text ?? [] } == [Array("abc".utf8), Array("/b".utf8)])
    }

    @Test("Text as auditctl reads it")
    func text() {
        let elf = Architecture.local[0].elf
        #expect(KernelRule.all(list: RulesNumber.task).text == "-a never,task")
        #expect(
            KernelRule.all(list: RulesNumber.exclude, action: RulesNumber.always, [.type(1_300)]).text
                == "-a always,exclude -F msgtype=SYSCALL")
        #expect(
            KernelRule.all([.arch(elf), .uid(33)]).text == "-a never,exit -F arch=b64 -S all -F uid=33")
        #expect(
            KernelRule.all([.arch(elf), .key("a b\n\u{1B}")]).text
                == "-a never,exit -F arch=b64 -S all -F key=a\\x20b\\x0a\\x1b")
    }

    @Test("What the installed rules say is what auditctl -l would take back")
    func plan() throws {
        let rule = try #require(RulePlan(mode: .light, exemptPids: [9]).rules.first)
        #expect(
            rule.text
                == "-a always,exit -F arch=b64 -S socket -F success=1 -F pid!=9 -F key=sockaudit")
    }
}
