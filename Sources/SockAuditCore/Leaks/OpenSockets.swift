/// The sockets that a row has open, as far as a report can hold them: all are counted and grouped, the first
/// in order (``OpenSocket/comesFirst(_:_:)``) kept one by one. A process with a hundred thousand of them costs
/// no more than one with a thousand.
public struct OpenSockets: Equatable, Sendable {
    /// Sockets of one row that are kept one by one, where there is room.
    static let most = 1_000
    /// Sockets of one table that are; a row may keep its first few in any case.
    static let mostOfTable = 50_000
    static let fewest = 10
    /// Groups of one row; sockets of others are in its total only.
    private static let mostGroups = 200

    public private(set) var total = 0
    /// In CLOSE_WAIT: the peer has gone and we have not.
    public private(set) var closeWait = 0
    /// Whose addresses could not be read.
    public private(set) var unreadable = 0
    private var kept: [OpenSocket] = []
    private var byKey: [SocketGroup.Key: SocketGroup] = [:]
    private var limit: Int

    public init() { limit = Self.most }
    init(limit: Int) { self.limit = limit }

    /// The first ones, in order.
    public var sockets: [OpenSocket] {
        Array(kept.sorted(by: OpenSocket.comesFirst).prefix(limit))
    }
    var groups: [SocketGroup] { byKey.values.sorted(by: SocketGroup.comesFirst) }

    mutating func add(_ socket: OpenSocket, isUnreadable: Bool = false) {
        total += 1
        if isUnreadable { unreadable += 1 }
        if socket.endpoint?.state == .closeWait { closeWait += 1 }
        keep(socket)
        group(SocketGroup.key(socket), SocketGroup(socket))
    }

    private mutating func keep(_ socket: OpenSocket) {
        kept.append(socket)
        if kept.count >= limit * 2 { kept = sockets }
    }

    private mutating func group(_ key: SocketGroup.Key, _ group: SocketGroup) {
        if byKey[key] != nil {
            byKey[key]?.add(group)
        } else if byKey.count < Self.mostGroups {
            byKey[key] = group
        }
    }

    /// No more will come: what is beyond the bound goes.
    mutating func finish() { kept = sockets }

    /// Rows that are added up.
    static func + (a: OpenSockets, b: OpenSockets) -> OpenSockets {
        var a = a
        a.total += b.total
        a.closeWait += b.closeWait
        a.unreadable += b.unreadable
        a.limit = max(a.limit, b.limit)
        a.kept += b.kept
        a.finish()
        for (key, group) in b.byKey { a.group(key, group) }
        return a
    }
}

/// What is wanted of a table's open sockets, and the ways to ask for it.
public final class OpenSocketRequest {
    let now: Int64
    let olderThan: Double
    let families: [SocketFamily]
    let endpoint: (_ pid: Int32, _ fd: Int32, _ inode: UInt64) -> EndpointAnswer
    private var room = OpenSockets.mostOfTable

    /// - Parameters:
    ///   - now: milliseconds since the epoch; ages count until then.
    ///   - olderThan: seconds; those that are known to be younger are left out.
    ///   - endpoint: asks where a socket's ends are; inode 0 where it is not known yet.
    public init(
        now: Int64, olderThan: Double = 0, families: [SocketFamily] = SocketFamily.allCases,
        endpoint: @escaping (Int32, Int32, UInt64) -> EndpointAnswer = { _, _, _ in .none }
    ) {
        self.now = now
        self.olderThan = olderThan
        self.families = families
        self.endpoint = endpoint
    }

    /// What one more row may keep.
    func takeRoom(_ wanted: Int) -> Int {
        let given = max(min(wanted, OpenSockets.most, room), min(wanted, OpenSockets.fewest), 1)
        room = max(0, room - given)
        return given
    }
}
