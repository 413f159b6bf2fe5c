import CAudit
import Glibc

/// Text that comes from C, copied into Swift values.
public enum SystemText {
    /// The C library's words for an errno, with its name.
    public static func error(_ code: Int32) -> String {
        let words = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(code, base, buffer.count) == 0 else {
                return "unknown error"
            }
            // C ended it with a zero within the room.
            return unsafe String(cString: base)
        }
        guard let name = unsafe audit_errno_to_name(code) else { return "errno \(code), \(words)" }
        return unsafe "\(String(cString: name)), \(words)"
    }

    /// Repeats a system call that a signal interrupted.
    public static func retrying<T: SignedInteger>(_ call: () -> T) -> T {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }
}
