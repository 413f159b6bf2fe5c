import AuditStream
import SockAuditCore

/// The screen of a log that is followed.
extension ReplayTables {
    func beginScreen(signals: Int32) { printer.beginScreen(signals: signals) }

    var hasScreen: Bool { printer.hasScreen }
    var keys: Int32 { printer.keys }
    func patience(until: Int64) -> Int64 { printer.patience(until: until, now: Clock.steady()) }
    func resize() { printer.resize() }
    func suspend() { printer.suspend() }
    func resume() { printer.resume() }

    /// Takes keys and shows what is new.
    ///
    /// - Parameters:
    ///   - events: what poll said of ``keys``.
    ///   - until: when the next table comes (steady milliseconds).
    /// - Returns: whether to end: somebody wants it, or nobody looks any more.
    func turn(keys events: Int16, until: Int64) throws(AuditError) -> Bool {
        let wantsEnd = printer.takeKeys(events)
        if let wanted = printer.wanted {
            let now = Clock.wall()
            let request = settings.openSocketsOfOne(at: now)
            printer.answer(
                ledger.openSockets(node: wanted.node, pid: wanted.pid, start: wanted.start, request), at: now)
        }
        return try printer.draw(until: until) == .closed || wantsEnd
    }
}
