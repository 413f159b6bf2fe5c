import CAudit
import SockAuditCore

/// Record types as text.
public enum RecordType {
    /// As auditd writes it: libaudit's name, or UNKNOWN[n].
    public static func name(_ type: UInt16) -> String {
        unsafe audit_msg_type_to_name(Int32(type)).map { unsafe String(cString: $0) } ?? "UNKNOWN[\(type)]"
    }

    /// Types that the decoder looks into; the others are not worth libauparse's time.
    public static func isRead(_ type: UInt16, titles: Bool) -> Bool {
        switch Int32(type) {
        case AUDIT_SYSCALL, AUDIT_SOCKETCALL, AUDIT_FD_PAIR, AUDIT_EOE, AUDIT_CONFIG_CHANGE: true
        case AUDIT_PROCTITLE: titles
        default: false
        }
    }

    /// Every event of a call has one of these.
    public static func isCall(_ type: UInt16) -> Bool { Int32(type) == AUDIT_SYSCALL }

    /// The serial in a kernel message's text: `audit(1700000000.100:1000): ...`; nil where there is none.
    public static func serial(_ message: UnsafeRawBufferPointer) -> UInt64? {
        // Of use for this call alone.
        let message = unsafe Bytes(message)
        guard let colon = message.prefix(64).firstIndex(of: UInt8(ascii: ":")) else { return nil }
        var value: UInt64 = 0
        var index = colon + 1
        while index < message.count, index < 84, message[index] != UInt8(ascii: ")") {
            let digit = message[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        return index > colon + 1 ? value : nil
    }
}
