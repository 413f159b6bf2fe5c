import TestSupport
import Testing

@testable import SockAuditCore

/// The kernel's tables of sockets. The lines are of this kernel (6.18), but for what is marked as damage.
@Suite struct NetTableTests {
    private static let tcp = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \u{20}
           0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 538 1 000000005d1d1dec 100 0 0 10 0                       \u{20}
           1: 0100007F:C733 0100007F:D9A0 06 00000000:00000000 03:00000EB6 00000000     0        0 0 3 0000000003141992                                      \u{20}
           2: 0100007F:8BFD 0200007F:94A8 08 00000000:00000001 00:00000000 00000000     0        0 4711 1 0000000000000000 20 4 0 10 -1

        """
    private static let tcp6 = """
          sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:0050 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 20 4 30 10 -1
           1: 0000000000000000FFFF00000100007F:0016 B80D0120000000000000000002000000:C350 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1

        """

    private func inet(
        _ text: String, _ kind: NetTable.Transport = .tcp, v6: Bool = false
    ) -> (lines: [String], damaged: Int) {
        var lines: [String] = []
        let damaged = NetTable.readInet(Array(text.utf8), kind, isV6: v6) { inode, endpoint in
            guard case .inet(let local, let peer, let state) = endpoint else { return }
            lines.append("\(inode) \(local.text) \(peer.text) \(state.name)")
        }
        return (lines, damaged)
    }

    @Test func connections() {
        let read = inet(Self.tcp)
        #expect(
            read.lines == [
                "538 0.0.0.0:2024 0.0.0.0:* LISTEN", "4711 127.0.0.1:35837 127.0.0.2:38056 CLOSE_WAIT",
            ])
        #expect(read.damaged == 0)
    }

    @Test func sixBytesAndMore() {
        let read = inet(Self.tcp6, v6: true)
        #expect(
            read.lines == [
                "11 [::1]:8080 [::1]:80 ESTABLISHED",
                "12 [::ffff:127.0.0.1]:22 [2001:db8::2]:50000 ESTABLISHED",
            ])
        // Each table has addresses of one length.
        #expect(inet(Self.tcp6).damaged == 2 && inet(Self.tcp, v6: true).damaged == 3)
    }

    @Test func withoutConnections() {
        let text = Self.tcp.replacingOccurrences(":0000 0A ", ":0000 07 ")
        #expect(inet(text, .udp).lines.first == "538 0.0.0.0:2024 0.0.0.0:* UNCONNECTED")
        #expect(inet(text).lines.first == "538 0.0.0.0:2024 0.0.0.0:* CLOSE")
    }

    @Test(arguments: [
        "0:", "0: 0100007F:1F90", "0: 0100007F1F90 00000000:0000 0A 0:0 0:0 0 0 0 5",
        "0: 0100007G:1F90 00000000:0000 0A 0:0 0:0 0 0 0 5",
        "0: 0100007F:1F90 00000000:0000 FF 0:0 0:0 0 0 0 5",
        "0: 0100007F:1F90 00000000:0000 0D 0:0 0:0 0 0 0 5",
        "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0",
        "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 -5",
        "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 99999999999999999999", "", "\u{1B}[2J",
    ])
    func damagedLines(_ line: String) {
        let read = inet("heading\n" + line + "\n")
        #expect(read.lines == [] && read.damaged == 1, "\(read)")
        #expect(NetTable.unix(Array("heading\n\(line)\n".utf8)) == ([:], 1))
    }

    @Test(arguments: 0..<60)
    func anyBytes(_ seed: Int) {
        var random = Seeded(seed)
        for text in [Self.tcp, Self.tcp6, Self.unix] {
            var bytes = Array(text.utf8)
            for _ in 0..<20 { bytes[Int.random(in: bytes.indices, using: &random)] = random.bytes(1)[0] }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            NetTable.readInet(bytes, .tcp, isV6: random.chance(50)) { inode, _ in #expect(inode != 0) }
            #expect(NetTable.unix(bytes).sockets[0] == nil)
        }
    }

    // MARK: unix

    private static let unix = """
        Num       RefCount Protocol Flags    Type St Inode Path
        00000000389a46af: 00000003 00000000 00000000 0001 03 197186563
        00000000894e419a: 00000002 00000000 00010000 0001 01    77 /run/a socket
        00000000e3af5d75: 00000003 00000000 00000000 0002 03 78 @hidden\u{1B}[31m

        """

    @Test func unixSockets() {
        let read = NetTable.unix(Array(Self.unix.utf8))
        #expect(read.damaged == 0)
        #expect(read.sockets[197_186_563] == .unix(path: [], .connected))
        #expect(read.sockets[77] == .unix(path: Array("/run/a socket".utf8), .listen))
        #expect(read.sockets[78] == .unix(path: Array("@hidden\u{1B}[31m".utf8), .connected))
    }

    /// Whoever binds a path with a line's end in it writes a line of his own, about anyone's socket.
    @Test func aForgedLineTellsNothing() {
        let forged = Self.unix.replacingOccurrences(
            "@hidden\u{1B}[31m", "/x\n00000000389a46af: 00000002 00000000 00010000 0001 01 77 /etc/innocent")
        var read = NetTable.unix(Array(forged.utf8)).sockets
        #expect(read[77] == nil, "two lines of one socket: which is true?")
        #expect(read[78] == .unix(path: Array("/x".utf8), .connected) && read.count == 2)
        read = NetTable.unix(Array((forged + "0: 0 0 00000000 0001 01 77 /third\n").utf8)).sockets
        #expect(read[77] == nil)
    }

    /// A path that is cut is not shown as if it were whole.
    @Test(arguments: ["\nfoo", "\n", "\n1: 2 3", "\n\n0: 0"])
    func aPathWithALinesEndTellsNothing(_ end: String) {
        let text = Self.unix.replacingOccurrences("@hidden\u{1B}[31m", "/run/x.sock" + end)
        let read = NetTable.unix(Array(text.utf8))
        #expect(read.sockets[78] == .unix(path: [], .connected) && read.damaged > 0)
        #expect(read.sockets[77] == .unix(path: Array("/run/a socket".utf8), .listen))
    }

    // MARK: addresses as text (RFC 5952)

    @Test(
        arguments: [
            (0, 0, "[::]"), (0, 1, "[::1]"),
            (0x2001_0db8_0000_0000, 0x0000_0000_0002_0001, "[2001:db8::2:1]"),
            (0x2001_0db8_0000_0001, 0x0001_0001_0001_0001, "[2001:db8:0:1:1:1:1:1]"),
            (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "[2001:0:0:1::1]"),
            (0x2001_0db8_0000_0000, 0x0001_0000_0000_0001, "[2001:db8::1:0:0:1]"),
            (0xfe80_0000_0000_0000, 0, "[fe80::]"),
            (0x1_0002_0003_0004, 0x5_0006_0007_0008, "[1:2:3:4:5:6:7:8]"),
            (0, 0xFFFF_7F00_0001, "[::ffff:127.0.0.1]"),
            (0x0064_ff9b_0000_0000, 0x0102_0304, "[64:ff9b::102:304]"),
        ] as [(UInt64, UInt64, String)])
    func addresses(_ high: UInt64, _ low: UInt64, _ text: String) {
        #expect(InetAddress(high: high, low: low, isV6: true, port: 80).text == text + ":80")
    }
}

extension String {
    fileprivate func replacingOccurrences(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
