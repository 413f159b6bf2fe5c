import AuditStream
import SockAuditCore

/// The files that narrowed rules (`-F exe=`) are about. A rule follows its path to whatever file is there
/// (kernel/audit_watch.c): processes of a file that was replaced or removed are not seen any more.
struct RuleFiles {
    private var known: [(path: String, identity: FileIdentity?)]
    /// Processes that run a file which is no longer at its path; sticky, and when it was noticed (ms).
    private var unseen: [(name: [UInt8], pid: Int32)] = []
    private var since: Int64 = 0

    init(_ files: [[UInt8]]) {
        known = files.map { file in
            let path = String(decoding: file, as: UTF8.self)
            return (path, FileIdentity(path))
        }
    }

    /// Looks at the paths, and at the processes only where one of them has changed.
    mutating func check(_ scope: Scope, _ scanner: ProcScanner, at now: Int64) {
        var changed = false
        for index in known.indices {
            let identity = FileIdentity(known[index].path)
            if identity != known[index].identity { changed = true }
            known[index].identity = identity
        }
        guard changed else { return }
        let present = known.compactMap(\.identity)
        for process in scanner.running()
        where scope.contains(comm: process.comm, exe: process.exe, script: process.script) {
            guard let runs = FileIdentity("/proc/\(process.pid)/exe"), !present.contains(runs) else {
                continue
            }
            if unseen.isEmpty { since = now }
            unseen.append((process.comm, process.pid))
        }
    }

    /// - Parameter clock: how to write a time of day.
    func reasons(clock: (Int64) -> String) -> [Reason] {
        guard !unseen.isEmpty else { return [] }
        let names = unseen.prefix(3).map { "\(Escaping.short($0.name)) (\($0.pid))" }
        let more = unseen.count > names.count ? " and \(unseen.count - names.count) more" : ""
        return [
            Reason(
                .rulesChanged, count: unseen.count,
                "the program was replaced, noticed at \(clock(since)): what runs the old file is not seen any more: \(names.joined(separator: ", "))\(more)"
            )
        ]
    }
}
