import AuditStream
import SockAuditCore

/// The kernel's tables of TCP and UDP sockets (/proc/PID/net, proc(5)), read once for each network
/// namespace and only when someone asks. One is made for each table, and thrown away after it.
final class SocketTables {
    private var tables: [[UInt8]: [UInt64: SocketInfo]] = [:]
    private static let listening = "0A"

    /// - Returns: nil for a socket that is neither TCP nor UDP, or whose process is gone.
    func info(pid: Int32, fd: Int32, inode: UInt64) -> SocketInfo? {
        // Every socket knows its protocol's name (sockfs, net/socket.c); the tables hold only
        // those that are bound or connected.
        guard let family = Self.family(pid: pid, fd: fd) else { return nil }
        let accepted = family == .tcp && table(pid)?[inode]?.looksAccepted == true
        return SocketInfo(family: family, looksAccepted: accepted)
    }

    private static func family(pid: Int32, fd: Int32) -> SocketFamily? {
        switch SocketName.of(pid: pid, fd: fd) {
        case nil: return nil
        case "TCP", "TCPv6": return .tcp
        case "UDP", "UDPv6": return .udp
        default: return .other
        }
    }

    private func table(_ pid: Int32) -> [UInt64: SocketInfo]? {
        guard let namespace = SmallFile.link("/proc/\(pid)/ns/net") else { return nil }
        if let known = tables[namespace] { return known }
        var table: [UInt64: SocketInfo] = [:]
        for (file, family) in [
            ("tcp", SocketFamily.tcp), ("tcp6", .tcp), ("udp", .udp), ("udp6", .udp),
        ] {
            Self.read("/proc/\(pid)/net/\(file)", family, into: &table)
        }
        tables[namespace] = table
        return table
    }

    private static func read(_ path: String, _ family: SocketFamily, into table: inout [UInt64: SocketInfo]) {
        let bytes = SmallFile.read(path, limit: 1 << 28) ?? []
        var ports: Set<String> = []
        var rows: [(inode: UInt64, port: String, state: String)] = []
        for line in bytes.split(separator: 0x0A).dropFirst() {
            let columns = line.split(separator: 0x20, maxSplits: 10)
            guard columns.count > 9, let inode = UInt64(text(columns[9])),
                let colon = columns[1].lastIndex(of: UInt8(ascii: ":"))
            else { continue }
            let port = text(columns[1][(colon + 1)...])
            let state = text(columns[3])
            if family == .tcp && state == listening { ports.insert(port) }
            rows.append((inode, port, state))
        }
        for row in rows where row.inode != 0 {
            let accepted = family == .tcp && row.state != listening && ports.contains(row.port)
            table[row.inode] = SocketInfo(family: family, looksAccepted: accepted)
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
