/// The kernel's tables of sockets: /proc/PID/net/tcp, tcp6, udp, udp6 (Documentation/networking/
/// proc_net_tcp.rst) and unix (unix(7)).
///
/// A path in the table of unix sockets is written as it is, line ends too, so whoever binds one can write
/// lines of his own. But every unix socket has a line: one that has two has a false one among them, and
/// of such a socket nothing is told.
public enum NetTable {
    public enum Transport: Sendable { case tcp, udp }

    /// - Parameter body: called with each socket that has an inode.
    /// - Returns: how many lines could not be understood.
    @discardableResult
    public static func readInet(
        _ bytes: [UInt8], _ kind: Transport, isV6: Bool, _ body: (_ inode: UInt64, SocketEndpoint) -> Void
    ) -> Int {
        var damaged = 0
        eachLine(bytes) { fields in
            // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
            guard fields.word() != nil, let local = fields.word().flatMap({ address(bytes, $0, isV6) }),
                let peer = fields.word().flatMap({ address(bytes, $0, isV6) }),
                let number = fields.word().flatMap({ hex(bytes, $0, digits: 2) }),
                var state = SocketState(rawValue: UInt8(number)), state.rawValue <= 12, fields.skip(5),
                let inode = fields.word().flatMap({ decimal(bytes, $0) })
            else {
                damaged += 1
                return
            }
            if kind == .udp && state == .closed { state = .unconnected }
            // 0: nobody holds it any more (TIME_WAIT), or not yet.
            if inode != 0 { body(inode, .inet(local: local, peer: peer, state)) }
        }
        return damaged
    }

    /// - Returns: unix sockets by inode, and how many lines could not be understood.
    public static func unix(_ bytes: [UInt8]) -> (sockets: [UInt64: SocketEndpoint], damaged: Int) {
        var sockets: [UInt64: SocketEndpoint] = [:]
        var doubtful: Set<UInt64> = []
        var damaged = 0
        var before: UInt64?
        eachLine(bytes) { fields in
            // Num RefCount Protocol Flags Type St Inode Path
            guard let number = fields.word(), bytes[number.upperBound - 1] == UInt8(ascii: ":"),
                fields.skip(2), let flags = fields.word().flatMap({ hex(bytes, $0, digits: 8) }),
                fields.word() != nil, let st = fields.word().flatMap({ hex(bytes, $0, digits: 2) }),
                let inode = fields.word().flatMap({ decimal(bytes, $0) }), inode != 0
            else {
                damaged += 1
                // The rest of the path before: of one that is cut nothing is told.
                if let inode = before, case .unix(_, let state) = sockets[inode] {
                    sockets[inode] = .unix(path: [], state)
                }
                return
            }
            before = inode
            // One space stands before the path; more belong to it.
            let path = Array(bytes[min(fields.next + 1, fields.end)..<fields.end])
            guard !doubtful.contains(inode), sockets[inode] == nil else {
                doubtful.insert(inode)
                sockets[inode] = nil
                return
            }
            sockets[inode] = .unix(path: path, unixState(flags: flags, st))
        }
        return (sockets, damaged)
    }

    private static func unixState(flags: UInt32, _ st: UInt32) -> SocketState {
        // __SO_ACCEPTCON and enum socket_state, include/linux/net.h.
        if flags & 0x1_0000 != 0 { return .listen }
        switch st {
        case 2: return .connecting
        case 3: return .connected
        case 4: return .disconnecting
        default: return .unconnected
        }
    }

    // MARK: lines

    /// The words of one line, one after the other.
    private struct Fields {
        let bytes: [UInt8]
        var next: Int
        let end: Int

        mutating func word() -> Range<Int>? {
            while next < end, bytes[next] == 0x20 { next += 1 }
            let start = next
            while next < end, bytes[next] != 0x20 { next += 1 }
            return next > start ? start..<next : nil
        }

        mutating func skip(_ count: Int) -> Bool {
            for _ in 0..<count where word() == nil { return false }
            return true
        }
    }

    /// All lines but the first, which has the headings.
    private static func eachLine(_ bytes: [UInt8], _ body: (inout Fields) -> Void) {
        var start = bytes.firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0A { end += 1 }
            var fields = Fields(bytes: bytes, next: start, end: end)
            body(&fields)
            start = end + 1
        }
    }

    /// `0100007F:1F90`: each word of the address is printed as a number of this host, so its bytes in memory
    /// are the address's own.
    private static func address(_ bytes: [UInt8], _ word: Range<Int>, _ isV6: Bool) -> InetAddress? {
        let digits = isV6 ? 32 : 8
        guard word.count == digits + 5, bytes[word.lowerBound + digits] == UInt8(ascii: ":") else {
            return nil
        }
        var parts: [UInt64] = []
        for start in stride(from: word.lowerBound, to: word.lowerBound + digits, by: 8) {
            guard let part = hex(bytes, start..<(start + 8), digits: 8) else { return nil }
            parts.append(UInt64(UInt32(bigEndian: part)))
        }
        guard let port = hex(bytes, (word.upperBound - 4)..<word.upperBound, digits: 4) else { return nil }
        return isV6
            ? InetAddress(
                high: parts[0] << 32 | parts[1], low: parts[2] << 32 | parts[3], isV6: true,
                port: UInt16(port))
            : InetAddress(low: parts[0], port: UInt16(port))
    }

    private static func hex(_ bytes: [UInt8], _ word: Range<Int>, digits: Int) -> UInt32? {
        guard word.count == digits else { return nil }
        var value: UInt32 = 0
        for index in word {
            let digit: UInt8
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[index] - 0x30
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[index] - 0x37
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[index] - 0x57
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    private static func decimal(_ bytes: [UInt8], _ word: Range<Int>) -> UInt64? {
        guard word.count < 20 else { return nil }
        var value: UInt64 = 0
        for index in word {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + UInt64(digit)
        }
        return value
    }
}
