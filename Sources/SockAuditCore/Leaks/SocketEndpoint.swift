/// An internet address with its port.
public struct InetAddress: Hashable, Sendable {
    /// Of IPv6 all 16 bytes, the first in the highest place; of IPv4 the four in the lowest.
    public var high: UInt64
    public var low: UInt64
    public var isV6: Bool
    /// 0 for none, as of a socket that is not connected.
    public var port: UInt16

    public init(high: UInt64 = 0, low: UInt64, isV6: Bool = false, port: UInt16) {
        self.high = high
        self.low = low
        self.isV6 = isV6
        self.port = port
    }

    /// `127.0.0.1:80`, `[::1]:80`, as ss(8) writes them; `*` for no port.
    public var text: String {
        (isV6 ? "[\(address6)]" : Self.quad(UInt32(truncatingIfNeeded: low))) + ":"
            + (port == 0 ? "*" : "\(port)")
    }

    /// The shortest form of RFC 5952.
    private var address6: String {
        if high == 0, low >> 32 == 0xFFFF { return "::ffff:" + Self.quad(UInt32(truncatingIfNeeded: low)) }
        let groups = (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - index % 4 * 16))
        }
        // The longest run of zeros, the first of equals, goes; one zero alone stays.
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        func joined(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? joined(0..<8) : joined(0..<best.lowerBound) + "::" + joined(best.upperBound..<8)
    }

    private static func quad(_ word: UInt32) -> String {
        [24, 16, 8, 0].map { "\(word >> UInt32($0) & 0xFF)" }.joined(separator: ".")
    }
}

/// The state of a connection: the kernel's numbers for TCP (include/net/tcp_states.h), then those of
/// sockets without connections and of unix ones.
public enum SocketState: UInt8, Sendable {
    case established = 1
    case synSent, synReceived, finWait1, finWait2, timeWait, closed, closeWait, lastAck, listen, closing
    case newSynReceived
    case unconnected, connecting, connected, disconnecting

    public var name: String {
        switch self {
        case .established: "ESTABLISHED"
        case .synSent: "SYN_SENT"
        case .synReceived: "SYN_RECV"
        case .finWait1: "FIN_WAIT1"
        case .finWait2: "FIN_WAIT2"
        case .timeWait: "TIME_WAIT"
        case .closed: "CLOSE"
        case .closeWait: "CLOSE_WAIT"
        case .lastAck: "LAST_ACK"
        case .listen: "LISTEN"
        case .closing: "CLOSING"
        case .newSynReceived: "NEW_SYN_RECV"
        case .unconnected: "UNCONNECTED"
        case .connecting: "CONNECTING"
        case .connected: "CONNECTED"
        case .disconnecting: "DISCONNECTING"
        }
    }
}

/// Where a socket's two ends are, as the tables of its network namespace tell.
public enum SocketEndpoint: Equatable, Sendable {
    case inet(local: InetAddress, peer: InetAddress, SocketState)
    /// Bytes as the socket was bound to them, `@` for zero bytes; empty for one that is not. Whoever bound
    /// it chose them.
    case unix(path: [UInt8], SocketState)

    public var state: SocketState {
        switch self {
        case .inet(_, _, let state), .unix(_, let state): state
        }
    }
}

/// What came of asking for a socket's ends.
public enum EndpointAnswer: Equatable, Sendable {
    case known(SocketEndpoint)
    /// It stands in none of the tables: never bound nor connected, or of a kind that has none.
    case none
    /// The tables could not be read.
    case unreadable
}
