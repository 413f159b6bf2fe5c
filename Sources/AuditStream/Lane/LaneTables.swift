import SockAuditCore

/// What a lane knows of records whosever they are. In it is nothing of a node, so the lanes of all nodes of a
/// merged log share it: a fleet's log has a thousand of them.
///
/// Who uses one keeps it alive. One thread.
public final class LaneTables {
    let probe: ParserProbe
    let roles: RecordRoles
    let callers: CallerCache
    let scripts: ScriptCache
    /// See ``ParserProbe/patience()``.
    let patience: Int64

    public init(names: NameTable) throws(AuditError) {
        let probe = try ParserProbe()
        self.probe = probe
        roles = RecordRoles(probe)
        callers = CallerCache(names: names)
        scripts = ScriptCache(names: names)
        patience = probe.patience()
    }

    deinit {
        callers.deallocate()
        scripts.deallocate()
    }
}
