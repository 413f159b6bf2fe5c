/// The SockClosePercPar table for people.
public enum TextTable {
    /// How the table is to look.
    public struct Style: Equatable, Sendable {
        /// All columns: who, from where, Released and the sockets that came another way.
        public var wide = false
        /// Which of the [TCP] [UDP] [OTHER] lines to print.
        public var families = SocketFamily.allCases
        /// Seconds to add to UTC for the times in the heading.
        public var utcOffset = 0
        /// Lay the heading's lines out to this width; nil for a pipe or file.
        public var columns: Int?

        public init() {}
    }

    private static let gap = "  "

    public static func render(_ whole: Snapshot, style: Style) -> String {
        // Rows without a socket() of their own have only zeros in the plain table's columns.
        let snapshot = style.wide ? whole : whole.keeping { !$0.figures.socketTotal.isZero }
        let showsReleased = style.wide || !snapshot.totals.released.isZero
        let showsNode = snapshot.rows.contains { !$0.node.isEmpty }
        var columns = identityColumns(snapshot, style, showsNode)
        for figure in figureColumns(snapshot, style, showsReleased) { columns.append(figure) }
        var text = heading(snapshot, style)
        text += "\n" + layout(columns, rows: lines(snapshot, style).count)
        if snapshot.rows.isEmpty { text += "no sockets yet\n" }
        if let next = NextLook.line(snapshot) { text += next }
        if let growth = GrowthNote.line(whole) { text += growth }
        if snapshot.hidden > 0 { text += "and \(snapshot.hidden) more (--top); the totals contain them\n" }
        text += LeakText.block(whole, utcOffset: style.utcOffset)
        return text
    }

    // MARK: heading

    private static func heading(_ snapshot: Snapshot, _ style: Style) -> String {
        let head = snapshot.head
        var scope =
            head.scope == ["all"] ? "all processes" : head.scope.map { clean($0) }.joined(separator: " ")
        if !head.scopeNote.isEmpty { scope += " (\(clean(head.scopeNote)))" }
        var title = ["SockClosePercPar", clean(head.host), scope]
        title.append(
            "table \(head.sequence)\(head.final ? " (last)" : ""), \(head.fromInput ? "over" : "every") \(TimeText.seconds(head.interval)) s"
        )
        title.append(
            head.fromInput
                ? "until " + TimeText.dateAndTime(head.time, offset: style.utcOffset)
                : TimeText.timeOfDay(head.time, offset: style.utcOffset))
        if !head.mode.isEmpty { title.append("\(head.mode) mode") }
        var text = title.filter { !$0.isEmpty }.joined(separator: gap) + "\n"
        text += snapshot.verdict.rawValue.uppercased() + gap + "\(head.eventsSeen) events"
        text += head.eventsLost > 0 ? ", \(head.eventsLost) lost" : head.fromInput ? "" : ", none lost"
        text += "\n"
        for reason in head.reasons {
            text += gap + (reason.code.verdict == nil ? "note: " : "") + clean(reason.text) + "\n"
        }
        return text
    }

    private static func clean(_ text: String) -> String { Escaping.visible(Array(text.utf8)) }

    // MARK: columns

    private struct Column {
        var title: String
        var right = false
        var cells: [String] = []
    }

    /// Which row and family each printed line shows; nil family for the row's total.
    private static func lines(_ snapshot: Snapshot, _ style: Style) -> [(row: Row?, family: SocketFamily?)] {
        var lines: [(Row?, SocketFamily?)] = []
        let families: [SocketFamily?] = [nil] + style.families.map { $0 }
        for row in snapshot.rows { lines += families.map { (row, $0) } }
        if snapshot.rows.count + snapshot.hidden > 1 { lines += families.map { (nil, $0) } }
        return lines
    }

    private static func identityColumns(_ snapshot: Snapshot, _ style: Style, _ showsNode: Bool) -> [Column] {
        var columns: [Column] = []
        let lines = lines(snapshot, style)
        func add(_ title: String, right: Bool = false, _ cell: (Row) -> String, total: String = "") {
            let cells = lines.map { line in
                line.family != nil ? "" : line.row.map(cell) ?? total
            }
            columns.append(Column(title: title, right: right, cells: cells))
        }
        if showsNode { add("NODE") { Escaping.visible($0.node) } }
        add("PROCESS", { Escaping.visible($0.name) }, total: "TOTAL")
        add("PID", right: true) { $0.pid == 0 ? "\($0.processes)x" : "\($0.pid)" }
        add("DURATION", right: true) { TimeText.duration($0.duration) }
        if style.wide {
            add("AUID", right: true) { $0.auid == AuditEvent.unset ? "-" : "\($0.auid)" }
            add("EXE") { Escaping.visible($0.exe) }
        }
        let labels = lines.map { line in
            line.family.map { "[\($0.name.uppercased())]" }
                ?? line.row.map(\.mark)
                ?? ""
        }
        columns.append(Column(title: "", right: true, cells: labels))
        return columns
    }

    private static func figureColumns(_ snapshot: Snapshot, _ style: Style, _ showsReleased: Bool) -> [Column]
    {
        let lines = lines(snapshot, style)
        func column(_ title: String, _ pick: (Figures) -> FamilyCounts) -> Column {
            let cells = lines.map { line in
                let counts = pick(line.row?.figures ?? snapshot.totals)
                return "\(line.family.map { counts[$0] } ?? counts.total)"
            }
            return Column(title: title, right: true, cells: cells)
        }
        var columns = [
            column("SocketTOT") { $0.socketTotal }, column("SocketLAST") { $0.socketLast },
            column("CloseTOT") { $0.closeTotal }, column("CloseLAST") { $0.closeLast },
        ]
        if showsReleased { columns.append(column("Released") { $0.released }) }
        columns.append(column("StillOPEN") { $0.stillOpen })
        if style.wide {
            if snapshot.rows.contains(where: { $0.descriptors > 0 }) {
                columns.append(Column(title: "FDs", right: true, cells: lines.map(descriptors)))
            }
            columns.append(column("OthersOPEN") { $0.others.open })
            // By the way they came, where any did: how many are open.
            for origin in Origin.allCases where !snapshot.totals.others.opened(origin).isZero {
                columns.append(column(origin.title) { $0.others.open(origin) })
            }
        }
        guard style.wide || snapshot.rows.contains(where: { $0.drift != 0 }) else { return columns }
        let drift = lines.map { $0.family == nil ? $0.row.map { "\($0.drift)" } ?? "" : "" }
        columns.append(Column(title: "Drift", right: true, cells: drift))
        return columns
    }

    /// All that it holds, files too, and where that must end.
    private static func descriptors(_ line: (row: Row?, family: SocketFamily?)) -> String {
        guard line.family == nil, let row = line.row, row.descriptors > 0 else { return "" }
        return "\(row.descriptors)" + (row.descriptorLimit > 0 ? "/\(row.descriptorLimit)" : "")
    }

    private static func layout(_ columns: [Column], rows: Int) -> String {
        let widths = columns.map { column in
            max(width(column.title), column.cells.map(width).max() ?? 0)
        }
        func line(_ cells: [String]) -> String {
            var text = ""
            for (index, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: max(0, widths[index] - width(cell)))
                if index > 0 { text += gap }
                text += columns[index].right ? padding + cell : cell + padding
            }
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }
        var text = line(columns.map { $0.title })
        for index in 0..<rows { text += line(columns.map { $0.cells[index] }) }
        return text
    }

    /// Terminal cells: wide East Asian characters and emoji take two.
    static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { sum, scalar in
            switch scalar.value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
                0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
                sum + 2
            default: sum + 1
            }
        }
    }
}
