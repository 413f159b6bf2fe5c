import SockAuditCore

/// Processes that began before auditing did: the kernel never audits them.
enum OlderProcesses {
    /// How many of their names are told.
    private static let mostNames = 8

    /// - Parameter since: when auditing began (ms); nil when it was on from boot.
    static func find(
        _ running: [ProcScanner.Running], auditedSince since: Int64?, scope: Scope
    ) -> [ProcScanner.Running] {
        guard let since else { return [] }
        return running.filter {
            $0.start < since && !ProcScanner.isSockaudit($0.pid)
                && scope.contains(comm: $0.comm, exe: $0.exe, script: $0.script)
        }
    }

    /// Each name once, the oldest process first.
    static func names(_ processes: [ProcScanner.Running]) -> String {
        var names: [String] = []
        for process in processes.sorted(by: { $0.pid < $1.pid }) {
            let name = Escaping.short(process.comm)
            if !names.contains(name) { names.append(name) }
        }
        return names.prefix(mostNames).joined(separator: ", ")
            + (names.count > mostNames ? " and \(names.count - mostNames) more names" : "")
    }
}
