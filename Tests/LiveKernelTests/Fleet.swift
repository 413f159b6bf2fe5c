import Foundation
import Glibc
import TestSupport
import Testing

/// A host of its own: namespaces for network, mounts and host name. They live as long as the processes
/// in them, so nothing is left when the tests are killed. The kernel's audit stream exists in the first
/// network namespace only.
final class FleetHost {
    let name: String
    private let holder: Child

    init(_ name: String) throws {
        self.name = name
        // Another /run: no daemon in here writes its pid over that of the host's, or reaches its syslog.
        let script =
            "hostname \(name) && mount -t tmpfs tmpfs /run && ip link set lo up && echo up && exec cat"
        holder = try Child("unshare", ["--net", "--mount", "--uts", "--", "sh", "-c", script])
        _ = try holder.outLine("up")
    }

    var pid: pid_t { holder.pid }

    private func inside(_ command: [String]) -> [String] {
        ["--target", "\(pid)", "--net", "--mount", "--uts", "--"] + command
    }

    /// nsenter becomes the program: signals and the exit code are the program's.
    func start(_ command: String...) throws -> Child { try Child("nsenter", inside(command)) }

    @discardableResult
    func run(_ command: String...) throws -> String {
        let done = try LiveKernelTests.run("nsenter", inside(command))
        guard done.code == 0 else { throw SupportError("\(name): \(command): \(done.code) \(done.err)") }
        return done.out
    }

    /// What the network namespace is called in /proc.
    var network: String? { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/net") }

    func end() throws {
        holder.closeInput()
        #expect(try holder.wait() == 0, "\(holder.err)")
    }
}

/// Hosts that are joined to a central one, where an audit daemon takes in what they send.
final class Fleet {
    let center: FleetHost
    let hosts: [FleetHost]
    private let folder: AuditDaemonFolder
    private let scratch: Scratch
    private let daemon: Child
    var log: String { folder.log }

    private static let tools = ["auditd", "audisp-remote", "ip", "ss", "nsenter", "unshare"]

    static func needed() throws {
        for tool in tools { try Skips.need(tool) }
        let probe = try run(
            "unshare", ["--net", "--mount", "--uts", "--", "mount", "-t", "tmpfs", "tmpfs", "/run"])
        if probe.code != 0 { try Skips.skip("no namespaces can be made here: \(probe.err)") }
    }

    init(_ names: [String]) throws {
        scratch = try Scratch()
        // A collector: without events of its own host it leaves the kernel's audit alone. freq: with more,
        // the last records would stay in its memory.
        folder = try AuditDaemonFolder([
            "local_events": "no", "freq": "1", "name_format": "HOSTNAME", "tcp_listen_port": "60",
            "tcp_max_per_addr": "1",
        ])
        center = try FleetHost("central")
        hosts = try names.map { try FleetHost($0) }
        for (index, host) in hosts.enumerated() { try Self.join(center, host, index, scratch) }
        daemon = try center.start("auditd", "-n", "-c", folder.path)
        let (center, daemon) = (center, daemon)
        try eventually("the central auditd listens; \(daemon.err)") {
            if let code = daemon.poll() {
                throw SupportError("the central auditd ended (\(code)): \(daemon.err)")
            }
            return try center.run("ss", "-ltnH").contains(":60 ")
        }
    }

    /// One cable to the central host, and on the host's side the configuration of audisp-remote, whose
    /// path is fixed: put over the host's own, which stays as it is.
    private static func join(_ center: FleetHost, _ host: FleetHost, _ index: Int, _ scratch: Scratch) throws
    {
        let (here, there) = ("192.0.2.\(4 * index + 1)", "192.0.2.\(4 * index + 2)")
        let cable = "to-\(host.name)"
        try center.run(
            "ip", "link", "add", cable, "type", "veth", "peer", "name", "uplink", "netns", "\(host.pid)")
        for (side, device, address) in [(center, cable, here), (host, "uplink", there)] {
            try side.run("ip", "address", "add", "\(address)/30", "dev", device)
            try side.run("ip", "link", "set", device, "up")
        }
        let own = try scratch.write(
            "\(host.name).conf",
            """
            remote_server = \(here)
            port = 60
            transport = tcp
            mode = immediate
            queue_depth = 10240
            format = managed
            network_failure_action = stop

            """, mode: 0o640)
        try host.run("mount", "--bind", own, "/etc/audit/audisp-remote.conf")
    }

    /// The records of a node that have come in.
    func arrived(from node: String) -> [Substring] { lines().filter { $0.hasPrefix("node=\(node) ") } }

    func lines() -> [Substring] {
        let data = FileManager.default.contents(atPath: log) ?? Data()
        // The last one may still be on its way.
        return String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast()
    }

    /// The table that the central log gives.
    func table() throws -> Table {
        let done = try run(Host.sockaudit, ["all", "--input", log, "--format", "json"])
        #expect(done.code == 0, "\(done.err)")
        let table = try Table.parse(done.out)
        table.checkSums(#_sourceLocation)
        return table
    }

    /// Ends all of it, and demands that nothing is left.
    func end() throws {
        let networks = ([center] + hosts).map(\.network)
        daemon.signal(SIGTERM)
        #expect(try daemon.wait() == 0, "\(daemon.err)")
        for host in hosts + [center] { try host.end() }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let used = names.filter { pid_t($0) != nil }.map {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/ns/net")
        }
        for network in networks {
            #expect(network != nil && !used.contains(network), "a process is left in \(network ?? "-")")
        }
    }
}
