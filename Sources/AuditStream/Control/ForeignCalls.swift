import CAudit
import Glibc

/// System calls of this machine's 32-bit table, made by a 64-bit program (x86_64 only).
///
/// A kernel without them answers with SIGSEGV: whoever calls these must be a process that may die.
public enum ForeignCalls {
    private static let table = Architecture.local.first { $0.name == "b32" }

    /// Whether this machine is of the kind that may have them.
    public static var mayExist: Bool { sockaudit_is_x86_64() == 1 && table != nil }

    /// Whether the kernel takes calls of the x32 table.
    public static var takesX32: Bool { sockaudit_takes_x32() == 1 }

    /// - Returns: what the kernel answered, -errno for a failure.
    public static func call(_ name: String, _ a: Int32 = 0, _ b: Int32 = 0, _ c: Int32 = 0) -> Int32 {
        guard mayExist, let number = table?.number(name) else { return -ENOSYS }
        return sockaudit_i386_call(
            number, UInt32(bitPattern: a), UInt32(bitPattern: b), UInt32(bitPattern: c))
    }

    /// socket() in the old way, through socketcall(2): its arguments lie in memory.
    public static func socketCall(_ domain: Int32, _ type: Int32, _ proto: Int32) -> Int32 {
        let low = sockaudit_low_page()
        guard low != 0, let page = unsafe UnsafeMutableRawPointer(bitPattern: UInt(low)) else {
            return -ENOMEM
        }
        // The page that was just mapped.
        defer { unsafe munmap(page, 4_096) }
        for (index, value) in [domain, type, proto].enumerated() {
            unsafe page.storeBytes(of: value, toByteOffset: index * 4, as: Int32.self)
        }
        return call("socketcall", SYS_SOCKET, Int32(bitPattern: low))
    }

    public static func closeRange(_ first: Int32, _ last: Int32) -> Int32 {
        sockaudit_close_range(UInt32(bitPattern: first), UInt32(bitPattern: last)) == 0 ? 0 : -errno
    }
}
