import AuditStream
import Glibc

/// Whether /proc can be read at all. What it does not show need not be gone: it may be hidden (hidepid), not
/// mounted, or we may have no descriptor left to look with.
public enum ProcAccess {
    private static let own = "/proc/self/stat"

    /// How many files a look takes at once, and some to spare.
    private static let wanted = 4

    /// Ends a run before it begins that could not look at processes. Call it with all descriptors open
    /// that the run keeps.
    ///
    /// - Throws: ``AuditError/Code/procMissing`` where there is no /proc, and
    ///   ``AuditError/Code/tooFewFiles`` where too few files may be open (RLIMIT_NOFILE).
    public static func demand() throws(AuditError) {
        var files: [Int32] = []
        defer { for file in files { close(file) } }
        for _ in 0..<wanted {
            // C reads the text during the call alone.
            let file = unsafe open(own, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw refusal(errno) }
            files.append(file)
        }
    }

    private static func refusal(_ code: Int32) -> AuditError {
        if code == EMFILE || code == ENFILE {
            return AuditError(
                .tooFewFiles, errno: code,
                "Too few files may be open here to look at processes; raise the limit (ulimit -n 1024).")
        }
        return AuditError(
            .procMissing, errno: code,
            "/proc cannot be read, and without it nothing can be told of processes; mount it (mount -t proc proc /proc)."
        )
    }

    /// What keeps us from reading /proc now, in words for a table; nil when nothing does.
    static func trouble() -> String? {
        // By its number, and as all other files of /proc are read.
        if SmallFile.read("/proc/\(getpid())/stat", limit: 4_096) != nil { return nil }
        switch errno {
        case EMFILE, ENFILE: return "no more files may be open (ulimit -n)"
        case ENOENT, ENOTDIR: return "/proc is not mounted"
        default: return SystemText.error(errno)
        }
    }
}
