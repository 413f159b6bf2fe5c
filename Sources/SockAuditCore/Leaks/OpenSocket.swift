/// One socket that is open, and the evidence of how it came.
public struct OpenSocket: Equatable, Sendable {
    /// Whose it is. In a row that stands for several processes they differ.
    public var pid: Int32 = 0
    public var name: [UInt8] = []
    public var uid: UInt32 = AuditEvent.unset
    public var auid: UInt32 = AuditEvent.unset
    public var session: UInt32 = AuditEvent.unset
    public var fd: Int32 = 0
    public var family = SocketFamily.other
    public var kind = SocketKind.unknown
    public var origin = Origin.socket
    /// Serial of the event that opened it, for `ausearch -a`; 0 where no record told.
    public var serial: UInt64 = 0
    /// When that call was entered, in milliseconds since the epoch; nil where no record told.
    public var opened: Int64?
    /// Seconds that it has been open; nil where no record told.
    public var age: Double?
    /// Name of the thread that opened it.
    public var thread: [UInt8] = []
    /// nil where nothing is known of it.
    public var endpoint: SocketEndpoint?

    public init() {}

    /// What comes first: that the peer has gone and we have not is a fault of ours, and what listens is
    /// meant to stay.
    var rank: Int {
        switch endpoint?.state {
        case .closeWait: 0
        case .listen: 2
        default: 1
        }
    }

    /// Of equal rank the oldest first; what is of no known age is from before all else.
    static func comesFirst(_ a: OpenSocket, _ b: OpenSocket) -> Bool {
        if a.rank != b.rank { return a.rank < b.rank }
        let (x, y) = (a.opened ?? .min, b.opened ?? .min)
        if x != y { return x < y }
        return (a.serial, a.pid, a.fd) < (b.serial, b.pid, b.fd)
    }

    /// The kind in the words of ss(8): tcp, udp, unix, netlink ...
    var kindName: String {
        if family != .other { return family.name }
        if case .unix = endpoint { return "unix" }
        switch kind {
        case .unixStream, .unix: return "unix"
        case .netlink: return "netlink"
        case .packet: return "packet"
        case .raw, .raw6: return "raw"
        case .ping, .ping6: return "icmp"
        case .mptcp, .mptcp6: return "mptcp"
        case .udplite, .udplite6: return "udplite"
        default: return "other"
        }
    }
}

/// Open sockets that are alike: of one way, state and thread, to one service or of one. They are told on one
/// line.
struct SocketGroup: Equatable, Sendable {
    struct Key: Hashable {
        var origin: Origin
        var family: SocketFamily
        var kindName: String
        var state: SocketState?
        /// Without numbers: pools number their threads.
        var thread: [UInt8]
        /// The end that is a service's: ours of an accepted socket, the peer's of others.
        var service: InetAddress?
        var path: [UInt8]
    }

    var count = 1
    var oldest: OpenSocket
    /// What both ends have in common; port 0 where ports differ, nil where addresses do.
    private(set) var local: InetAddress?
    private(set) var peer: InetAddress?

    init(_ socket: OpenSocket) {
        oldest = socket
        if case .inet(let local, let peer, _) = socket.endpoint { (self.local, self.peer) = (local, peer) }
    }

    static func key(_ socket: OpenSocket) -> Key {
        var key = Key(
            origin: socket.origin, family: socket.family, kindName: socket.kindName,
            state: socket.endpoint?.state, thread: unnumbered(socket.thread), service: nil, path: [])
        switch socket.endpoint {
        case .inet(let local, let peer, let state):
            let isService =
                socket.origin == .accept || state == .listen || peer.port == 0
                || (socket.origin != .socket && local.port < peer.port)
            // A port that the kernel chose (ip_local_port_range) is nobody's service.
            let isNobodys = state == .unconnected && local.port >= 32_768
            key.service = isNobodys ? nil : isService ? local : peer
        case .unix(let path, _): key.path = path
        case nil: break
        }
        return key
    }

    private static func unnumbered(_ name: [UInt8]) -> [UInt8] {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        guard name.contains(where: isDigit) else { return name }
        var short: [UInt8] = []
        for byte in name where !isDigit(byte) || short.last != 0 { short.append(isDigit(byte) ? 0 : byte) }
        return short
    }

    mutating func add(_ other: SocketGroup) {
        count += other.count
        if OpenSocket.comesFirst(other.oldest, oldest) { oldest = other.oldest }
        local = Self.common(local, other.local)
        peer = Self.common(peer, other.peer)
    }

    private static func common(_ a: InetAddress?, _ b: InetAddress?) -> InetAddress? {
        guard var common = a, let b, common.high == b.high, common.low == b.low, common.isV6 == b.isV6 else {
            return nil
        }
        if common.port != b.port { common.port = 0 }
        return common
    }

    /// Within a rank the largest first: that is where most of the sockets go.
    static func comesFirst(_ a: SocketGroup, _ b: SocketGroup) -> Bool {
        if a.oldest.rank != b.oldest.rank { return a.oldest.rank < b.oldest.rank }
        return a.count == b.count ? OpenSocket.comesFirst(a.oldest, b.oldest) : a.count > b.count
    }
}
