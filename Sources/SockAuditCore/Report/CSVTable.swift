/// One line a process a table: the names of JSON (interface.md) made flat, RFC 4180.
///
/// Numbers stand plain. What a process chose goes through ``Escaping/csv(_:)-([UInt8])``. What JSON has as
/// null is an empty cell.
public enum CSVTable {
    private typealias Column = (name: String, cell: (Snapshot, Row) -> String)

    /// Once, at the beginning of a file.
    public static var header: String { line(columns.map(\.name)) }

    public static func render(_ snapshot: Snapshot) -> String {
        let columns = columns
        return snapshot.rows.reduce(into: "") { text, row in
            text += line(columns.map { $0.cell(snapshot, row) })
        }
    }

    private static func line(_ cells: [String]) -> String { cells.joined(separator: ",") + "\r\n" }

    private static var columns: [Column] {
        tableColumns + processColumns + figureColumns + otherColumns + limitColumns
    }

    /// The same in all rows of a table: a row taken out of the file still says how far to believe it.
    private static var tableColumns: [Column] {
        [
            ("host", { table, _ in Escaping.csv(table.head.host) }),
            ("sequence", { table, _ in "\(table.head.sequence)" }),
            ("final", { table, _ in "\(table.head.final)" }),
            ("time", { table, _ in TimeText.iso(table.head.time) }),
            ("interval", { table, _ in JSONLines.number(table.head.interval) }),
            ("mode", { table, _ in Escaping.csv(table.head.mode) }),
            ("verdict", { table, _ in table.verdict.rawValue }),
            ("reasons", { table, _ in table.head.reasons.map(\.code.rawValue).joined(separator: " ") }),
            ("events_lost", { table, _ in "\(table.head.eventsLost)" }),
        ]
    }

    private static var processColumns: [Column] {
        [
            ("node", { Escaping.csv($1.node) }),
            ("pid", { "\($1.pid)" }),
            ("start", { TimeText.iso($1.start) }),
            ("name", { Escaping.csv($1.name) }),
            ("exe", { Escaping.csv($1.exe) }),
            ("uid", { identity($1.uid) }),
            ("auid", { identity($1.auid) }),
            ("session", { identity($1.session) }),
            ("duration", { JSONLines.number($1.duration) }),
            ("state", { $1.state.rawValue }),
            ("drift", { "\($1.drift)" }),
            ("processes", { "\($1.processes)" }),
        ]
    }

    private static var figureColumns: [Column] {
        let figures: [(String, (Figures) -> FamilyCounts)] = [
            ("socket_tot", { $0.socketTotal }), ("socket_last", { $0.socketLast }),
            ("close_tot", { $0.closeTotal }), ("close_last", { $0.closeLast }),
            ("released", { $0.released }), ("still_open", { $0.stillOpen }),
        ]
        var columns: [Column] = []
        for (name, pick) in figures {
            columns.append((name + "_total", { "\(pick($1.figures).total)" }))
            for family in SocketFamily.allCases {
                columns.append(("\(name)_\(family.name)", { "\(pick($1.figures)[family])" }))
            }
        }
        return columns
    }

    private static var otherColumns: [Column] {
        var columns: [Column] = []
        for origin in Origin.allCases where origin != .socket {
            let name = "others_\(origin.name)_"
            columns.append((name + "opened", { "\($1.figures.others.opened(origin).total)" }))
            columns.append((name + "closed", { "\($1.figures.others.closed(origin).total)" }))
            columns.append((name + "open", { "\($1.figures.others.open(origin).total)" }))
        }
        return columns
    }

    /// Known of a process that runs, and when live, only.
    private static var limitColumns: [Column] {
        [
            ("descriptors", { $1.descriptors > 0 ? "\($1.descriptors)" : "" }),
            ("descriptor_limit", { $1.descriptorLimit > 0 ? "\($1.descriptorLimit)" : "" }),
        ]
    }

    private static func identity(_ id: UInt32) -> String { id == AuditEvent.unset ? "" : "\(id)" }
}
