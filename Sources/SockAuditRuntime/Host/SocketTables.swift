import AuditStream
import SockAuditCore

/// What the kernel says about sockets of which no record told: their protocol, and whether they came by
/// accept. Its tables of TCP and unix sockets (/proc/PID/net, proc(5)) are read once for each network
/// namespace and only when someone asks. One is made for each table, and thrown away after it.
final class SocketTables {
    /// Sockets that came by accept, by network namespace.
    private var accepted: [[UInt8]: Set<UInt64>] = [:]

    /// - Returns: nil when its process, or the descriptor, is gone.
    func info(pid: Int32, fd: Int32, inode: UInt64) -> SocketInfo? {
        // Every socket knows its protocol's name (sockfs, net/socket.c); the tables hold only
        // those that are bound or connected.
        guard let kind = SocketName.of(pid: pid, fd: fd).map(SocketKind.init(protocolName:)) else {
            return nil
        }
        let accepted = Self.accepting.contains(kind) && table(pid)?.contains(inode) == true
        return SocketInfo(family: kind.family, kind: kind, looksAccepted: accepted)
    }

    /// What /proc/PID/net can tell of.
    private static let accepting: Set<SocketKind> = [.tcp, .tcp6, .unixStream, .unix]

    private func table(_ pid: Int32) -> Set<UInt64>? {
        guard let namespace = SmallFile.link("/proc/\(pid)/ns/net") else { return nil }
        if let known = accepted[namespace] { return known }
        var found: Set<UInt64> = []
        for file in ["tcp", "tcp6"] { Self.readTCP("/proc/\(pid)/net/\(file)", into: &found) }
        Self.readUnix("/proc/\(pid)/net/unix", into: &found)
        accepted[namespace] = found
        return found
    }

    /// Lines of `sl local_address rem_address st ... inode` (Documentation/networking/proc_net_tcp.rst).
    private static func readTCP(_ path: String, into found: inout Set<UInt64>) {
        var ports: Set<[UInt8]> = []
        var others: [(inode: UInt64, port: [UInt8])] = []
        eachLine(path) { columns in
            guard columns.count > 9, let inode = number(columns[9]),
                let colon = columns[1].lastIndex(of: UInt8(ascii: ":"))
            else { return }
            let port = Array(columns[1][(colon + 1)...])
            if columns[3].elementsEqual("0A".utf8) {
                ports.insert(port)
            } else if inode != 0 {
                others.append((inode, port))
            }
        }
        for other in others where ports.contains(other.port) { found.insert(other.inode) }
    }

    /// Lines of `Num RefCount Protocol Flags Type St Inode Path` (unix(7)): an accepted end bears the
    /// listener's path.
    private static func readUnix(_ path: String, into found: inout Set<UInt64>) {
        var paths: Set<[UInt8]> = []
        var others: [(inode: UInt64, path: [UInt8])] = []
        eachLine(path) { columns in
            guard columns.count > 7, let inode = number(columns[6]) else { return }
            let path = Array(columns[7])
            // __SO_ACCEPTCON, include/linux/net.h.
            if columns[3].elementsEqual("00010000".utf8) {
                paths.insert(path)
            } else {
                others.append((inode, path))
            }
        }
        for other in others where paths.contains(other.path) { found.insert(other.inode) }
    }

    private static func eachLine(_ path: String, _ body: ([ArraySlice<UInt8>]) -> Void) {
        for line in (SmallFile.read(path, limit: 1 << 28) ?? []).split(separator: 0x0A).dropFirst() {
            body(line.split(separator: 0x20, maxSplits: 10))
        }
    }

    private static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: text, as: UTF8.self))
    }
}
