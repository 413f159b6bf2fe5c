import Foundation
import TestSupport
import Testing

/// A figure: total and its three parts, as in interface.md.
struct Figure: Codable, Equatable, CustomStringConvertible {
    var total = 0
    var tcp = 0
    var udp = 0
    var other = 0

    init(tcp: Int = 0, udp: Int = 0, other: Int = 0) {
        (self.tcp, self.udp, self.other) = (tcp, udp, other)
        total = tcp + udp + other
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        tcp = try values.decode(Int.self, forKey: .tcp)
        udp = try values.decode(Int.self, forKey: .udp)
        other = try values.decode(Int.self, forKey: .other)
        // A truth file has no total.
        total = try values.decodeIfPresent(Int.self, forKey: .total) ?? tcp + udp + other
    }

    var description: String { "\(total)(\(tcp)/\(udp)/\(other))" }
    var parts: [Int] { [total, tcp, udp, other] }

    static func + (a: Figure, b: Figure) -> Figure {
        Figure(tcp: a.tcp + b.tcp, udp: a.udp + b.udp, other: a.other + b.other)
    }
}

/// What is compared: said by a workload of itself, or by a row.
struct Account: Equatable, CustomStringConvertible {
    var socket = Figure()
    var close = Figure()
    var released = Figure()
    var open = Figure()
    var description: String { "socket \(socket) close \(close) released \(released) open \(open)" }
    /// All that was open has been released: the process ended.
    var ended: Account { Account(socket: socket, close: close, released: released + open, open: Figure()) }
}

/// Sockets that came another way than socket().
struct OtherCount: Codable, Equatable {
    var opened, closed, open: Int
}

/// One line of a workload's truth.
struct Truth: Decodable {
    var phase: String
    var pid: Int32
    var socket: Figure
    var close: Figure
    var released: Figure
    var open: Figure
    /// Only strace's account has it.
    var others: [String: OtherCount]?
    var account: Account { Account(socket: socket, close: close, released: released, open: open) }

    static func parse(_ line: String) throws -> Truth {
        try JSONDecoder().decode(Truth.self, from: Data(line.utf8))
    }
}

struct Table: Decodable {
    struct Reason: Decodable {
        var code: String
        var count: Int
        var text: String
    }
    struct Row: Decodable {
        var node: String
        var pid: Int32
        var start: String
        var name: String
        var exe: String
        var state: String
        /// Seconds.
        var duration: Double
        var drift: Int
        var socketTot, socketLast, closeTot, closeLast, released, stillOpen: Figure
        var others: [String: OtherCount]

        /// What /proc/PID/fd should show, whoever opened it.
        var sockets: Int { stillOpen.total + others.values.reduce(0) { $0 + $1.open } }
        var account: Account {
            Account(socket: socketTot, close: closeTot, released: released, open: stillOpen)
        }
    }
    var schema: String
    var sequence: Int
    var final: Bool
    /// Seconds.
    var interval: Double
    /// By the clock on the wall, as ISO 8601.
    var time: String
    var scope: [String]
    var mode: String
    var source: String
    var verdict: String
    var reasons: [Reason]
    var rows: [Row]

    static func parse(_ line: String) throws -> Table {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do { return try decoder.decode(Table.self, from: Data(line.utf8)) } catch {
            throw SupportError("no table: \(error): \(line.prefix(300))")
        }
    }

    func rows(pid: Int32) -> [Row] { rows.filter { $0.pid == pid } }

    /// The one row of a process.
    func row(pid: Int32) throws -> Row {
        let found = rows(pid: pid)
        guard let row = found.first, found.count == 1 else {
            throw SupportError("\(found.count) rows of pid \(pid) in table \(sequence): \(found)")
        }
        return row
    }

    func reason(_ code: String) -> Reason? { reasons.first { $0.code == code } }
    var codes: Set<String> { Set(reasons.map(\.code)) }
    var doubt: String { "\(verdict) \(reasons.map { "\($0.code)=\($0.count)" })" }

    /// SocketTOT = CloseTOT + Released + StillOPEN, in total and split, nothing negative, in every row.
    func checkSums(_ location: SourceLocation) {
        for row in rows {
            let figures = [
                row.socketTot, row.socketLast, row.closeTot, row.closeLast, row.released, row.stillOpen,
            ]
            let whole = figures.allSatisfy {
                $0.total == $0.tcp + $0.udp + $0.other && $0.parts.allSatisfy { $0 >= 0 }
            }
            let sums = row.socketTot == row.closeTot + row.released + row.stillOpen
            if !whole || !sums {
                Issue.record("table \(sequence): a row does not add up: \(row)", sourceLocation: location)
            }
        }
    }
}

/// Demands that the table knows of this process exactly what it says of itself.
func expect(
    _ table: Table, _ pid: Int32, is account: Account, state: String? = nil,
    location: SourceLocation = #_sourceLocation
) {
    Ran.shared.compare()
    do {
        let row = try table.row(pid: pid)
        #expect(
            row.account == account, "pid \(pid) in a table that is \(table.doubt)", sourceLocation: location)
        if let state { #expect(row.state == state, "pid \(pid)", sourceLocation: location) }
    } catch { Issue.record(error, sourceLocation: location) }
}
