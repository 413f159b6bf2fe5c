import Foundation
import Glibc
import TestSupport
import Testing

/// The sockets of every process at one moment: /proc/PID/fd.
struct HostSockets {
    struct Process: Hashable {
        var pid: pid_t
        /// Clock ticks since boot.
        var start: String
    }
    /// By process: descriptor and what it links to.
    let held: [Process: [String: String]]

    init() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var held: [Process: [String: String]] = [:]
        for pid in names.compactMap({ pid_t($0) }) {
            guard let stat = Proc.stat(pid), stat.count > 19, stat[0] != "Z" else { continue }
            held[Process(pid: pid, start: String(stat[19]))] = Proc.socketLinks(pid)
        }
        self.held = held
    }

    /// Those that were the same at both moments, and so between them.
    func same(in later: HostSockets) -> [Process: [String: String]] {
        held.filter { later.held[$0.key] == $0.value }
    }
}

extension Live {
    /// Many programs at once, all still: a table against /proc, process by process and both ways.
    @Suite struct BusyHost {
        @Test(arguments: ["standard", "full"])
        func everyProcessAgainstProc(mode: String) throws {
            try Skips.need(
                "strace", "nginx", "curl", "bash", "redis-server", "redis-benchmark", "redis-cli", "sshd",
                "ssh", "ssh-keygen")
            try SecureShell.needOpenAccount()
            let before = HostSockets()
            let watched = try Watched(options: ["--mode", mode])
            let programs = try BusyPrograms()
            try programs.work()
            try programs.waitStill()

            let first = HostSockets()
            let run = try watched.stop()
            let still = first.same(in: HostSockets())
            try compare(run.last, still, whoMustHaveRow(before))
            try programs.checkAccounts(run.last)
            // What was started must be among what was compared.
            let compared = Set(still.filter { !$0.value.isEmpty }.map(\.key.pid))
            for (name, pids) in programs.pids {
                #expect(!pids.isEmpty && compared.isSuperset(of: pids), "\(name): \(pids)")
            }
            try programs.end()
        }

        /// Everyone whose parent was audited, or is this test, which leaves its children none: also those
        /// who inherited their sockets and asked for none.
        private func whoMustHaveRow(_ before: HostSockets) -> Set<pid_t> {
            let ours = Set(Proc.descendants(getpid())).subtracting([getpid()])
            let old = Set(before.held.keys.map(\.pid))
            let strangers = Proc.parents().filter { !old.contains($0.key) && !old.contains($0.value) }
            return ours.union(strangers.keys)
        }

        /// Every running row against what its process holds, and a row for each of these that holds
        /// sockets.
        private func compare(
            _ table: Table, _ still: [HostSockets.Process: [String: String]], _ rowed: Set<pid_t>
        ) throws {
            var compared = 0
            let links = Dictionary(uniqueKeysWithValues: still.map { ($0.key.pid, $0.value) })
            // This program works meanwhile itself: it starts and ends others.
            for row in table.rows where row.state == "running" && row.pid != getpid() {
                // A stranger that worked meanwhile can be compared with nothing.
                guard let held = links[row.pid] else { continue }
                #expect(row.sockets == held.count, "\(row.name) \(row.pid): \(held), row \(row)")
                if rowed.contains(row.pid) { #expect(row.drift == 0, "\(row.name) \(row.pid)") }
                compared += 1
                Ran.shared.compare()
            }
            for (process, held) in still where !held.isEmpty && rowed.contains(process.pid) {
                let rows = table.rows(pid: process.pid).filter { $0.state == "running" }
                let name = Proc.comm(process.pid) ?? "?"
                #expect(rows.count == 1, "\(name) \(process.pid) holds \(held)")
            }
            print("live: busy host: \(compared) rows against /proc, \(table.rows.count) rows, \(table.doubt)")
        }
    }
}

/// Servers with clients that stay, counters, and the random workload.
final class BusyPrograms {
    let web: WebServer
    let nginx: Nginx
    let redis: Redis
    let shell: SecureShell
    let counters: [Counter]
    let chaos: Chaos
    private var clients: [BashClient] = []
    private var redisClients: [Child] = []
    private var logins: [Child] = []

    init() throws {
        web = try WebServer()
        nginx = try Nginx(upstream: web.port)
        redis = try Redis()
        shell = try SecureShell(traced: true)
        counters = try [
            Counter(tcp: 300, udp: 0, unix: 20, permille: 100),
            Counter(tcp: 5, udp: 50, unix: 5, permille: 900),
            Counter(tcp: 1, udp: 1, unix: 1, permille: 0),
        ]
        chaos = try Chaos(seed: 4_711, procs: 12, steps: 100, calm: true)
    }

    /// Some of everything, and some that stays.
    func work() throws {
        let curls =
            try Load.start(web.url, clients: 2, each: 20) + Load.start(nginx.url, clients: 2, each: 20)
        let benchmark = try redis.benchmark(unix: true)
        for _ in 0..<2 { #expect(try shell.login() == 0) }
        try Load.finish(curls)
        #expect(try benchmark.child.wait(120) == 0)
        clients = try [BashClient(web.port), BashClient(web.port), BashClient(redis.port)]
        redisClients = try [redis.client(unix: true), redis.client(unix: false)]
        logins = try [shell.hold(), shell.holdWithoutCommand(user: "nobody")]
    }

    func waitStill() throws {
        try eventually("the web server has only what is held") { Proc.sockets(web.pid) == 3 }
        try eventually("redis has only what is held") { Proc.sockets(redis.pid) == 5 }
        try eventually("sshd has only what is held") { shell.processes.count == 5 }
    }

    /// By name, what must be there.
    var pids: [String: [pid_t]] {
        [
            "web": [web.pid], "nginx": nginx.pids, "redis": [redis.pid],
            "sshd": [shell.pid] + Proc.descendants(shell.pid).filter { Proc.sockets($0) > 0 },
            "counters": counters.map(\.pid), "clients": clients.map(\.child.pid),
            "redis-cli": redisClients.map(\.pid), "ssh": logins.map(\.pid),
            "chaos": Proc.descendants(chaos.child.pid).filter { Proc.sockets($0) > 0 },
        ]
    }

    /// Those of them that know what they did.
    func checkAccounts(_ table: Table) throws {
        for counter in counters { expect(table, counter.pid, is: counter.account, state: "running") }
        expect(table, agreesWith: try shell.subject.truths())
        for truth in try chaos.truths() where truth.socket.total > 0 {
            expect(table, truth.pid, is: truth.account, state: truth.phase == "end" ? "exited" : "running")
        }
    }

    func end() throws {
        for counter in counters { try counter.kill() }
        try chaos.go()
        for client in clients { try client.end() }
        for client in redisClients + [logins[0]] {
            client.closeInput()
            #expect(try client.wait() == 0, "\(client.err)")
        }
        logins[1].signal(SIGTERM)
        _ = try logins[1].wait()
        try nginx.end()
        try redis.end()
        try web.end()
        try eventually("the held logins are gone") { shell.processes.count == 1 }
        try shell.end()
    }
}
