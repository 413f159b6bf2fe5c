import Foundation
import Glibc
import SockAuditCore
import Testing

@testable import SockAuditRuntime

/// Where the kernel says that sockets lead: our own ones, which we know.
@Suite(.serialized) struct SocketTablesTests {
    /// A socket of ours, closed with it.
    private final class Own {
        let fd: Int32

        init(_ domain: Int32, _ type: __socket_type) { fd = Glibc.socket(domain, Int32(type.rawValue), 0) }
        init(accepting listener: Own) { fd = accept(listener.fd, nil, nil) }
        deinit { close(fd) }

        /// On 127.0.0.1 or ::1, a port that the kernel chooses.
        func bound() throws -> Own {
            var address = try Own.loopback(of: self)
            let size = address.count
            // The bytes stay for the call.
            let done = unsafe address.withUnsafeMutableBytes { bytes in
                unsafe Glibc.bind(
                    fd, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(size))
            }
            try #require(done == 0)
            return self
        }

        func connected(to other: Own) throws -> Own {
            let name = try #require(other.name)
            // The bytes stay for the call.
            let done = unsafe name.withUnsafeBytes { bytes in
                unsafe connect(
                    fd, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(name.count))
            }
            try #require(done == 0)
            return self
        }

        /// Under a name of no file (unix(7)).
        func bind(abstract name: String) throws {
            var address = [UInt8(AF_UNIX), 0, 0] + Array(name.utf8)
            let size = socklen_t(address.count)
            // The bytes stay for the call.
            let done = unsafe address.withUnsafeMutableBytes { bytes in
                unsafe Glibc.bind(fd, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
            }
            try #require(done == 0)
        }

        var port: UInt16 { name.map { UInt16($0[2]) << 8 | UInt16($0[3]) } ?? 0 }

        /// What getsockname(2) gives.
        private var name: [UInt8]? {
            var name = [UInt8](repeating: 0, count: 128)
            var size = socklen_t(name.count)
            // The bytes stay for the call.
            let done = unsafe name.withUnsafeMutableBytes { bytes in
                unsafe bytes.baseAddress.map {
                    unsafe getsockname(fd, $0.assumingMemoryBound(to: sockaddr.self), &size)
                }
            }
            return done == 0 ? Array(name.prefix(Int(size))) : nil
        }

        /// sockaddr_in or sockaddr_in6 with port 0.
        private static func loopback(of socket: Own) throws -> [UInt8] {
            var domain: Int32 = 0
            var size = socklen_t(4)
            // C fills the struct that it is given.
            try unsafe #require(getsockopt(socket.fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0)
            var bytes = [UInt8](repeating: 0, count: domain == AF_INET ? 16 : 28)
            unsafe withUnsafeBytes(of: UInt16(domain)) { unsafe bytes.replaceSubrange(0..<2, with: $0) }
            if domain == AF_INET {
                bytes.replaceSubrange(4..<8, with: [127, 0, 0, 1])
            } else {
                bytes[23] = 1
            }
            return bytes
        }
    }

    private func ask(_ tables: SocketTables, _ socket: Own) -> EndpointAnswer {
        tables.endpoint(pid: getpid(), fd: socket.fd, inode: 0)
    }

    private func text(_ answer: EndpointAnswer) -> String {
        guard case .known(.inet(let local, let peer, let state)) = answer else { return "\(answer)" }
        return "\(local.text) \(peer.text) \(state.name)"
    }

    @Test func bothEndsAndTheState() throws {
        let listener = try Own(AF_INET, SOCK_STREAM).bound()
        try #require(listen(listener.fd, 4) == 0)
        let client = try Own(AF_INET, SOCK_STREAM).connected(to: listener)
        let accepted = Own(accepting: listener)
        let (port, theirs) = (listener.port, client.port)
        var tables = SocketTables()
        #expect(text(ask(tables, listener)) == "127.0.0.1:\(port) 0.0.0.0:* LISTEN")
        #expect(text(ask(tables, client)) == "127.0.0.1:\(theirs) 127.0.0.1:\(port) ESTABLISHED")
        #expect(text(ask(tables, accepted)) == "127.0.0.1:\(port) 127.0.0.1:\(theirs) ESTABLISHED")
        let inode = try #require(ProcScanner.socketInode(getpid(), accepted.fd))
        #expect(tables.info(pid: getpid(), fd: accepted.fd, inode: inode)?.looksAccepted == true)
        let own = try #require(ProcScanner.socketInode(getpid(), client.fd))
        #expect(tables.info(pid: getpid(), fd: client.fd, inode: own)?.looksAccepted == false)
        // The peer goes, and we do not.
        shutdown(client.fd, Int32(SHUT_WR))
        tables = SocketTables()
        #expect(text(ask(tables, accepted)) == "127.0.0.1:\(port) 127.0.0.1:\(theirs) CLOSE_WAIT")
    }

    @Test func otherFamilies() throws {
        let udp = try Own(AF_INET6, SOCK_DGRAM).bound()
        let unix = Own(AF_UNIX, SOCK_STREAM)
        let netlink = Own(AF_NETLINK, SOCK_DGRAM)
        let unbound = Own(AF_INET, SOCK_STREAM)
        let tables = SocketTables()
        #expect(text(ask(tables, udp)) == "[::1]:\(udp.port) [::]:* UNCONNECTED")
        #expect(ask(tables, unix) == .known(.unix(path: [], .unconnected)))
        #expect(ask(tables, netlink) == .none && ask(tables, unbound) == .none)
    }

    /// A line that somebody wrote by the path of his socket speaks of no socket of another kind.
    @Test func aForgedLineTellsNothingOfOthers() throws {
        let (unbound, netlink) = (Own(AF_INET, SOCK_STREAM), Own(AF_NETLINK, SOCK_DGRAM))
        var forgers: [Own] = []
        for victim in [unbound, netlink] {
            let inode = try #require(ProcScanner.socketInode(getpid(), victim.fd))
            let forger = Own(AF_UNIX, SOCK_STREAM)
            try forger.bind(
                abstract: "f\n0000000000000000: 00000002 00000000 00010000 0001 01 \(inode) @forged")
            forgers.append(forger)
        }
        let tables = SocketTables()
        #expect(ask(tables, unbound) == .none && ask(tables, netlink) == .none)
        let inode = try #require(ProcScanner.socketInode(getpid(), unbound.fd))
        #expect(tables.info(pid: getpid(), fd: unbound.fd, inode: inode)?.looksAccepted == false)
        #expect(forgers.allSatisfy { ask(tables, $0) != .unreadable })
    }

    /// One reading for all sockets of a namespace: what is bound later is in the next table.
    @Test func readOnce() throws {
        let first = try Own(AF_INET, SOCK_DGRAM).bound()
        let tables = SocketTables()
        #expect(text(ask(tables, first)).hasSuffix("UNCONNECTED"))
        let second = try Own(AF_INET, SOCK_DGRAM).bound()
        #expect(ask(tables, second) == .none)
        #expect(text(ask(SocketTables(), second)).hasSuffix("UNCONNECTED"))
    }

    @Test func whatIsGoneCannotBeRead() throws {
        let tables = SocketTables()
        #expect(tables.endpoint(pid: .max, fd: 3, inode: 5) == .unreadable)
        #expect(tables.endpoint(pid: getpid(), fd: 100_000, inode: 0) == .unreadable)
        // C reads the path during the call alone.
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(ProcScanner.socketInode(getpid(), file) == nil)
    }
}
