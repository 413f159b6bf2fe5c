import AuditStream
import SockAuditCore

/// What the kernel says about sockets: where their ends are, and of those of which no record told also their
/// protocol and whether they came by accept. Its tables (/proc/PID/net, proc(5)) are read once for each
/// network namespace and only when someone asks. One is made for each table, and thrown away after it.
final class SocketTables {
    /// All sockets of one network namespace.
    private struct Namespace {
        var endpoints: [UInt64: SocketEndpoint] = [:]
        /// Connections whose local end is also listened on, of the internet and of unix sockets: what a line of
        /// the latter says may be a lie (``NetTable``), and must not be believed of the former.
        var accepted: Set<UInt64> = []
        var acceptedUnix: Set<UInt64> = []
        /// Not one of its tables could be read.
        var isUnreadable = false
    }

    private var namespaces: [[UInt8]: Namespace] = [:]
    /// The namespace of the last one asked for: sockets are asked for process by process.
    private var last: (pid: Int32, namespace: Namespace?)?

    /// - Returns: nil when its process, or the descriptor, is gone.
    func info(pid: Int32, fd: Int32, inode: UInt64) -> SocketInfo? {
        // Every socket knows its protocol's name (sockfs, net/socket.c); the tables hold only
        // those that are bound or connected.
        guard let kind = SocketName.of(pid: pid, fd: fd).map(SocketKind.init(protocolName:)) else {
            return nil
        }
        let accepted =
            switch kind {
            case .tcp, .tcp6: namespace(pid)?.accepted.contains(inode) == true
            case .unixStream, .unix: namespace(pid)?.acceptedUnix.contains(inode) == true
            default: false
            }
        return SocketInfo(family: kind.family, kind: kind, looksAccepted: accepted)
    }

    /// Where a socket's ends are.
    ///
    /// - Parameter inode: 0 where it is not known yet.
    func endpoint(pid: Int32, fd: Int32, inode: UInt64) -> EndpointAnswer {
        guard let inode = inode != 0 ? inode : ProcScanner.socketInode(pid, fd),
            let namespace = namespace(pid), !namespace.isUnreadable
        else { return .unreadable }
        guard let found = namespace.endpoints[inode] else { return .none }
        // Whoever binds a unix socket can write a line about any socket that is in no other table.
        if case .unix = found, !Self.isUnix(pid, fd) { return .none }
        return .known(found)
    }

    private static func isUnix(_ pid: Int32, _ fd: Int32) -> Bool {
        SocketName.of(pid: pid, fd: fd).map { SocketKind(protocolName: $0).mayBe(.unix) } ?? false
    }

    private func namespace(_ pid: Int32) -> Namespace? {
        if let last, last.pid == pid { return last.namespace }
        let found = SmallFile.link("/proc/\(pid)/ns/net").map { name in
            if let known = namespaces[name] { return known }
            let fresh = Self.read("/proc/\(pid)/net/")
            // Its process may have ended meanwhile; another one of the namespace may still be there.
            if !fresh.isUnreadable { namespaces[name] = fresh }
            return fresh
        }
        last = (pid, found)
        return found
    }

    private static func read(_ folder: String) -> Namespace {
        var found = Namespace()
        var count = 0
        var listening: (ports: Set<UInt16>, paths: Set<[UInt8]>) = ([], [])
        for (file, kind, isV6) in tables {
            guard let bytes = SmallFile.read(folder + file, limit: longest) else { continue }
            count += 1
            NetTable.readInet(bytes, kind, isV6: isV6) { inode, endpoint in
                found.endpoints[inode] = endpoint
                if case .inet(let local, _, .listen) = endpoint { listening.ports.insert(local.port) }
            }
        }
        if let bytes = SmallFile.read(folder + "unix", limit: longest) {
            count += 1
            found.endpoints.merge(NetTable.unix(bytes).sockets) { inet, _ in inet }
        }
        found.isUnreadable = count == 0
        for case .unix(let path, .listen) in found.endpoints.values where !path.isEmpty {
            listening.paths.insert(path)
        }
        for (inode, endpoint) in found.endpoints where endpoint.state != .listen {
            switch endpoint {
            case .inet(let local, _, _):
                if listening.ports.contains(local.port) { found.accepted.insert(inode) }
            // An accepted end bears the listener's path.
            case .unix(let path, _): if listening.paths.contains(path) { found.acceptedUnix.insert(inode) }
            }
        }
        return found
    }

    private static let tables: [(file: String, kind: NetTable.Transport, isV6: Bool)] = [
        ("tcp", .tcp, false), ("tcp6", .tcp, true), ("udp", .udp, false), ("udp6", .udp, true),
    ]
    private static let longest = 1 << 28
}
