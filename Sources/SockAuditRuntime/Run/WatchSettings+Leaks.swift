import SockAuditCore

extension WatchSettings {
    /// What a table is to tell of open sockets; nil for nothing.
    ///
    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - endpoint: as ``OpenSocketRequest`` asks it; from a log nothing can be asked.
    func openSockets(
        at now: Int64, endpoint: @escaping (Int32, Int32, UInt64) -> EndpointAnswer = { _, _, _ in .none }
    ) -> OpenSocketRequest? {
        leaks ? openSocketsOfOne(at: now, endpoint: endpoint) : nil
    }

    /// The same of a process that somebody has chosen, whether tables tell it or not.
    func openSocketsOfOne(
        at now: Int64, endpoint: @escaping (Int32, Int32, UInt64) -> EndpointAnswer = { _, _, _ in .none }
    ) -> OpenSocketRequest {
        OpenSocketRequest(now: now, olderThan: olderThan, families: families, endpoint: endpoint)
    }
}
