import CAudit

/// Tells the end of a process that is not our child.
public enum ProcessEnd {
    /// A descriptor that becomes readable when the process ends; negative, with errno, when there is none
    /// (pidfd_open(2)). The caller closes it.
    public static func descriptor(_ pid: Int32) -> Int32 { sockaudit_pidfd(pid) }
}

/// What ps shows.
public enum ProcessName {
    /// - Parameter name: at most 15 bytes are shown (PR_SET_NAME, prctl(2)).
    public static func set(_ name: String) { _ = unsafe sockaudit_name_process(name) }
}
