import CAudit
import Glibc

/// The kernel's audit settings and counters at one moment (struct audit_status, linux/audit.h).
public struct KernelStatus: Equatable, Sendable {
    /// 0 off, 1 on, 2 on and locked until reboot.
    public var enabled: UInt32
    /// 0 silent, 1 printk, 2 panic.
    public var failure: UInt32
    /// The registered daemon; 0 for none.
    public var daemon: UInt32
    /// Messages a second; 0 for no limit.
    public var rateLimit: UInt32
    public var backlogLimit: UInt32
    /// Records lost since boot.
    public var lost: UInt32
    /// Records waiting in the kernel's queue now.
    public var backlog: UInt32
    public var backlogWaitTime: UInt32
    /// Jiffies that callers waited for room in the queue, since boot.
    public var backlogWaitActual: UInt32

    public init(
        enabled: UInt32, failure: UInt32, daemon: UInt32, rateLimit: UInt32, backlogLimit: UInt32,
        lost: UInt32, backlog: UInt32, backlogWaitTime: UInt32, backlogWaitActual: UInt32
    ) {
        self.enabled = enabled
        self.failure = failure
        self.daemon = daemon
        self.rateLimit = rateLimit
        self.backlogLimit = backlogLimit
        self.lost = lost
        self.backlog = backlog
        self.backlogWaitTime = backlogWaitTime
        self.backlogWaitActual = backlogWaitActual
    }

    public static let locked: UInt32 = 2
    public static let panics = UInt32(AUDIT_FAIL_PANIC)
}

/// The control side of the audit netlink socket: status, settings and rules. It never reads the
/// record stream. Source: audit(7) interfaces of libaudit, linux/audit.h.
public struct AuditControl: ~Copyable {
    private let fd: Int32
    /// How long the kernel may take to answer a request, in milliseconds.
    private static let patience: Int32 = 5_000

    public init() throws(AuditError) {
        set_aumessage_mode(MSG_QUIET, DBG_NO)
        fd = audit_open()
        guard fd >= 0 else {
            let code = errno
            if code == EPROTONOSUPPORT || code == EAFNOSUPPORT || code == EINVAL {
                throw AuditError(
                    .noAudit, errno: code,
                    "This kernel has no audit support; boot one that is built with CONFIG_AUDIT and CONFIG_AUDITSYSCALL, without audit=0."
                )
            }
            throw AuditError(.socketFailed, errno: code, "The audit netlink socket could not be opened.")
        }
    }

    deinit { audit_close(fd) }

    public func status() throws(AuditError) -> KernelStatus {
        let sent = audit_request_status(fd)
        guard sent > 0 else { throw Self.refusal(-sent) }
        var found: KernelStatus?
        // libaudit points into the reply, which stays until the next one is asked for.
        try unsafe replies { reply in
            guard unsafe reply.pointee.type == UInt16(AUDIT_GET), let status = unsafe reply.pointee.status
            else {
                return true
            }
            // libaudit points into the reply, which stays until the next one is asked for.
            let s = unsafe status.pointee
            found = KernelStatus(
                enabled: s.enabled, failure: s.failure, daemon: s.pid, rateLimit: s.rate_limit,
                backlogLimit: s.backlog_limit, lost: s.lost, backlog: s.backlog,
                backlogWaitTime: s.backlog_wait_time, backlogWaitActual: s.backlog_wait_time_actual)
            return false
        }
        guard let found else { throw Self.silence }
        return found
    }

    /// All rules in the kernel, in its order.
    public func rules() throws(AuditError) -> [KernelRule] {
        let sent = audit_request_rules_list_data(fd)
        guard sent > 0 else { throw Self.refusal(-sent) }
        var rules: [KernelRule] = []
        var complete = false
        // libaudit points into the reply, which stays until the next one is asked for.
        try unsafe replies { reply in
            if unsafe reply.pointee.type == UInt16(NLMSG_DONE) {
                complete = true
                return false
            }
            // libaudit points into the reply, which stays until the next one is asked for.
            if unsafe reply.pointee.type == UInt16(AUDIT_LIST_RULES), let data = unsafe reply.pointee.ruledata
            {
                unsafe rules.append(KernelRule(reading: data))
            }
            return true
        }
        guard complete else { throw Self.silence }
        return rules
    }

    public func add(_ rule: KernelRule) throws(AuditError) {
        // The rule as C has it stays for the call.
        let result = unsafe rule.withData {
            unsafe audit_add_rule_data(fd, $0, Int32(rule.list), Int32(rule.action))
        }
        if result <= 0 { throw refused(rule, -result, "added") }
    }

    public func delete(_ rule: KernelRule) throws(AuditError) {
        // The rule as C has it stays for the call.
        let result = unsafe rule.withData {
            unsafe audit_delete_rule_data(fd, $0, Int32(rule.list), Int32(rule.action))
        }
        if result <= 0 { throw refused(rule, -result, "removed") }
    }

    /// Switches auditing on (1) or off (0).
    public func setEnabled(_ value: UInt32) throws(AuditError) {
        let result = audit_set_enabled(fd, value)
        guard result > 0 else {
            throw AuditError(
                .ruleRefused, errno: -result,
                "The kernel refused to switch auditing \(value == 0 ? "off" : "on").")
        }
    }

    /// Makes the kernel write one record, and change nothing (AUDIT_TRIM drops watched trees that are gone).
    ///
    /// A caller that found the queue full and fell asleep after it had been emptied is woken by the next
    /// record only (audit_log_start, kernel/audit.c), and that may be a minute away.
    public func poke() { _ = audit_trim_subtrees(fd) }

    private func refused(_ rule: KernelRule, _ code: Int32, _ what: String) -> AuditError {
        if code == EPERM { return Self.refusal(code) }
        return AuditError(
            .ruleRefused, errno: code, "The kernel refused that this rule be \(what): \(rule.text).")
    }

    /// Reads replies until `body` says false or the kernel has nothing more to say in time.
    private func replies(_ body: (UnsafeMutablePointer<audit_reply>) -> Bool) throws(AuditError) {
        let reply = UnsafeMutablePointer<audit_reply>.allocate(capacity: 1)
        defer { unsafe reply.deallocate() }
        while true {
            var waiting = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            // As many as are given.
            let ready = SystemText.retrying { unsafe poll(&waiting, 1, Self.patience) }
            if ready == 0 { return }
            guard ready > 0 else {
                throw AuditError(.socketFailed, errno: errno, "Waiting for the kernel failed.")
            }
            // The reply is of this function alone, and as large as libaudit wants it.
            let length = unsafe audit_get_reply(fd, reply, GET_REPLY_NONBLOCKING, 0)
            if length == -EAGAIN || length == -EINTR || length == 0 { continue }
            guard length > 0 else { throw Self.refusal(-length) }
            // The reply is of this function alone, and as large as libaudit wants it.
            if unsafe reply.pointee.type == UInt16(NLMSG_ERROR) {
                let code = unsafe -(reply.pointee.error?.pointee.error ?? 0)
                if code == 0 { continue }
                throw Self.refusal(code)
            }
            // Handed on until it is filled anew.
            if unsafe !body(reply) { return }
        }
    }

    private static let silence = AuditError(
        .kernelSilent,
        "The kernel did not answer an audit request in time; try again when the host is less busy.")

    static func refusal(_ code: Int32) -> AuditError {
        switch code {
        case EPERM:
            AuditError(
                .notPrivileged, errno: code,
                "The kernel does not let us set audit rules; run sockaudit with sudo (it needs CAP_AUDIT_CONTROL and CAP_AUDIT_READ)."
            )
        case ECONNREFUSED:
            AuditError(
                .notInitialNamespace, errno: code,
                "The kernel's audit interface exists in the first namespace only; run sockaudit on the host, not in a container."
            )
        default:
            AuditError(.socketFailed, errno: code, "The kernel refused an audit request.")
        }
    }
}
