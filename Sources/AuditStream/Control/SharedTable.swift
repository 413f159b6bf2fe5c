import CAudit
import Glibc

/// Whether processes share their descriptor table (clone(2), CLONE_FILES).
public enum SharedTable {
    /// - Returns: nil when the kernel does not say: one of them is gone, or it has no kcmp(2).
    public static func isShared(_ a: Int32, _ b: Int32) -> Bool? {
        let answer = sockaudit_share_files(a, b)
        return answer < 0 ? nil : answer == 1
    }

    /// Whether there is such a process, or one that has ended and nobody has waited for. It takes no file of
    /// /proc: those may be hidden, or not to be had.
    public static func exists(_ pid: Int32) -> Bool {
        // What the kernel does not let us compare is there all the same.
        if isTold { return sockaudit_share_files(getpid(), pid) >= 0 || errno != ESRCH }
        return getpgid(pid) >= 0
    }

    /// kcmp(2) is to be had, and says of a process that cannot be that it is none.
    private static let isTold: Bool = sockaudit_share_files(getpid(), .max) < 0 && errno == ESRCH
}
