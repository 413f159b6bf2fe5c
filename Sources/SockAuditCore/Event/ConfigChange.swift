/// A change of the audit configuration, as a CONFIG_CHANGE record tells it (kernel/auditfilter.c,
/// audit_log_rule_change, and kernel/audit.c, audit_log_config_change).
public struct ConfigChange: Equatable, Sendable {
    public enum What: Equatable, Sendable {
        case ruleAdded
        /// `byKernel`: not by someone, but because the folder of the program that it was about is gone.
        case ruleRemoved(byKernel: Bool)
        /// `auditctl -e`: 0 is off.
        case enabled(UInt32)
        case other
    }

    public var what: What
    /// Milliseconds since the epoch.
    public var stamp: Int64
    /// The login that did it; ``AuditEvent/unset`` where none did.
    public var auid: UInt32
    /// Of the rule; empty where it has none.
    public var key: [UInt8]

    public init(what: What, stamp: Int64, auid: UInt32, key: [UInt8] = []) {
        self.what = what
        self.stamp = stamp
        self.auid = auid
        self.key = key
    }
}
