import AuditStream
import Glibc
import SockAuditCore

/// Makes a known number of socket and close calls of each kind, by both system call tables.
///
/// It counts what the kernel said to each call, so that what this host does not have (IPv6) is no
/// wrong number. What is open at the end stays open.
struct SelfTestWork {
    private(set) var counts: SelfTestCounts
    private let filler: Int32

    private struct Shape {
        var domain: Int32
        var type: Int32
        var proto: Int32
        var family: SocketFamily
    }

    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)

    /// Both versions of IP, with the flags that share a word with the type.
    private static let shapes = [
        Shape(domain: AF_INET, type: stream, proto: 0, family: .tcp),
        Shape(
            domain: AF_INET6, type: stream | Int32(SOCK_CLOEXEC.rawValue), proto: Int32(IPPROTO_TCP),
            family: .tcp),
        Shape(
            domain: AF_INET, type: datagram | Int32(SOCK_NONBLOCK.rawValue), proto: Int32(IPPROTO_UDP),
            family: .udp),
        Shape(domain: AF_INET6, type: datagram, proto: 0, family: .udp),
        Shape(domain: AF_UNIX, type: stream, proto: 0, family: .other),
        Shape(domain: AF_UNIX, type: datagram | Int32(SOCK_CLOEXEC.rawValue), proto: 0, family: .other),
    ]

    /// The calls of one table.
    private struct Table {
        var name: String
        var socket: (Shape) -> Int32
        var oldSocket: (Shape) -> Int32
        var close: (Int32) -> Int32
        var dup2: (Int32, Int32) -> Int32
    }

    /// - Parameter why32: why there are no 32-bit calls; empty when there are.
    static func run(pid: Int32, startTicks: UInt64, why32: String) -> SelfTestCounts {
        let filler = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard filler >= 0 else { return SelfTestCounts(pid: pid, startTicks: startTicks) }
        var work = SelfTestWork(counts: SelfTestCounts(pid: pid, startTicks: startTicks), filler: filler)
        let native = Table(
            name: "b64", socket: { Glibc.socket($0.domain, $0.type, $0.proto) },
            oldSocket: { Glibc.socket($0.domain, $0.type, $0.proto) }, close: { Glibc.close($0) },
            dup2: { Glibc.dup2($0, $1) })
        work.eachShape(native)
        work.accepted()
        work.paired()
        work.failing()
        if why32.isEmpty {
            work.eachShape(
                Table(
                    name: "b32", socket: { ForeignCalls.call("socket", $0.domain, $0.type, $0.proto) },
                    oldSocket: { ForeignCalls.socketCall($0.domain, $0.type, $0.proto) },
                    close: { ForeignCalls.call("close", $0) },
                    dup2: { ForeignCalls.call("dup2", $0, $1) }))
        } else {
            work.counts.skipped["b32"] = why32
        }
        Glibc.close(filler)
        return work.counts
    }

    /// Of each kind: two closed, one closed by close_range, one taken by dup2, one left open.
    private mutating func eachShape(_ table: Table) {
        for shape in Self.shapes {
            var open: [Int32] = []
            for turn in 0..<5 {
                let fd = turn % 2 == 0 ? table.socket(shape) : table.oldSocket(shape)
                guard fd >= 0 else { continue }
                open.append(fd)
                counts.socket[shape.family] += 1
                counts.calls["\(table.name).socket", default: 0] += 1
            }
            guard open.count == 5 else {
                counts.skipped[shape.domain == AF_INET6 ? "ipv6" : "\(shape.family.name).\(table.name)"] =
                    "the kernel has no such socket"
                // What there is stays open.
                continue
            }
            closed(open[0], shape.family, table)
            closed(open[1], shape.family, table)
            if ForeignCalls.closeRange(open[2], open[2]) == 0 {
                counts.close[shape.family] += 1
            } else {
                counts.skipped["close_range"] = "the kernel has no such call"
                closed(open[2], shape.family, table)
            }
            if table.dup2(filler, open[3]) == open[3] { counts.released[shape.family] += 1 }
        }
    }

    private mutating func closed(_ fd: Int32, _ family: SocketFamily, _ table: Table) {
        guard table.close(fd) == 0 else { return }
        counts.close[family] += 1
        counts.calls["\(table.name).close", default: 0] += 1
    }

    /// A listener, a client that is closed again, and what accept gave: on the loopback only.
    private mutating func accepted() {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let tcp = Self.shapes[0]
        let listener = Glibc.socket(tcp.domain, tcp.type, tcp.proto)
        let client = Glibc.socket(tcp.domain, tcp.type, tcp.proto)
        for fd in [listener, client] where fd >= 0 {
            counts.socket.tcp += 1
            counts.calls["b64.socket", default: 0] += 1
        }
        // An internet address is a socket address of this size.
        let accepted = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> Int32 in
                guard unsafe bind(listener, address, length) == 0, listen(listener, 1) == 0,
                    unsafe getsockname(listener, address, &length) == 0,
                    unsafe connect(client, address, length) == 0
                else { return -1 }
                return accept(listener, nil, nil)
            }
        }
        if accepted >= 0 {
            counts.othersOpened += 1
        } else {
            counts.skipped["accept"] = "the loopback takes no connection"
        }
        if client >= 0 && Glibc.close(client) == 0 {
            counts.close.tcp += 1
            counts.calls["b64.close", default: 0] += 1
        }
    }

    private mutating func paired() {
        var ends: [Int32] = [-1, -1]
        // Two descriptors are written, and there is room for two.
        guard unsafe socketpair(AF_UNIX, Self.stream, 0, &ends) == 0 else { return }
        counts.othersOpened += 2
        if Glibc.close(ends[0]) == 0 { counts.othersClosed += 1 }
    }

    /// None of these gives or closes anything.
    private func failing() {
        Glibc.close(-1)
        _ = Glibc.socket(4_000, Self.stream, 0)
    }
}
