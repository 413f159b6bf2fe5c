import CAudit

/// Whether processes share their descriptor table (clone(2), CLONE_FILES).
public enum SharedTable {
    /// - Returns: nil when the kernel does not say: one of them is gone, or it has no kcmp(2).
    public static func isShared(_ a: Int32, _ b: Int32) -> Bool? {
        let answer = sockaudit_share_files(a, b)
        return answer < 0 ? nil : answer == 1
    }
}
