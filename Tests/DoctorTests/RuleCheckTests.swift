import SockAuditCore
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

@Suite("Doctor: rules and processes")
struct RuleCheckTests {
    private func facts(_ existing: KernelRule...) -> DoctorFacts { .fine { $0.existing = existing } }

    @Test("What hides all is a failure, each told once")
    func hidingAll() throws {
        #expect(try DoctorFacts.fine().check("hiding_rules").status == .pass)
        let all = facts(.neverTask, .never("close", "socket"), .exclude(1_300))
        let checks = all.checks("hiding_rules")
        #expect(checks.map(\.status) == [.fail, .fail, .fail])
        #expect(checks[0].text.contains("never,task") && checks[0].remedy.contains("auditctl -d never,task"))
        let everything = KernelRule(
            list: 4, action: 0, syscalls: Array(0..<2_048), fields: [KernelRule.never().fields[0]])
        #expect(facts(everything).checks("hiding_rules").map(\.status) == [.fail])
        #expect(checks[1].text.contains("-a never,exit") && checks[2].text.contains("exclude"))
        // It is over close alone: the rule of the creators has other calls as well.
        let state = RuleChecks.rules(all).map(\.state)
        #expect(state.first == .partlyHidden && state.contains(.hidden) && state.contains(.add))
    }

    @Test("What hides a part is a warning")
    func hidingSome() throws {
        for rule: KernelRule in [
            .never("close", fields: [KernelRule.ofRoot]), .never("accept"),
            .exclude(1_300, fields: [KernelRule.ofRoot]), .exclude(1_304),
        ] {
            #expect(try facts(rule).check("hiding_rules").status == .warn, "\(rule.text)")
        }
        #expect(try facts(.never("openat")).check("hiding_rules").status == .pass)
        let partly = RuleChecks.rules(facts(.never("close", fields: [KernelRule.ofRoot])))
        #expect(partly.count { $0.state == .partlyHidden } == 1)
        #expect(partly.first { $0.state == .partlyHidden }?.by.contains("never,exit") == true)
    }

    @Test("The rules of a run: those of the names and the mode, as watch plans them")
    func plan() {
        #expect(RuleChecks.rules(.fine()).map(\.text) == RulePlan(mode: .standard).rules.map(\.text))
        #expect(RuleChecks.rules(.fine()).allSatisfy { $0.state == .add && $0.by.isEmpty })
        let file = Array("/usr/sbin/sshd".utf8)
        let narrowed = DoctorFacts.fine { ($0.answer, $0.mode) = (.files([file]), .light) }
        let rules = RuleChecks.rules(narrowed).map(\.text)
        #expect(rules == RulePlan(mode: .light, executables: [file]).rules.map(\.text))
        #expect(rules.allSatisfy { $0.contains("exe=/usr/sbin/sshd") })
        let proc = DoctorFacts.fine { $0.mode = .proc }
        #expect(RuleChecks.rules(proc).isEmpty)
        #expect(proc.checks("shared_rules").first?.text.contains("puts no rules in") == true)
    }

    @Test("Rules of somebody else that bring the same")
    func shared() throws {
        let some = DoctorFacts.fine { $0.existing = Array(RulePlan(mode: .standard).rules.prefix(3)) }
        #expect(try some.check("shared_rules").text.hasPrefix("3 of the 14"))
        #expect(RuleChecks.rules(some).map(\.state).prefix(4) == [.there, .there, .there, .add])
        #expect(try DoctorFacts.fine().check("shared_rules").text.hasPrefix("None of the 14"))
    }

    @Test("Rules of a killed run, and of one that runs")
    func stale() throws {
        let left = RulePlan(mode: .standard, exemptPids: [777]).rules
        let killed = DoctorFacts.fine { $0.existing = left }
        let check = try killed.check("stale_rules")
        #expect(check.status == .warn && check.text.hasPrefix("14 rules") && check.text.contains("777"))
        #expect(check.remedy.contains("sockaudit rules --clear"))
        let runs = DoctorFacts.fine { ($0.existing, $0.livingOwners, $0.otherRuns) = (left, [777], [777]) }
        #expect(try runs.check("stale_rules").status == .pass)
        #expect(try runs.check("other_runs").text.contains("777"))
        // They are a run's own, and go with it.
        #expect(RuleChecks.rules(runs).allSatisfy { $0.state == .add })
        #expect(try DoctorFacts.fine().check("other_runs").text == "No other sockaudit runs.")
    }

    @Test func scope() throws {
        func text(_ answer: ExecutableFinder.Answer) throws -> String {
            try DoctorFacts.fine {
                ($0.answer, $0.running) = (answer, [.named("sshd"), .named("cron")])
                $0.scope = Scope(patterns: ["sshd"])
            }.check("scope").text
        }
        #expect(try text(.files([Array("/usr/sbin/a\u{1B}[0m".utf8)])).contains("/usr/sbin/a\\x1b[0m alone"))
        #expect(try text(.all(because: "nothing is called sshd yet")).contains("nothing is called sshd yet"))
        #expect(try text(.all(because: "")).contains("1 process is in scope now"))
    }

    @Test func olderProcesses() throws {
        #expect(try DoctorFacts.fine().check("older_processes").status == .pass)
        let one = try DoctorFacts.fine { $0.older = [.named("cron")] }.check("older_processes")
        #expect(one.status == .warn && one.text.hasSuffix("never be seen: cron."))
        #expect(one.remedy.contains("audit=1"))
        let many = try DoctorFacts.fine {
            $0.older = (1...12).map { .named("p\($0)", pid: $0) } + [.named("p1\u{9B}", pid: 99)]
        }.check("older_processes")
        #expect(many.text.contains("13 processes") && many.text.contains("p8 and 5 more names"))
        // The same logic as a run's: since, scope, and not ourselves.
        let running: [ProcScanner.Running] = [.named("cron"), .named("sshd")]
        #expect(OlderProcesses.find(running, auditedSince: nil, scope: .all).isEmpty)
        #expect(OlderProcesses.find(running, auditedSince: 1, scope: .all).isEmpty)
        #expect(OlderProcesses.find(running, auditedSince: 2, scope: .all).count == 2)
        #expect(OlderProcesses.find(running, auditedSince: 2, scope: Scope(patterns: ["cron"])).count == 1)
    }

    @Test func systemCalls() throws {
        func check(_ change: (inout DoctorFacts) -> Void) throws -> DoctorCheck {
            try DoctorFacts.fine(change).check("system_calls")
        }
        let texts = try [
            check { $0.tables = ["b64"] }.text, check { $0.takes32BitCalls = true }.text,
            check { $0.takes32BitCalls = false }.text, check { $0.takes32BitCalls = nil }.text,
        ]
        #expect(Set(texts).count == 4)
        #expect(texts[2].contains("takes no 32-bit calls"))
        #expect(try check { $0.takesX32Calls = true }.status == .warn)
    }

    @Test func hidepid() throws {
        #expect(DoctorFacts.fine().checks("proc_hidepid").isEmpty)
        #expect(try DoctorFacts.fine { $0.hidepid = "invisible" }.check("proc_hidepid").status == .pass)
        let user = DoctorFacts.fine { ($0.hidepid, $0.capabilities) = ("2", HeldCapabilities([])) }
        #expect(try user.check("proc_hidepid").status == .warn)
        let plain = "22 28 0:21 / /proc rw,relatime shared:12 - proc proc rw\n"
        let hiding = "22 28 0:21 / /proc rw shared:12 master:1 - proc proc rw,gid=4,hidepid=invisible\n"
        #expect(ProcessChecks.hidepid(plain) == nil)
        #expect(ProcessChecks.hidepid(hiding) == "invisible")
        #expect(ProcessChecks.hidepid(plain + hiding) == "invisible")
        #expect(ProcessChecks.hidepid(hiding + plain) == nil)
        #expect(ProcessChecks.hidepid("22 28 0:21 / /proc rw - proc proc rw,hidepid=0\n") == nil)
        #expect(ProcessChecks.hidepid("22 28 0:21 / /c/proc rw - proc proc rw,hidepid=2\n") == nil)
        for text in ["", "-", "22 28 0:21 / /proc rw -", "22 28 0:21 / /proc rw - proc proc"] {
            #expect(ProcessChecks.hidepid(text) == nil)
        }
    }
}
