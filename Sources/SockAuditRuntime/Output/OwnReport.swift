import AuditStream
import Glibc
import SockAuditCore

/// Which files that are there already a report may be appended to, or put in the place of.
enum OwnReport {
    /// A regular file of our user under one name only, so that no one who can write to the folder makes us
    /// write elsewhere.
    static func isOurs(_ info: stat) -> Bool {
        info.st_mode & S_IFMT == S_IFREG && info.st_uid == geteuid() && info.st_nlink == 1
            && info.st_mode & S_IWOTH == 0
    }

    static func notOurs(_ path: String) -> AuditError {
        AuditError(
            .outputFailed,
            "The report \(Escaping.visible(path)) is not ours: it must be a regular file that belongs to us, that not everyone can write to, and that has no second name (hard link); name another."
        )
    }

    /// What stands at the path and must not go: what is replaced is gone, so it has to be a report of the
    /// same kind, or empty.
    /// - Parameter folder: where `name` is looked for.
    static func refusal(
        toReplace name: String, in folder: Int32, _ form: ReportFrame.Form, path: String
    ) -> AuditError? {
        var info = stat()
        // C fills the struct that it is given.
        guard unsafe fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else {
            // Other errors are found when the new file is made.
            return nil
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            return AuditError(
                .outputFailed, errno: EEXIST,
                "The report \(Escaping.visible(path)) cannot be replaced; check that it is a plain file and no symbolic link."
            )
        }
        // C reads the path during the call alone.
        let fd = unsafe openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else {
            return AuditError(
                .outputFailed, errno: errno,
                "The report \(Escaping.visible(path)) cannot be replaced: what stands there cannot be read; name another file."
            )
        }
        defer { close(fd) }
        // C fills the struct that it is given.
        guard unsafe fstat(fd, &info) == 0, isOurs(info) else { return notOurs(path) }
        if info.st_size == 0 || form.begins(start(of: fd)) { return nil }
        return AuditError(
            .outputFailed,
            "The report \(Escaping.visible(path)) cannot be replaced: what stands there is no report of this format, and it would be gone; move it away or name another file."
        )
    }

    /// Of a report more than its head, in which the rules stand with their programs' paths.
    private static let most = 262_144

    private static func start(of fd: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        var count = 0
        while count < most {
            // No more than the buffer holds.
            let more = unsafe bytes.withUnsafeMutableBytes { buffer in
                SystemText.retrying {
                    unsafe read(fd, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
                }
            }
            if more <= 0 { break }
            count += more
        }
        return Array(bytes[..<count])
    }
}
