import CAudit
import Glibc

/// Text that comes from C, copied into Swift values.
public enum SystemText {
    /// The C library's words for an errno, with its name.
    public static func error(_ code: Int32) -> String {
        let words = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
                return "unknown error"
            }
            return String(cString: base)
        }
        guard let name = audit_errno_to_name(code) else { return "errno \(code), \(words)" }
        return "\(String(cString: name)), \(words)"
    }

    /// Repeats a system call that a signal interrupted.
    public static func retrying<T: SignedInteger>(_ call: () -> T) -> T {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }
}
