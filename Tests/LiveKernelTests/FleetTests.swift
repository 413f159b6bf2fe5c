import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Records of several hosts, gathered by audisp-remote and a central auditd, as docs/fleet.md sets it up.
    @Suite struct ManyHosts {
        /// Recordings that were made within two seconds, and on both sides the last is of one pid, the same
        /// stamps and serials; so is one pair by its pid.
        private static let web1 = [
            Recording("dup_over"), Recording("i386_socketcall"), Recording("node", of: "web1.example"),
        ]
        private static let web2 = [
            Recording("exec_cloexec", pid: (from: 20066, to: 20212)), Recording("enriched"),
            Recording("node", of: "web2.example"),
        ]

        @Test func everyNodeHasItsOwnRows() throws {
            try Fleet.needed()
            let before = try AuditState.read()
            let fleet = try Fleet(["web1", "web2"])
            // A collector is no audit daemon to the kernel.
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            let senders = try fleet.hosts.map { try Sender($0, in: fleet) }
            for (ours, theirs) in zip(Self.web1, Self.web2) {
                try interleave(senders, [ours.records(node: "web1"), theirs.records(node: "web2")])
            }
            for sender in senders { try sender.end() }
            try eventually("the central auditd has seen them go") {
                fleet.lines().filter { $0.contains(" type=DAEMON_CLOSE ") }.count == 2
            }
            checkLog(fleet.lines())

            let table = try fleet.table()
            #expect(table.verdict == "unverified" && table.reasons.isEmpty, "\(table.doubt)")
            for (node, recordings) in [("web1", Self.web1), ("web2", Self.web2)] {
                let truths = try recordings.flatMap { try $0.truths() }
                let rows = table.rows.filter { $0.node == node }
                #expect(rows.map(\.pid).sorted() == truths.map(\.pid).sorted(), "rows of \(node)")
                for truth in truths {
                    Ran.shared.compare()
                    let row = rows.first { $0.pid == truth.pid }
                    #expect(row?.account == truth.account, "\(node) pid \(truth.pid)")
                    #expect(row?.cameOtherwise == truth.cameOtherwise, "\(node) pid \(truth.pid)")
                }
            }
            #expect(Set(table.rows.map(\.node)) == ["web1", "web2"])
            for pid in [20212, 20770] as [Int32] {
                let rows = table.rows(pid: pid)
                #expect(Set(rows.map(\.node)) == ["web1", "web2"] && rows.count == 2, "rows of pid \(pid)")
                #expect(rows.first?.account != rows.last?.account, "pid \(pid): the recordings differ")
            }
            try fleet.end()
        }

        /// One record of each, over and over: events of the two are torn apart by each other's.
        private func interleave(_ senders: [Sender], _ records: [[String]]) throws {
            for index in 0..<(records.map(\.count).max() ?? 0) {
                for (sender, lines) in zip(senders, records) where index < lines.count {
                    try sender.send(lines[index])
                }
                for sender in senders { try sender.waitUntilAllArrived() }
            }
        }

        /// That the log is what a reader has to cope with.
        private func checkLog(_ lines: [Substring]) {
            let nodes = lines.map { $0.prefix { $0 != " " } }
            let changes = zip(nodes, nodes.dropFirst()).filter { $0 != $1 }.count
            #expect(changes > 50, "\(changes) changes of node in \(lines.count) lines: not interleaved")
            #expect(lines.contains { $0.hasPrefix("node=central type=DAEMON_ACCEPT ") })
            #expect(!lines.contains { $0.contains(" type=EOE ") }, "audisp-remote leaves them out")
        }

        /// The whole way: this host's own auditd sends what the kernel writes here.
        @Test func whatThisHostsAuditdSends() throws {
            try Fleet.needed()
            let before = try AuditState.read()
            guard before.settings["pid"] == "0" else { try Skips.skip("an audit daemon of the host runs") }
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let fleet = try Fleet(["web1"])
            let host = try #require(fleet.hosts.first)
            // auditd must be in the first network namespace, and its plugin in the one with the cable.
            // It starts plugins without a PATH.
            let scratch = try Scratch()
            let program = try #require(Tool.find("audisp-remote"))
            let plugin = try scratch.write(
                "plugin",
                "#!/bin/sh\nexec nsenter --target \(host.pid) --net --mount --uts -- \(program)\n",
                mode: 0o750)
            let daemon = try AuditDaemon(
                ["name_format": "USER", "name": "web1", "freq": "1"], plugins: ["au-remote.conf": plugin])
            let watched = try Watched("counter")
            let counter = try Counter(tcp: 40, udp: 30, unix: 20)
            let live = try watched.stop()
            expect(live.last, counter.pid, is: counter.account)
            try counter.kill()
            // Rules come first and go last. What audisp-remote holds when auditd ends would be lost.
            try eventually("the last record of this host is on the central one") {
                let came = fleet.arrived(from: "web1")
                let (put, taken) = (
                    came.count { $0.contains("op=add_rule") }, came.count { $0.contains("op=remove_rule") }
                )
                return put > 0 && put == taken
            }
            let (came, own) = (
                fleet.arrived(from: "web1"), try String(contentsOfFile: daemon.log, encoding: .utf8)
            )
            let same = came == Array(own.split(separator: "\n").prefix(came.count))
            #expect(same, "the central log differs from the host's own")
            try daemon.end()
            let table = try fleet.table()
            #expect(table.verdict == "unverified", "\(table.doubt)")
            expect(table, counter.pid, is: counter.account)
            #expect(try table.row(pid: counter.pid).node == "web1")
            try fleet.end()
        }
    }
}

/// audisp-remote on one host, and what it has been given.
private final class Sender {
    private let host: FleetHost
    private let fleet: Fleet
    private let child: Child
    private var sent = 0

    init(_ host: FleetHost, in fleet: Fleet) throws {
        (self.host, self.fleet) = (host, fleet)
        child = try host.start("audisp-remote")
        // The first record of an auditd; audisp-remote connects when it has something to send.
        try send(
            "node=\(host.name) type=DAEMON_START msg=audit(\(Int(Date().timeIntervalSince1970)).000:7):"
                + " op=start ver=3.0.9 format=raw kernel=6.1.0 auid=4294967295 pid=\(child.pid) uid=0"
                + " ses=4294967295 res=success")
        try waitUntilAllArrived()
    }

    func send(_ record: String) throws {
        try child.send(record)
        if !record.contains(" type=EOE ") { sent += 1 }
    }

    func waitUntilAllArrived() throws {
        try eventually("\(sent) records of \(host.name) arrive; \(child.err)") {
            if let code = child.poll() { throw SupportError("audisp-remote ended (\(code)): \(child.err)") }
            return fleet.arrived(from: host.name).count == sent
        }
    }

    /// Its input ends, as when auditd does.
    func end() throws {
        child.closeInput()
        #expect(try child.wait() == 0, "audisp-remote keeps records to itself: \(child.err)")
    }
}

/// A recorded log and what its processes said of themselves (Tests/Fixtures).
private struct Recording {
    private let log: String
    private let node: String?
    private let pid: (from: Int32, to: Int32)?

    /// - Parameters:
    ///   - node: of the nodes in the log this one.
    ///   - pid: the process is called otherwise.
    init(_ log: String, of node: String? = nil, pid: (from: Int32, to: Int32)? = nil) {
        (self.log, self.node, self.pid) = (log, node, pid)
    }

    private func lines(_ ending: String) throws -> [String] {
        try String(contentsOfFile: "\(Host.repository)/Tests/Fixtures/logs/\(log).\(ending)", encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    /// As auditd gives them to a plugin: the node's name before each, EOE after each event.
    func records(node name: String) throws -> [String] {
        var found: [String] = []
        var event = ""
        for line in try lines("log") {
            var record = line
            if let node {
                guard line.hasPrefix("node=\(node) ") else { continue }
                record = String(line.dropFirst("node=\(node) ".count))
            }
            if let pid {
                record = record.replacingOccurrences(of: " pid=\(pid.from) ", with: " pid=\(pid.to) ")
            }
            guard let stamp = record.firstRange(of: /msg=audit\([^)]*\)/) else { continue }
            if event != record[stamp], !event.isEmpty { found.append("node=\(name) type=EOE \(event): ") }
            event = String(record[stamp])
            found.append("node=\(name) \(record)")
        }
        return found + ["node=\(name) type=EOE \(event): "]
    }

    func truths() throws -> [RecordedTruth] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try lines("truth").map { try decoder.decode(RecordedTruth.self, from: Data($0.utf8)) }
            .filter { $0.node == node }
            .map { truth in
                var truth = truth
                if let pid, truth.pid == pid.from { truth.pid = pid.to }
                return truth
            }
    }
}

private struct RecordedTruth: Decodable {
    var node: String?
    var pid: Int32
    var socketTot, closeTot, released, stillOpen: Figure
    var others: [String: OtherCount]
    var account: Account { Account(socket: socketTot, close: closeTot, released: released, open: stillOpen) }
    var cameOtherwise: [String: OtherCount] { others.filter { $0.value.opened > 0 } }
}

extension Table.Row {
    fileprivate var cameOtherwise: [String: OtherCount] { others.filter { $0.value.opened > 0 } }
}
