import AuditStream

/// Where it is the keeper who opens the files of /proc: many at once.
extension ProcScanner {
    /// So many processes are best looked at in a row: see ``prepare(_:)``.
    public static let chunk = 64

    /// What ``scan(_:afresh:)`` of each of these will read, in few requests.
    public func prepare(_ pids: ArraySlice<Int32>) {
        ProcFiles.drop()
        guard ProcFiles.areAsked else { return }
        var unknown = pids[...]
        if memory.isInUse {
            ProcFiles.prefetch(pids.map { "/proc/\($0)/schedstat" })
            unknown = pids.filter { !memory.knows($0) }[...]
            ProcFiles.drop()
        }
        ProcFiles.prefetch(unknown.flatMap { ["/proc/\($0)/stat", "/proc/\($0)/fd"] })
    }
}
