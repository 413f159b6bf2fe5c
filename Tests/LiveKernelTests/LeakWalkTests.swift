import Foundation
import Glibc
import Testing

/// docs/leaks.md: its commands, in their order.
struct LeakWalk {
    private let commands: [String]

    init() throws {
        let text = try String(contentsOfFile: Host.repository + "/docs/leaks.md", encoding: .utf8)
        commands = text.split(separator: "\n").filter { $0.hasPrefix("$ ") }.map {
            String($0.dropFirst(2)).replacingOccurrences(of: "sudo ", with: "")
        }
    }

    /// The only command that begins and ends so, in words.
    func words(_ start: String, _ end: String = "") throws -> [String] {
        let found = Set(commands.filter { $0.hasPrefix(start) && $0.hasSuffix(end) })
        guard let command = found.first, found.count == 1 else {
            throw LiveError("docs/leaks.md has \(found.count) commands '\(start) ... \(end)'")
        }
        return command.split(separator: " ").map(String.init)
    }

    /// What all of them begin with.
    var programs: [String] { commands.map { String($0.prefix { $0 != " " }) } }
}

/// A running Examples/leaky.py.
final class Leaky {
    let child: Child
    /// The shop, which leaks; its address, and that of the service it asks.
    let pid: pid_t
    let shop: String
    let stock: String

    init(_ words: [String], through: [String] = []) throws {
        let words = through + [Tool.python, Host.repository + "/" + words[1]] + words.dropFirst(2)
        let child = try Child(words[0], Array(words.dropFirst()))
        _ = try child.outLine("customer: ")
        func part(_ name: String) throws -> [String] {
            try child.outLine(name + ": pid ").split(separator: " ").map { $0.filter { $0 != "," } }
        }
        let shop = try part("shop")
        self.child = child
        self.shop = shop[3]
        stock = try part("stock")[3]
        pid = pid_t(shop[2]) ?? 0
    }

    func end() throws {
        child.closeInput()
        #expect(try child.wait() == 0, "\(child.err)")
    }
}

/// A socket as ss(8) shows it: the oracle.
struct ShownSocket: Hashable {
    var fd: Int
    var state: String
    var local: String
    var peer: String

    /// - Parameter through: what ss is run by, to be in another network namespace.
    static func of(_ pid: pid_t, through: [String] = []) throws -> Set<ShownSocket> {
        let words = through + ["ss", "-tanpH"]
        var found: Set<ShownSocket> = []
        for line in try run(words[0], Array(words.dropFirst())).out.split(separator: "\n") {
            let columns = line.split(separator: " ").map(String.init)
            guard let at = line.range(of: "pid=\(pid),fd="), columns.count > 4 else { continue }
            let fd = Int(line[at.upperBound...].prefix { $0.isNumber }) ?? -1
            let state =
                columns[0] == "ESTAB" ? "ESTABLISHED" : columns[0].replacingOccurrences(of: "-", with: "_")
            found.insert(ShownSocket(fd: fd, state: state, local: columns[3], peer: columns[4]))
        }
        return found
    }
}

/// One of a row's `leaks`.
struct LeakLine: Decodable {
    var pid: Int32
    var name: String
    var uid: UInt32?
    var fd: Int
    var origin: String
    var age: Double?
    var opened: String?
    var serial: UInt64?
    var thread: String
    var state: String?
    var local: String?
    var peer: String?

    var shown: ShownSocket {
        ShownSocket(fd: fd, state: state ?? "?", local: local ?? "?", peer: peer ?? "?")
    }
}

/// A row's evidence beside its figures.
struct LeakRow: Decodable {
    var pid: Int32
    var grows: Bool
    var growthPerMinute: Double?
    var descriptorLimit: Int?
    var secondsToLimit: Double?
    var leaks: [LeakLine]
    var leaksTotal, leaksCloseWait, leaksUnreadable: Int

    private struct Whole: Decodable { var rows: [LeakRow] }

    static func of(_ pid: pid_t, _ table: String) throws -> LeakRow {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let rows = try decoder.decode(Whole.self, from: Data(table.utf8)).rows.filter { $0.pid == pid }
        guard let row = rows.first, rows.count == 1 else { throw LiveError("\(rows.count) rows of \(pid)") }
        return row
    }
}

extension Live {
    @Suite struct LeakWalks {
        /// From the table to the record in a real auditd's log, with the commands of docs/leaks.md.
        @Test func theWalk() throws {
            try Skips.need("ss", "ausearch", "jq")
            let walk = try LeakWalk()
            #expect(Set(walk.programs) == ["python3", "sockaudit", "ss", "ausearch"])
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let daemon = try AuditDaemon()
            let leaky = try Leaky(try walk.words("python3", "0.2"))

            // 1. and 2.: the table, the mark, the line.
            let look = try walk.words("sockaudit leaky.py", "--leaks")
            let table = try sockaudit(look)
            let last = try #require(table.components(separatedBy: "SockClosePercPar").last)
            let row = try #require(last.split(separator: "\n").first { $0.contains(" \(leaky.pid) ") })
            #expect(row.contains(" grows "), "\(last)")
            #expect(last.contains("\ngrows: leaky (\(leaky.pid)) "), "\(last)")
            #expect(
                !last.contains("could not be read"), "we run as an unprivileged user with two capabilities")
            let lines = last.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            let leak = try #require(
                lines.first {
                    $0.contains("CLOSE_WAIT") && $0.contains("socket") && $0.contains(leaky.stock)
                }, "\(last)")
            let (fd, serial) = (leak[5], try #require(leak.last))
            #expect(leak[8] == "orders" && (Int(leak[0]) ?? 0) > 10, "\(leak)")
            let accepted = try #require(
                lines.first { $0.contains("CLOSE_WAIT") && $0.contains("accept") }, "\(last)")
            #expect(accepted[6] == leaky.shop, "\(accepted)")

            // Another program sees the same socket.
            let words = try walk.words("ss")
            let shown = try run(words[0], Array(words.dropFirst())).out.split(separator: "\n")
            let same = try #require(shown.first { $0.contains("pid=\(leaky.pid),fd=\(fd))") }, "\(shown)")
            #expect(same.contains(" \(leaky.stock) "), "\(same)")

            // One by one.
            let json = try walk.words("sockaudit leaky.py", ".serial]'").joined(separator: " ")
            let piped = json.replacingOccurrences(
                of: "sockaudit leaky.py", with: Host.sockaudit + " leaky.py")
            let listed = try run("sh", ["-c", piped], within: 120)
            #expect(
                listed.out.contains("[\(leaky.pid),")
                    && listed.out.contains("\"\(leaky.stock)\",\"orders\","), "\(listed)")

            // 4.: repaired, it does not grow.
            try leaky.end()
            let fixed = try Leaky(try walk.words("python3", "--fixed"))
            let calm = try sockaudit(look)
            let end = try #require(calm.components(separatedBy: "SockClosePercPar").last)
            #expect(end.contains(" \(fixed.pid) ") && !end.contains("grows"), "\(end)")
            try fixed.end()

            // 3.: the record, once auditd has written all it has.
            try daemon.end()
            let search = try walk.words("ausearch -a")
            let found = try run("ausearch", ["-a", serial] + search.dropFirst(3) + ["-if", daemon.log])
            let record = try #require(
                found.out.split(separator: "\n").first { $0.contains("type=SYSCALL") }, "\(found)")
            for part in ["syscall=socket ", " exit=\(fd) ", " pid=\(leaky.pid) ", " comm=orders "] {
                #expect(record.contains(part), "\(record)")
            }
            #expect(found.out.contains("Examples/leaky.py --every 0.2"), "\(found.out)")
            try old(walk, daemon.logFolder, leaky.pid, fd: fd, serial: serial)
        }

        /// The same from the log.
        private func old(_ walk: LeakWalk, _ log: String, _ pid: pid_t, fd: String, serial: String) throws {
            let words = try walk.words("sockaudit leaky.py", "--older-than 5").map {
                $0 == "/var/log/audit" ? log : $0
            }
            let text = try sockaudit(words)
            #expect(!text.contains("CLOSE_WAIT") && text.contains("open sockets older than 5 s"))
            let row = try LeakRow.of(pid, try sockaudit(words + ["--format", "json"]))
            let leak = try #require(row.leaks.first { "\($0.serial ?? 0)" == serial })
            #expect(
                "\(leak.fd)" == fd && leak.thread == "orders" && leak.origin == "socket" && leak.peer == nil)
            #expect(row.leaks.allSatisfy { ($0.age ?? 5) >= 5 })
        }

        private func sockaudit(_ words: [String]) throws -> String {
            let done = try run(Host.sockaudit, Array(words.dropFirst()), within: 120)
            #expect([0, 4].contains(done.code), "\(words): \(done.code) \(done.err)")
            return done.out
        }

        /// Every socket with its state and both ends, as ss shows them.
        @Test func everySocketIsWhatSsShows() throws {
            try Skips.need("ss")
            let watched = try Watched(options: ["--interval", "1", "--leaks"])
            let leaky = try Leaky(["python3", "Examples/leaky.py", "--every", "0.05", "--orders", "30"])
            _ = try leaky.child.outLine("ordered 30")
            try agree(watched, leaky) { try ShownSocket.of(leaky.pid) }
            let row = try LeakRow.of(leaky.pid, try #require(watched.child.outLines.last))
            #expect(row.leaksTotal == 61 && row.leaksCloseWait == 60 && row.leaksUnreadable == 0)
            #expect(
                row.leaks.count {
                    $0.state == "CLOSE_WAIT" && $0.origin == "accept" && $0.local == leaky.shop
                } == 30)
            #expect(
                row.leaks.count {
                    $0.state == "CLOSE_WAIT" && $0.origin == "socket" && $0.peer == leaky.stock
                } == 30)
            #expect(row.leaks.last?.state == "LISTEN" && row.leaks.last?.thread == "python3")
            #expect(
                row.leaks.dropLast().allSatisfy { $0.thread == "orders" && $0.serial != nil && $0.uid == 0 })
            #expect(Set(row.leaks.map(\.serial)).count == 61, "each by a call of its own")
            #expect(row.descriptorLimit ?? 0 > 60)
            try leaky.end()
            _ = try watched.stop()
        }

        /// A process's sockets are looked for in its own network namespace.
        @Test func anotherNetworkNamespace() throws {
            try Skips.need("ss", "unshare", "nsenter", "ip")
            let watched = try Watched(options: ["--interval", "1", "--leaks"])
            let here = try Leaky(["python3", "Examples/leaky.py", "--every", "0.05", "--orders", "5"])
            let there = try Leaky(
                ["python3", "Examples/leaky.py", "--every", "0.05", "--orders", "7"],
                through: ["unshare", "-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
            _ = try here.child.outLine("ordered 5")
            _ = try there.child.outLine("ordered 7")
            try agree(watched, here) { try ShownSocket.of(here.pid) }
            try agree(watched, there) {
                try ShownSocket.of(there.pid, through: ["nsenter", "-n", "-t", "\(there.pid)"])
            }
            #expect(try ShownSocket.of(there.pid).isEmpty, "our own namespace knows nothing of them")
            let row = try LeakRow.of(there.pid, try #require(watched.child.outLines.last))
            #expect(row.leaksCloseWait == 14 && row.leaksUnreadable == 0)
            try here.end()
            try there.end()
            _ = try watched.stop()
        }

        /// Nothing more happens: the next tables are the same as what ss shows.
        private func agree(_ watched: Watched, _ leaky: Leaky, _ oracle: () throws -> Set<ShownSocket>) throws
        {
            var (ours, theirs): (Set<ShownSocket>, Set<ShownSocket>) = ([], [])
            try eventually("sockaudit shows what ss does: \(watched.child.err)") {
                theirs = try oracle()
                _ = try watched.nextTable()
                let row = try LeakRow.of(leaky.pid, try #require(watched.child.outLines.last))
                ours = Set(row.leaks.map(\.shown))
                return try ours == theirs && theirs == oracle()
            }
            Ran.shared.compare()
            #expect(ours == theirs && !ours.isEmpty)
        }

        /// Without CAP_SYS_PTRACE another user's /proc is closed: what could not be seen is counted, not hidden.
        @Test func whatMayNotBeReadIsSaid() throws {
            try Skips.need("setpriv")
            let leaky = try Leaky(["python3", "Examples/leaky.py", "--every", "0.2"])
            let done = try run(
                "setpriv",
                [
                    "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", Host.sockaudit, "leaky.py",
                    "--interval", "2", "--count", "1", "--leaks",
                ],
                within: 120)
            #expect(done.code == 4, "\(done.code) \(done.err)")
            #expect(done.out.contains("sockets could not be read: /proc/PID/net"), "\(done.out)")
            try leaky.end()
        }
    }
}
