import AuditStream
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// The repository's test data.
enum ReplayFixtures {
    static let folder = URL(fileURLWithPath: Repository.fixtures)
    static let sample = Repository.sample

    static func sampleLines() throws -> [String] {
        try String(contentsOfFile: sample, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}

/// A count split by family, as JSON gives it.
struct ReplayCounts: Equatable, Codable {
    var total = 0
    var tcp = 0
    var udp = 0
    var other = 0

    var adds: Bool { total == tcp + udp + other && tcp >= 0 && udp >= 0 && other >= 0 }

    static func + (a: ReplayCounts, b: ReplayCounts) -> ReplayCounts {
        ReplayCounts(
            total: a.total + b.total, tcp: a.tcp + b.tcp, udp: a.udp + b.udp, other: a.other + b.other)
    }

    mutating func add(_ family: SocketFamily) {
        total += 1
        switch family {
        case .tcp: tcp += 1
        case .udp: udp += 1
        case .other: other += 1
        }
    }
}

extension ReplayCounts {
    init(_ object: Any?) throws {
        let counts = try #require(object as? [String: Int])
        total = try #require(counts["total"])
        tcp = try #require(counts["tcp"])
        udp = try #require(counts["udp"])
        other = try #require(counts["other"])
    }
}

struct ReplayFigures: Equatable {
    var opened = ReplayCounts()
    var openedLast = ReplayCounts()
    var closed = ReplayCounts()
    var closedLast = ReplayCounts()
    var released = ReplayCounts()
    var open = ReplayCounts()

    init() {}

    init(_ object: [String: Any]) throws {
        func read(_ name: String) throws -> ReplayCounts {
            try ReplayCounts(object[name])
        }
        opened = try read("socket_tot")
        openedLast = try read("socket_last")
        closed = try read("close_tot")
        closedLast = try read("close_last")
        released = try read("released")
        open = try read("still_open")
    }

    /// SocketTOT = CloseTOT + Released + StillOPEN, for the total and for every family.
    var holds: Bool {
        closed + released + open == opened
            && [opened, openedLast, closed, closedLast, released, open].allSatisfy(\.adds)
    }
}

struct ReplayRow: Equatable {
    var node: String
    var pid: Int
    var name: String
    var state: String
    var figures: ReplayFigures
}

/// What one replay said.
struct ReplayReport {
    let code: Int32
    /// The table without what differs from host to host; nil when none was written.
    let table: NSDictionary?
    let rows: [ReplayRow]
    /// The rows whole.
    let objects: [[String: Any]]
    let totals: ReplayFigures
    /// Reasons: code to count.
    let reasons: [String: Int]
    let verdict: String

    static func run(
        _ inputs: String..., scope: Scope = .all, change: (inout WatchSettings) -> Void = { _ in }
    ) throws -> ReplayReport {
        let folder = try Scratch()
        var settings = WatchSettings()
        settings.inputs = inputs
        settings.report = "\(folder.path)/report.json"
        settings.format = .json
        settings.scope = scope
        settings.quiet = true
        change(&settings)
        let code = try OneAtATime.run { try Replay.run(settings) }
        return try ReplayReport(
            code, try? Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/report.json")))
    }

    /// All tables of one replay, in their order.
    static func tables(
        _ inputs: String..., scope: Scope = .all, change: (inout WatchSettings) -> Void
    ) throws -> [ReplayReport] {
        let folder = try Scratch()
        var settings = WatchSettings()
        settings.inputs = inputs
        settings.report = "\(folder.path)/report.json"
        settings.format = .json
        settings.scope = scope
        settings.quiet = true
        settings.utc = true
        change(&settings)
        let code = try OneAtATime.run { try Replay.run(settings) }
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/report.json"))
        return try data.split(separator: 0x0A).filter(isTable).map { try ReplayReport(code, $0) }
    }

    static func isTable(_ line: Data) -> Bool {
        line.starts(with: Data("{\"schema\":\"sockaudit.table/1\",".utf8))
    }

    init(_ code: Int32, _ data: Data?) throws {
        self.code = code
        // As a script would: lines of other schemas say what the report is of, and where it ends.
        guard let data = data?.split(separator: 0x0A).last(where: Self.isTable) else {
            (table, rows, objects, totals, reasons, verdict) = (nil, [], [], ReplayFigures(), [:], "")
            return
        }
        var object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        object["host"] = nil
        object["kernel"] = nil
        table = object as NSDictionary
        objects = try #require(object["rows"] as? [[String: Any]])
        rows = try objects.map { row in
            ReplayRow(
                node: try #require(row["node"] as? String), pid: try #require(row["pid"] as? Int),
                name: try #require(row["name"] as? String), state: try #require(row["state"] as? String),
                figures: try ReplayFigures(row))
        }
        totals = try ReplayFigures(try #require(object["totals"] as? [String: Any]))
        verdict = try #require(object["verdict"] as? String)
        var counts: [String: Int] = [:]
        for reason in try #require(object["reasons"] as? [[String: Any]]) {
            counts[try #require(reason["code"] as? String)] = try #require(reason["count"] as? Int)
        }
        reasons = counts
    }

    /// What must be true of every table, whatever went in.
    func checkSums() {
        for row in rows { #expect(row.figures.holds, "pid \(row.pid)") }
        #expect(totals.holds)
        #expect(rows.reduce(ReplayCounts()) { $0 + $1.figures.opened } == totals.opened)
        #expect(rows.reduce(ReplayCounts()) { $0 + $1.figures.open } == totals.open)
    }

    /// What the table's head says under a key.
    func head<T>(_ key: String) throws -> T { try #require(table?[key] as? T) }

    func sockets(of pid: Int) -> ReplayFigures? { rows.first { $0.pid == pid }?.figures }
}

/// A record of x86_64, as the kernel writes it.
enum ReplayLine {
    static func syscall(
        _ number: Int, exit: Int, _ arguments: String, pid: Int, serial: Int, at second: Int,
        name: String = "app"
    ) -> String {
        let values = arguments.split(separator: " ").enumerated().map { "a\($0.offset)=\($0.element)" }
        return "type=SYSCALL msg=audit(\(second).100:\(serial)): arch=c000003e syscall=\(number)"
            + " success=\(exit >= 0 ? "yes" : "no") exit=\(exit) \(values.joined(separator: " ")) items=0 ppid=1"
            + " pid=\(pid) auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3"
            + " comm=\"\(name)\" exe=\"/usr/bin/\(name)\" subj=unconfined key=\"sockaudit\""
    }

    static func socket(_ fd: Int, pid: Int, serial: Int, at second: Int) -> String {
        syscall(41, exit: fd, "2 1 0 0", pid: pid, serial: serial, at: second)
    }

    static func close(_ fd: Int, pid: Int, serial: Int, at second: Int) -> String {
        syscall(3, exit: 0, "\(String(fd, radix: 16)) 0 0 0", pid: pid, serial: serial, at: second)
    }
}
