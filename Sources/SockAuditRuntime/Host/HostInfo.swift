import Glibc

/// Who this host is.
public enum HostInfo {
    public static func name() -> String { uts { $0.nodename } }
    public static func kernel() -> String { uts { $0.release } }

    private static func uts<T>(_ pick: (utsname) -> T) -> String {
        var info = utsname()
        uname(&info)
        return withUnsafeBytes(of: pick(info)) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
