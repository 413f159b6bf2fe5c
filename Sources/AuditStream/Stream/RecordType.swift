import CAudit

/// Record types as text.
public enum RecordType {
    /// As auditd writes it: libaudit's name, or UNKNOWN[n].
    public static func name(_ type: UInt16) -> String {
        audit_msg_type_to_name(Int32(type)).map { String(cString: $0) } ?? "UNKNOWN[\(type)]"
    }
}
