import AuditStream
import SockAuditCore

extension Monitor {
    /// What is new goes to the screen, with what it asks for.
    mutating func drawScreen(until: Int64) throws(AuditError) -> OutputSink.Outcome {
        if let wanted = printer.wanted {
            let now = Clock.wall()
            let tables = SocketTables()
            let request = settings.openSocketsOfOne(at: now) { tables.endpoint(pid: $0, fd: $1, inode: $2) }
            let open = ledger.openSockets(
                node: wanted.node, pid: wanted.pid, start: wanted.start, request)
            printer.answer(open, at: now)
        }
        return try printer.draw(until: until)
    }
}
