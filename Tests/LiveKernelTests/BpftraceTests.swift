import Foundation
import Glibc
import TestSupport
import Testing

/// A counter in the kernel, by process: successful socket(), close() of what socket() gave, and accepted
/// connections. It slows nothing down, so it sees what threads do at full speed.
final class KernelCounter {
    struct Counts: Equatable {
        var sockets = 0
        var closes = 0
        var accepted = 0
    }
    private let child: Child
    private let mounted: [String]

    // A number that socket() gave is forgotten when something goes over it: its next close is another's.
    private static let program = """
        BEGIN { printf("ready\\n"); }
        tracepoint:syscalls:sys_exit_socket /args->ret >= 0/ { @s[pid] = count(); @own[pid, args->ret] = 1; }
        tracepoint:syscalls:sys_enter_close /@own[pid, (int64)(int32)args->fd]/
            { @c[pid] = count(); delete(@own[pid, (int64)(int32)args->fd]); }
        tracepoint:syscalls:sys_enter_dup2, tracepoint:syscalls:sys_enter_dup3
            { delete(@own[pid, (int64)(int32)args->newfd]); }
        tracepoint:syscalls:sys_exit_accept, tracepoint:syscalls:sys_exit_accept4 /args->ret >= 0/
            { @a[pid] = count(); }
        END { clear(@own); }
        """

    init() throws {
        guard Tool.find("bpftrace") != nil else { try Skips.skip("bpftrace is missing", optional: true) }
        mounted = Self.mountTracing()
        child = try Child("bpftrace", ["-e", Self.program], env: ["BPFTRACE_MAP_KEYS_MAX": "100000"])
        do { _ = try child.outLine("ready", within: 90) } catch {
            try Skips.skip("bpftrace cannot run here: \(child.err.suffix(200))", optional: true)
        }
    }

    // C reads the text during the call alone.
    deinit { for path in mounted { unsafe umount2(path, Int32(MNT_DETACH)) } }

    /// Ends it and reads what it has counted.
    func stop() throws -> [pid_t: Counts] {
        child.signal(SIGINT)
        #expect(try child.wait() == 0, "\(child.err)")
        var found: [pid_t: Counts] = [:]
        // `@s[123]: 5`
        for line in child.out.split(separator: "\n") where line.hasPrefix("@") {
            let parts = line.dropFirst(3).components(separatedBy: "]: ")
            guard parts.count == 2, let pid = pid_t(parts[0]), let count = Int(parts[1]) else {
                throw SupportError("bpftrace says '\(line)'")
            }
            switch line.prefix(3) {
            case "@s[": found[pid, default: Counts()].sockets = count
            case "@c[": found[pid, default: Counts()].closes = count
            case "@a[": found[pid, default: Counts()].accepted = count
            default: throw SupportError("bpftrace says '\(line)'")
            }
        }
        return found
    }

    /// Mounts what bpftrace needs and is not there.
    private static func mountTracing() -> [String] {
        var mounted: [String] = []
        let wanted = [
            ("debugfs", "/sys/kernel/debug", "/sys/kernel/debug/tracing"),
            ("tracefs", "/sys/kernel/tracing", "/sys/kernel/tracing/events"),
        ]
        // C reads the path during the call alone.
        for (type, path, probe) in wanted where unsafe access(probe, F_OK) != 0 {
            if unsafe mount(type, path, type, 0, nil) == 0 { mounted.append(path) }
        }
        return mounted
    }
}

extension Live {
    /// Programs at full speed, counted by the kernel at the same time.
    @Suite struct BpftraceOracle {
        @Test func serversUnderLoad() throws {
            try Skips.need("nginx", "curl", "redis-server", "redis-benchmark")
            let counter = try KernelCounter()
            let watched = try Watched()
            let server = try WebServer()
            let nginx = try Nginx(upstream: server.port)
            let redis = try Redis()
            let benchmark = try redis.benchmark(unix: false)
            let curls = try Load.start(server.url, clients: 4, each: 50)
            let proxied = try Load.start(nginx.url, clients: 3, each: 20)
            try Load.finish(curls + proxied)
            #expect(try benchmark.child.wait(120) == 0, "\(benchmark.child.err)")
            try nginx.end()
            try redis.end()
            try eventually("the server closes what it has served") { Proc.sockets(server.pid) == 1 }
            try server.end()
            let last = try watched.stop().last
            let counts = try counter.stop()

            let servers = nginx.pids + [server.pid, redis.pid]
            let clients = (curls + proxied).map(\.pid) + [benchmark.pid]
            for pid in servers + clients {
                Ran.shared.compare()
                // A worker that nobody asked for anything.
                guard let told = counts[pid] else {
                    #expect(last.rows(pid: pid).allSatisfy { $0.socketTot.total == 0 })
                    continue
                }
                let row = try last.row(pid: pid)
                let counted = KernelCounter.Counts(
                    sockets: row.socketTot.total, closes: row.closeTot.total,
                    accepted: row.others["accept"]?.opened ?? 0)
                #expect(counted == told, "\(row.name) \(pid), \(last.doubt)")
                #expect(row.drift == 0, "\(row.name) \(pid)")
            }
            #expect(counts[server.pid]?.accepted == 260)
            let upstream = nginx.pids.reduce(0) { $0 + (counts[$1]?.sockets ?? 0) }
            #expect(upstream >= 61, "60 upstream connections and a listener")
        }
    }
}
