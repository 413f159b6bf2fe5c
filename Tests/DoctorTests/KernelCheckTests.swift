import SockAuditCore
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

@Suite("Doctor: what the kernel says")
struct KernelCheckTests {
    @Test("Nothing stands in the way of a plain host, and each check is one of its kind")
    func fine() {
        let checks = Doctor.checks(.fine())
        #expect(checks.allSatisfy { $0.status == .pass }, "\(checks.filter { $0.status != .pass })")
        #expect(Set(checks.map(\.id)).count == checks.count)
        #expect(checks.count >= 14)
    }

    @Test("Every text is a full sentence, and whatever is wrong has a remedy")
    func sentences() {
        let hosts: [DoctorFacts] = [
            .fine(),
            .fine {
                $0.refusal = AuditControl.refusal(1); $0.status = nil
            },
            .fine {
                $0.status = KernelStatus(
                    enabled: 2, failure: 2, daemon: 3, rateLimit: 4, backlogLimit: 5, lost: 6, backlog: 7,
                    backlogWaitTime: 0, backlogWaitActual: 8)
                $0.existing = [
                    .neverTask, .never("close"), .exclude(1_300),
                    .never("socket", fields: [KernelRule.ofRoot]),
                ]
                $0.daemon = RegisteredDaemon(pid: 3, name: Array("other".utf8))
                $0.older = [.named("old")]
                $0.hidepid = "2"
                $0.capabilities = HeldCapabilities([])
                $0.takesX32Calls = true
            },
            .fine(auditd: "max_log_file = 8", "num_logs = 5", "max_log_file_action = rotate") {
                $0.plugins = [AuditdPlugin(name: [0x61], program: [0x62])]
            },
        ]
        for check in hosts.flatMap(Doctor.checks) {
            #expect(
                check.text.hasSuffix(".") && check.text.first?.isLowercase == check.text.hasPrefix("auditd"))
            #expect(!check.text.hasSuffix(".."), "\(check)")
            #expect((check.status == .pass) == check.remedy.isEmpty, "\(check)")
            if !check.remedy.isEmpty {
                #expect(check.remedy.hasSuffix(".") && check.remedy.first?.isUppercase != false)
            }
        }
        #expect(
            hosts.map { DoctorReport(checks: Doctor.checks($0)).result } == [
                .fine, .cannot, .cannot, .warnings,
            ])
        #expect(hosts.map { DoctorReport(checks: Doctor.checks($0)).exitStatus } == [0, 3, 3, 4])
    }

    @Test("Privileges: all, not enough to read /proc, none, and a container")
    func privileges() throws {
        #expect(try DoctorFacts.fine().check("privileges").status == .pass)
        let noProc = DoctorFacts.fine { $0.capabilities = HeldCapabilities([.auditControl, .auditRead]) }
        #expect(try noProc.check("privileges").status == .warn)
        #expect(try noProc.check("privileges").text.contains("CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"))
        let noStream = DoctorFacts.fine {
            $0.capabilities = HeldCapabilities([.auditControl, .ptrace, .readAnything])
        }
        #expect(try noStream.check("privileges").status == .fail)
        #expect(try noStream.check("privileges").text == "We lack CAP_AUDIT_READ.")
        let user = DoctorFacts.fine {
            ($0.status, $0.refusal) = (nil, AuditControl.refusal(1))
            $0.capabilities = HeldCapabilities([])
        }
        #expect(try user.check("privileges").status == .fail)
        #expect(try user.check("privileges").remedy.contains("sudo"))
        #expect(try user.check("kernel_audit").status == .pass)
        #expect(try user.check("confinement").status == .pass)
        let open = DoctorFacts.fine { $0.takesFilters = false }
        #expect(try open.check("confinement").status == .warn)
        let container = DoctorFacts.fine { ($0.status, $0.refusal) = (nil, AuditControl.refusal(1)) }
        #expect(try container.check("privileges").text.contains("container"))
        let namespace = DoctorFacts.fine { ($0.status, $0.refusal) = (nil, AuditControl.refusal(111)) }
        #expect(try namespace.check("privileges").status == .fail)
        // What nobody could ask is not said.
        for id in ["enabled", "lost", "daemon", "hiding_rules", "older_processes"] {
            #expect(user.checks(id).isEmpty)
        }
    }

    @Test("The capabilities of /proc/PID/status")
    func capabilities() throws {
        func held(_ text: String) -> HeldCapabilities? { HeldCapabilities(status: text) }
        #expect(
            held("Name:\tx\nCapPrm:\t0\nCapEff:\t000001fffeffffff\nCapBnd:\t0\n")?.missing.isEmpty == true)
        // Bits 30 and 37, from linux/capability.h.
        #expect(held("CapEff:\t0000002040000000\n") == HeldCapabilities([.auditControl, .auditRead]))
        #expect(held("CapEff:\t0000000000000000\n")?.missing == HeldCapabilities.Needed.allCases)
        for text in ["", "CapEff:", "CapEff:\tzz", "CapEff:\t1ffffffffffffffff"] {
            #expect(held(text) == nil)
        }
    }

    @Test func noSupport() throws {
        let facts = DoctorFacts.fine {
            ($0.status, $0.refusal) = (nil, AuditError(.noAudit, "This kernel has none; boot another."))
        }
        #expect(try facts.check("kernel_audit").status == .fail)
        #expect(try facts.check("privileges").status == .pass)
        let failed = DoctorFacts.fine { ($0.status, $0.refusal) = (nil, AuditControl.refusal(22)) }
        #expect(try failed.check("privileges").status == .fail)
        #expect(failed.checks("kernel_audit").isEmpty)
    }

    @Test("On, off, and locked with and without our rules")
    func enabled() throws {
        #expect(
            try DoctorFacts.fine { $0.status?.enabled = 0 }.check("enabled").text.contains("switches it on"))
        #expect(
            try DoctorFacts.fine {
                $0.status?.enabled = 0
                $0.mode = .proc
            }.check("enabled").text.contains("leaves it so"))
        #expect(try DoctorFacts.fine().check("enabled").status == .pass)
        let locked = try DoctorFacts.fine { $0.status?.enabled = 2 }.check("enabled")
        #expect(locked.status == .fail)
        #expect(locked.text.hasSuffix("none can be added.") && locked.remedy.hasPrefix("Put rules/"))
        let there = DoctorFacts.fine {
            $0.status?.enabled = 2
            $0.existing = RulePlan(mode: .standard).rules
        }
        #expect(try there.check("enabled").status == .pass)
        #expect(try there.check("shared_rules").text.hasPrefix("14 of the 14"))
    }

    @Test func failureFlag() throws {
        #expect(try DoctorFacts.fine().check("failure_flag").status == .pass)
        #expect(try DoctorFacts.fine { $0.status?.failure = 0 }.check("failure_flag").status == .pass)
        let panics = try DoctorFacts.fine { $0.status?.failure = 2 }.check("failure_flag")
        #expect(panics.status == .fail && panics.remedy.contains("auditctl -f 1"))
    }

    @Test func rateLimit() throws {
        #expect(try DoctorFacts.fine().check("rate_limit").status == .pass)
        let limited = try DoctorFacts.fine { $0.status?.rateLimit = 77 }.check("rate_limit")
        #expect(limited.status == .warn && limited.text.contains(" 77 "))
        #expect(limited.remedy.contains("auditctl -r 0"))
    }

    @Test("A small queue is a warning where somebody slow takes from it, or where nobody waits")
    func backlog() throws {
        func backlog(_ change: (inout KernelStatus) -> Void) throws -> DoctorCheck.Status {
            try DoctorFacts.fine(status: change).check("backlog_limit").status
        }
        #expect(try backlog { _ in } == .pass)
        #expect(try backlog { $0.daemon = 5 } == .warn)
        #expect(try backlog { $0.backlogWaitTime = 0 } == .warn)
        #expect(try backlog { ($0.daemon, $0.backlogLimit) = (5, 8_192) } == .pass)
        #expect(try backlog { ($0.daemon, $0.backlogLimit) = (5, 8_191) } == .warn)
        #expect(try backlog { ($0.daemon, $0.backlogLimit) = (5, 0) } == .pass)
        #expect(try backlog { ($0.backlogLimit, $0.backlog) = (8_192, 4_096) } == .pass)
        #expect(try backlog { ($0.backlogLimit, $0.backlog) = (8_192, 4_097) } == .warn)
        #expect(
            try DoctorFacts.fine { $0.status?.backlogWaitTime = 0 }.check("backlog_wait_time").status == .warn
        )
        #expect(try DoctorFacts.fine().check("backlog_wait_time").status == .pass)
    }

    @Test func counters() throws {
        #expect(try DoctorFacts.fine().check("lost").status == .pass)
        #expect(try DoctorFacts.fine().check("backlog_waited").status == .pass)
        let busy = DoctorFacts.fine(status: { ($0.lost, $0.backlogWaitActual) = (41, 42) })
        #expect(try busy.check("lost").status == .warn && busy.check("lost").text.contains(" 41 "))
        #expect(
            try busy.check("backlog_waited").status == .warn
                && busy.check("backlog_waited").text.contains(" 42 "))
    }

    @Test("A message is cut at its last semicolon, and one without stays whole")
    func messages() {
        let cut = DoctorCheck("x", .fail, message: "The rule 'key=a; -F b' is bad; remove it.")
        #expect(cut.text == "The rule 'key=a; -F b' is bad." && cut.remedy == "Remove it.")
        #expect(DoctorCheck("x", .fail, message: "Bad.").text == "Bad.")
        #expect(DoctorCheck("x", .fail, message: "").text == "")
        #expect(DoctorCheck("x", .fail, message: ";").text == ";")
    }
}

extension DoctorReport {
    init(checks: [DoctorCheck]) {
        self.init(
            host: "web1", kernel: "6.1", time: 1_764_000_000_000, scope: ["all"], mode: "standard",
            checks: checks, rules: [])
    }
}
