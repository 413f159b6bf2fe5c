import Foundation
import Glibc
import Testing

extension Live {
    /// Real programs, counted by somebody else at the same time.
    @Suite struct Oracles {
        @Test func straceCountsCurl() throws {
            try Skips.need("strace", "curl")
            let scratch = try Scratch()
            let server = try WebServer()
            let watched = try Watched()
            let log = scratch.file("strace")
            let urls = (0..<12).flatMap { ["-o", "/dev/null", server.url + "?\($0)"] }
            let traced = try run(
                "strace",
                [
                    "-f", "-o", log, "-e", "trace=socket,close,close_range,dup2,dup3,execve", "curl", "-s",
                    "--retry",
                    "0",
                ] + urls + ["-o", "/dev/null", "http://127.0.0.1:1/"], env: ["no_proxy": "*"])
            // 7: the last one is refused.
            #expect(traced.code == 7, "\(traced.err)")
            let run = try watched.stop()
            let told = try StraceLog(try String(contentsOfFile: log, encoding: .utf8))
            #expect(told.account.socket.tcp >= 13)
            expect(run.last, told.pid, is: told.account.ended, state: "exited")
            #expect(try run.last.row(pid: told.pid).name == "curl")
            try server.end()
        }

        @Test func bpftraceCountsNginx() throws {
            guard Tool.find("bpftrace") != nil else { try Skips.skip("bpftrace is missing", optional: true) }
            try Skips.need("nginx", "curl")
            let mounted = try Self.mountTracing()
            defer { for path in mounted { umount2(path, Int32(MNT_DETACH)) } }
            let server = try WebServer()
            let program =
                "BEGIN { printf(\"ready\\n\"); } tracepoint:syscalls:sys_exit_socket /args->ret >= 0/ { @s[pid] = count(); }"
            let counter = try Child("bpftrace", ["-e", program])
            do { _ = try counter.outLine("ready", within: 90) } catch {
                try Skips.skip("bpftrace cannot run here: \(counter.err.suffix(200))", optional: true)
            }
            let watched = try Watched()
            let nginx = try Nginx(upstream: server.port)
            for _ in 0..<15 {
                let got = try run("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", nginx.url])
                #expect(got.out == "200")
            }
            try nginx.end()
            let ran = try watched.stop()
            counter.signal(SIGINT)
            _ = try counter.wait()
            let counts = Self.counts(counter.out)
            let rows = ran.last.rows.filter { $0.name == "nginx" && nginx.pids.contains($0.pid) }
            #expect(
                rows.reduce(0) { $0 + $1.socketTot.total } >= 16, "15 upstream connections and a listener")
            for pid in nginx.pids {
                let told = counts[pid] ?? 0
                #expect(
                    ran.last.rows(pid: pid).first?.socketTot.total ?? 0 == told,
                    "nginx \(pid), \(ran.last.doubt)")
            }
            try server.end()
        }

        /// `@s[123]: 5` lines.
        private static func counts(_ text: String) -> [Int32: Int] {
            var found: [Int32: Int] = [:]
            for line in text.split(separator: "\n") where line.hasPrefix("@s[") {
                let parts = line.dropFirst(3).components(separatedBy: "]: ")
                if parts.count == 2, let pid = Int32(parts[0]), let count = Int(parts[1]) {
                    found[pid] = count
                }
            }
            return found
        }

        /// Mounts what bpftrace needs and is not there.
        private static func mountTracing() throws -> [String] {
            var mounted: [String] = []
            let wanted = [
                ("debugfs", "/sys/kernel/debug", "/sys/kernel/debug/tracing"),
                ("tracefs", "/sys/kernel/tracing", "/sys/kernel/tracing/events"),
            ]
            for (type, path, probe) in wanted where access(probe, F_OK) != 0 {
                if mount(type, path, type, 0, nil) == 0 { mounted.append(path) }
            }
            return mounted
        }
    }
}

/// What strace saw one process do. Only for programs that do not fork.
struct StraceLog {
    var pid: Int32 = 0
    var account = Account()
    private var held: [Int: WritableKeyPath<Figure, Int>] = [:]
    private var pending: [Int32: String] = [:]

    init(_ text: String) throws {
        for raw in text.split(separator: "\n") {
            guard let blank = raw.firstIndex(of: " "), let thread = Int32(raw[..<blank]) else {
                throw LiveError("strace: \(raw)")
            }
            if pid == 0 { pid = thread }
            var line = raw[blank...].trimmingCharacters(in: .whitespaces)
            if line.hasSuffix("<unfinished ...>") {
                pending[thread] = String(line.dropLast("<unfinished ...>".count))
                continue
            }
            if line.hasPrefix("<... "), let end = line.range(of: "resumed>") {
                line = (pending.removeValue(forKey: thread) ?? "") + line[end.upperBound...]
            }
            take(line)
        }
    }

    private mutating func take(_ line: String) {
        guard let open = line.firstIndex(of: "("),
            let equals = line.range(of: ") = ", options: .backwards)
                ?? line.range(of: ")   ", options: .backwards)
        else { return }
        let call = line[..<open]
        let arguments = line[line.index(after: open)..<equals.lowerBound].components(separatedBy: ", ")
        let rest = line[equals.upperBound...].trimmingCharacters(in: CharacterSet(charactersIn: " ="))
        guard let result = rest.split(separator: " ").first.flatMap({ Int($0) }), result >= 0 else { return }
        switch call {
        case "socket":
            let family = Self.family(arguments)
            Self.add(&account.socket, family)
            Self.add(&account.open, family)
            held[result] = family
        case "close": if let fd = Int(arguments[0]) { drop(fd, closed: true) }
        case "close_range":
            let first = Int(arguments[0]) ?? 0
            for fd in held.keys where fd >= first && fd <= (Int(arguments[1]) ?? Int.max) {
                drop(fd, closed: true)
            }
        case "dup2", "dup3":
            if let to = Int(arguments[1]), arguments[0] != arguments[1] { drop(to, closed: false) }
        default: break
        }
    }

    private mutating func drop(_ fd: Int, closed: Bool) {
        guard let family = held.removeValue(forKey: fd) else { return }
        if closed { Self.add(&account.close, family) } else { Self.add(&account.released, family) }
        account.open[keyPath: family] -= 1
        account.open.total -= 1
    }

    private static func add(_ figure: inout Figure, _ family: WritableKeyPath<Figure, Int>) {
        figure[keyPath: family] += 1
        figure.total += 1
    }

    private static func family(_ arguments: [String]) -> WritableKeyPath<Figure, Int> {
        guard arguments.count == 3, ["AF_INET", "AF_INET6"].contains(arguments[0]) else { return \.other }
        let type = arguments[1].split(separator: "|").first
        let `protocol` = arguments[2]
        if type == "SOCK_STREAM" && ["IPPROTO_TCP", "IPPROTO_IP"].contains(`protocol`) { return \.tcp }
        if type == "SOCK_DGRAM" && ["IPPROTO_UDP", "IPPROTO_IP"].contains(`protocol`) { return \.udp }
        return \.other
    }
}
