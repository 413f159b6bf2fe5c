import Glibc

/// Remembers, for as long as it matters, that a sockaudit switched auditing on: the last one to
/// leave switches it off, also when the one that switched it on was killed.
///
/// A file in /run, gone with the boot like the setting itself.
struct SwitchMarker {
    static let path = "/run/sockaudit.auditing-was-off"

    // C reads the path during the call alone.
    static var exists: Bool { unsafe access(path, F_OK) == 0 }

    /// A marker that cannot be written costs only the clean-up after a kill.
    static func set() {
        let fd = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if fd >= 0 { close(fd) }
    }

    // C reads the path during the call alone.
    static func clear() { unsafe unlink(path) }
}
