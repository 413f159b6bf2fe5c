import AuditStream
import SockAuditCore

/// May we, and what is the kernel set to? Pure.
enum KernelChecks {
    static func all(_ facts: DoctorFacts) -> [DoctorCheck] {
        var checks = access(facts)
        guard let status = facts.status else { return checks }
        checks += [
            enabled(facts, status), failure(facts, status), rateLimit(status), backlogLimit(status),
            backlogWait(status), lost(status), waited(status),
        ]
        return checks
    }

    // MARK: access

    static func access(_ facts: DoctorFacts) -> [DoctorCheck] {
        [privileges(facts)] + support(facts) + [confinement(facts)]
    }

    private static func privileges(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "privileges"
        let missing = facts.capabilities.missing.map(\.rawValue)
        switch facts.refusal?.code {
        case .notPrivileged where facts.capabilities.has(.auditControl):
            return .fail(
                id,
                "The kernel refuses although we hold CAP_AUDIT_CONTROL, as it does outside the first pid namespace (in a container).",
                remedy: "Run sockaudit on the host.")
        case .notPrivileged, .notInitialNamespace, .kernelSilent:
            return DoctorCheck(id, .fail, message: facts.refusal?.message ?? "")
        case .socketFailed: return DoctorCheck(id, .fail, message: facts.refusal?.description ?? "")
        default: break
        }
        if missing.isEmpty {
            return .pass(
                id, "We hold the capabilities that it takes: rules, the stream, and everybody's /proc.")
        }
        if !facts.capabilities.has(.auditControl) || !facts.capabilities.has(.auditRead) {
            return .fail(
                id, "We lack \(missing.joined(separator: " and ")).", remedy: "Run sockaudit with sudo.")
        }
        return .warn(
            id,
            "We lack \(missing.joined(separator: " and ")), so the descriptors of other users' processes cannot be read.",
            remedy: "Run sockaudit with sudo.")
    }

    private static func confinement(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "confinement"
        guard facts.takesFilters else {
            return .warn(
                id,
                "The kernel or the container takes no list of system calls (seccomp), so nothing but its user keeps the reader of the records from other files.",
                remedy:
                    "Allow the system call seccomp, or boot a kernel that is built with CONFIG_SECCOMP_FILTER."
            )
        }
        return .pass(
            id, "The reader of the records opens nothing: the kernel holds it to a list of system calls.")
    }

    private static func support(_ facts: DoctorFacts) -> [DoctorCheck] {
        let id = "kernel_audit"
        switch facts.refusal?.code {
        case .noAudit: return [DoctorCheck(id, .fail, message: facts.refusal?.message ?? "")]
        // It did not get as far as an answer.
        case .socketFailed: return []
        default: return [.pass(id, "The kernel has audit support.")]
        }
    }

    /// The refusals among the problems, as failures; findings as warnings.
    static func problems(_ id: String, _ problems: [HostChecks.Problem]) -> [DoctorCheck] {
        problems.map { problem in
            switch problem {
            case .refusal(let error): DoctorCheck(id, .fail, message: error.message)
            case .finding(let finding): DoctorCheck(id, .warn, message: finding.text)
            }
        }
    }

    private static func refusal(
        _ id: String, _ code: AuditError.Code, _ facts: DoctorFacts, _ status: KernelStatus
    ) -> DoctorCheck? {
        let found = HostChecks.settings(status, facts.review, facts.plan).filter {
            if case .refusal(let error) = $0 { error.code == code } else { false }
        }
        return problems(id, found).first
    }

    // MARK: settings

    static func enabled(_ facts: DoctorFacts, _ status: KernelStatus) -> DoctorCheck {
        let id = "enabled"
        if let locked = refusal(id, .rulesLocked, facts, status) { return locked }
        switch status.enabled {
        case 0 where facts.plan.rules.isEmpty:
            return .pass(id, "Auditing is off, and a run without rules leaves it so.")
        case 0: return .pass(id, "Auditing is off; a run switches it on, and off again when it ends.")
        case KernelStatus.locked:
            return .pass(
                id,
                "The audit rules are locked until the next boot (auditctl -e 2), and all of ours are there.")
        default: return .pass(id, "Auditing is on, and stays so after a run.")
        }
    }

    static func failure(_ facts: DoctorFacts, _ status: KernelStatus) -> DoctorCheck {
        let id = "failure_flag"
        if let panics = refusal(id, .panicOnFailure, facts, status) { return panics }
        return .pass(
            id,
            status.failure == 0
                ? "Records that the kernel loses are counted and told nobody (failure flag 0)."
                : "Records that the kernel loses are told in its log (failure flag \(status.failure)).")
    }

    static func rateLimit(_ status: KernelStatus) -> DoctorCheck {
        problems("rate_limit", HostChecks.rateLimit(status)).first
            ?? .pass("rate_limit", "The kernel has no limit of records a second.")
    }

    /// What the rules that come with auditd set.
    static let usualBacklog: UInt32 = 8_192

    static func backlogLimit(_ status: KernelStatus) -> DoctorCheck {
        let id = "backlog_limit"
        let limit = status.backlogLimit
        let enlarge = "Enlarge it: auditctl -b \(usualBacklog), and -b in /etc/audit/rules.d."
        if limit == 0 { return .pass(id, "The kernel's queue for records has no limit.") }
        let text = "The kernel's queue takes \(limit) records"
        if status.backlog > limit / 2 {
            return .warn(id, "\(text), and \(status.backlog) are waiting in it now.", remedy: enlarge)
        }
        // Without a daemon, and with callers who wait, a queue of 64 did no harm at 94,000 calls a
        // second (domain.md): nobody slow takes from it.
        if limit < usualBacklog && (status.daemon != 0 || status.backlogWaitTime == 0) {
            return .warn(id, "\(text), which a burst of calls fills at once.", remedy: enlarge)
        }
        return .pass(id, "\(text), and \(status.backlog) are waiting in it now.")
    }

    static func backlogWait(_ status: KernelStatus) -> DoctorCheck {
        let id = "backlog_wait_time"
        guard status.backlogWaitTime == 0 else {
            return .pass(
                id,
                "When the queue is full, callers wait for room (up to \(status.backlogWaitTime) ticks of the kernel's clock) before a record is lost."
            )
        }
        return .warn(
            id, "When the queue is full, records are lost at once (backlog_wait_time 0).",
            remedy:
                "Let callers wait for room: auditctl --backlog_wait_time 15000, a minute in ticks of 4 ms.")
    }

    // MARK: counters

    static func lost(_ status: KernelStatus) -> DoctorCheck {
        let id = "lost"
        guard status.lost > 0 else { return .pass(id, "The kernel has lost no record since it booted.") }
        return .warn(
            id,
            "The kernel has lost \(Counted.text(Int(status.lost), "record", "records")) since it booted or was told to count anew.",
            remedy:
                "If that number grows without us, this host is beyond what its queue or daemon takes: auditctl -b 8192, and fewer rules. auditctl --reset-lost counts anew."
        )
    }

    static func waited(_ status: KernelStatus) -> DoctorCheck {
        let id = "backlog_waited"
        guard status.backlogWaitActual > 0 else {
            return .pass(id, "No caller has had to wait for room in the kernel's queue.")
        }
        return .warn(
            id,
            "Callers have waited for room in the kernel's queue, \(status.backlogWaitActual) ticks of its clock since it booted.",
            remedy:
                "Rules make this host wait already: watch a NAME instead of all, or use --mode light.")
    }
}
