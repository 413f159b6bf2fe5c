import Glibc

/// Remembers, for as long as it matters, that a sockaudit switched auditing on, and beside which daemon: the
/// last one to leave switches it off, also when the one that switched it on was killed. A daemon that came
/// since needs auditing for itself.
///
/// A file in /run, gone with the boot like the setting itself.
enum SwitchMarker {
    static let path = "/run/sockaudit.auditing-was-off"

    /// The pid of the daemon that had auditing off, 0 where there was none; nil when no sockaudit switched it on.
    static var daemon: UInt32? {
        // C reads the path during the call alone.
        let fd = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var text = [UInt8](repeating: 0, count: 10)
        // C fills in no more than it is told, during the call alone.
        let count = SystemText.retrying { Int32(unsafe read(fd, &text, text.count)) }
        return UInt32(String(decoding: text.prefix(Int(max(0, count))), as: UTF8.self)) ?? 0
    }

    /// A marker that cannot be written costs only the clean-up after a kill.
    static func set(beside daemon: UInt32) {
        let fd = unsafe open(path, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let text = Array(String(daemon).utf8)
        // C reads the text during the call alone.
        _ = SystemText.retrying { Int32(unsafe write(fd, text, text.count)) }
    }

    // C reads the path during the call alone.
    static func clear() { unsafe unlink(path) }
}
