/// What a socket is to the kernel: the protocol that it names for it (sk_prot->name, shown as the
/// extended attribute `system.sockprotoname` of the descriptor). Finer than ``SocketFamily``, so that
/// a socket in /proc can be told from the one that a record spoke of.
public enum SocketKind: UInt8, Sendable {
    /// Not known, or a protocol that is not in this list: it may be any.
    case unknown
    case tcp, tcp6, udp, udp6, mptcp, mptcp6, udplite, udplite6, raw, raw6, ping, ping6
    case unixStream, unix, netlink, packet

    private static let names: [(String, SocketKind)] = [
        ("TCP", .tcp), ("TCPv6", .tcp6), ("UDP", .udp), ("UDPv6", .udp6), ("MPTCP", .mptcp),
        ("MPTCPv6", .mptcp6), ("UDP-Lite", .udplite), ("UDPLITEv6", .udplite6), ("RAW", .raw),
        ("RAWv6", .raw6), ("PING", .ping), ("PINGv6", .ping6), ("UNIX-STREAM", .unixStream),
        ("UNIX", .unix), ("NETLINK", .netlink), ("PACKET", .packet),
    ]

    /// - Parameter protocolName: the kernel's name for it.
    public init(protocolName: String) {
        self = Self.names.first { $0.0 == protocolName }?.1 ?? .unknown
    }

    public var family: SocketFamily {
        switch self {
        case .tcp, .tcp6: .tcp
        case .udp, .udp6: .udp
        default: .other
        }
    }

    /// Whether one socket can be both: what is not known may be anything, and kernels before 5.15 call
    /// every unix socket UNIX.
    public func mayBe(_ other: SocketKind) -> Bool {
        func merged(_ kind: SocketKind) -> SocketKind { kind == .unixStream ? .unix : kind }
        return self == .unknown || other == .unknown || merged(self) == merged(other)
    }
}
