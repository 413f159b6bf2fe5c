/// The three kinds of socket that the table is split into.
///
/// TCP is AF_INET or AF_INET6 with SOCK_STREAM and protocol 0 or IPPROTO_TCP, UDP the same with
/// SOCK_DGRAM and 0 or IPPROTO_UDP; all the rest (unix, netlink, raw, ICMP, SCTP, MPTCP) is other.
public enum SocketFamily: UInt8, CaseIterable, Sendable {
    case tcp, udp, other

    /// The name used in JSON, CSV and on the command line.
    public var name: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .other: "other"
        }
    }
}

/// A count split by family. The total is always the sum of its parts, so the two cannot disagree.
public struct FamilyCounts: Equatable, Sendable {
    public var tcp: Int
    public var udp: Int
    public var other: Int

    public init(tcp: Int = 0, udp: Int = 0, other: Int = 0) {
        self.tcp = tcp
        self.udp = udp
        self.other = other
    }

    public var total: Int { tcp + udp + other }
    public var isZero: Bool { tcp == 0 && udp == 0 && other == 0 }

    public subscript(family: SocketFamily) -> Int {
        get {
            switch family {
            case .tcp: tcp
            case .udp: udp
            case .other: other
            }
        }
        set {
            switch family {
            case .tcp: tcp = newValue
            case .udp: udp = newValue
            case .other: other = newValue
            }
        }
    }

    public static func + (a: FamilyCounts, b: FamilyCounts) -> FamilyCounts {
        FamilyCounts(tcp: a.tcp + b.tcp, udp: a.udp + b.udp, other: a.other + b.other)
    }

    public static func - (a: FamilyCounts, b: FamilyCounts) -> FamilyCounts {
        FamilyCounts(tcp: a.tcp - b.tcp, udp: a.udp - b.udp, other: a.other - b.other)
    }

    public static func += (a: inout FamilyCounts, b: FamilyCounts) { a = a + b }
}
