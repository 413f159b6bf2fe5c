import Glibc

/// Who this host is.
public enum HostInfo {
    public static func name() -> String { uts { $0.nodename } }
    public static func kernel() -> String { uts { $0.release } }
    /// The kernel's name for the time since it was started: another one after each boot.
    public static func boot() -> String { bootIdentity }
    // Read once: it stays the same, and whoever reads records can open no such file any more.
    private static let bootIdentity = SmallFile.line("/proc/sys/kernel/random/boot_id")

    /// Whose file this is; nil when it is not there.
    static func owner(_ path: String) -> UInt32? {
        var info = stat()
        return unsafe stat(path, &info) == 0 ? info.st_uid : nil
    }

    private static func uts<T>(_ pick: (utsname) -> T) -> String {
        var info = utsname()
        // C fills the struct, each field with a zero behind its text.
        unsafe uname(&info)
        return unsafe withUnsafeBytes(of: pick(info)) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
