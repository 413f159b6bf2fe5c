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
        pieces(whole, style: style).joined()
    }

    /// The table in pieces: cells are made when their line is, and before that once for their widths.
    public static func pieces(_ whole: Snapshot, style: Style) -> TablePieces {
        // Rows without a socket() of their own have only zeros in the plain table's columns.
        let isShown = { (row: Row) in style.wide || !row.figures.socketTotal.isZero }
        let snapshot = whole.rows.allSatisfy(isShown) ? whole : whole.keeping(isShown)
        let showsReleased = style.wide || !snapshot.totals.released.isZero
        let showsNode = snapshot.rows.contains { !$0.node.isEmpty }
        let columns = identityColumns(style, showsNode) + figureColumns(snapshot, style, showsReleased)
        let lines = Lines(snapshot: snapshot, families: [nil] + style.families)
        let widths = widths(columns, lines)
        var row = 0
        var isDone = false
        let titles = layout(columns, columns.map(\.title), widths)
        return TablePieces(first: heading(snapshot, style) + "\n" + titles) {
            if isDone { return nil }
            var text = ""
            let end = min(row + TablePieces.rows, lines.rows)
            for place in row..<end {
                for line in lines.of(row: place) {
                    text += layout(columns, columns.map { $0.cell(line) }, widths)
                }
            }
            row = end
            if row == lines.rows {
                text += tail(snapshot, of: whole, style)
                isDone = true
            }
            return text
        }
    }

    private static func tail(_ snapshot: Snapshot, of whole: Snapshot, _ style: Style) -> String {
        var text = snapshot.rows.isEmpty ? "no sockets yet\n" : ""
        if let next = NextLook.line(whole) { text += next }
        if let growth = GrowthNote.line(whole) { text += growth }
        if snapshot.hidden > 0 { text += "and \(snapshot.hidden) more (--top); the totals contain them\n" }
        text += LeakText.block(whole, utcOffset: style.utcOffset)
        return text
    }

    // MARK: heading

    private static func heading(_ snapshot: Snapshot, _ style: Style) -> String {
        let head = snapshot.head
        var scope =
            head.scope == ["all"]
            ? "all processes" : head.scope.map { Escaping.short($0) }.joined(separator: " ")
        if !head.scopeNote.isEmpty { scope += " (\(Escaping.sentence(head.scopeNote)))" }
        var title = ["SockClosePercPar", Escaping.short(head.host), scope]
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
            text += gap + (reason.code.verdict == nil ? "note: " : "") + Escaping.sentence(reason.text) + "\n"
        }
        return text
    }

    // MARK: columns

    private struct Column {
        var title: String
        var right = false
        var cell: (Line) -> String
    }

    /// What a printed line shows: a row, nil for the sum of all, and of it one family, nil for its total.
    private struct Line {
        var row: Row?
        var family: SocketFamily?
    }

    private struct Lines {
        let snapshot: Snapshot
        let families: [SocketFamily?]

        /// With the sum, where there is one.
        var rows: Int {
            snapshot.rows.count + (snapshot.rows.count + snapshot.hidden > 1 ? 1 : 0)
        }

        func of(row: Int) -> [Line] {
            let row = row < snapshot.rows.count ? snapshot.rows[row] : nil
            return families.map { Line(row: row, family: $0) }
        }
    }

    private static func identityColumns(_ style: Style, _ showsNode: Bool) -> [Column] {
        var columns: [Column] = []
        func add(
            _ title: String, right: Bool = false, _ cell: @escaping (Row) -> String, total: String = ""
        ) {
            columns.append(
                Column(title: title, right: right) { line in
                    line.family != nil ? "" : line.row.map(cell) ?? total
                })
        }
        if showsNode { add("NODE") { Escaping.short($0.node) } }
        add("PROCESS", { Escaping.short($0.name) }, total: "TOTAL")
        add("PID", right: true) { $0.pid == 0 ? "\($0.processes)x" : "\($0.pid)" }
        add("DURATION", right: true) { TimeText.duration($0.duration) }
        if style.wide {
            add("AUID", right: true) { $0.auid == AuditEvent.unset ? "-" : "\($0.auid)" }
            add("EXE") { Escaping.short($0.exe, columns: 2 * Escaping.nameColumns) }
        }
        columns.append(
            Column(title: "", right: true) { line in
                line.family.map { "[\($0.name.uppercased())]" }
                    ?? line.row.map(\.mark)
                    ?? ""
            })
        return columns
    }

    private static func figureColumns(_ snapshot: Snapshot, _ style: Style, _ showsReleased: Bool) -> [Column]
    {
        func column(_ title: String, _ pick: @escaping (Figures) -> FamilyCounts) -> Column {
            Column(title: title, right: true) { line in
                let counts = pick(line.row?.figures ?? snapshot.totals)
                return "\(line.family.map { counts[$0] } ?? counts.total)"
            }
        }
        var columns = [
            column("SocketTOT") { $0.socketTotal }, column("SocketLAST") { $0.socketLast },
            column("CloseTOT") { $0.closeTotal }, column("CloseLAST") { $0.closeLast },
        ]
        if showsReleased { columns.append(column("Released") { $0.released }) }
        columns.append(column("StillOPEN") { $0.stillOpen })
        if style.wide {
            if snapshot.rows.contains(where: { $0.descriptors > 0 }) {
                // All that it holds, files too, and where that must end.
                columns.append(
                    Column(title: "FDs", right: true) {
                        $0.family == nil ? $0.row.map(descriptors) ?? "" : ""
                    })
            }
            columns.append(column("OthersOPEN") { $0.others.open })
            // By the way they came, where any did: how many are open.
            for origin in Origin.allCases where !snapshot.totals.others.opened(origin).isZero {
                columns.append(column(origin.title) { $0.others.open(origin) })
            }
        }
        guard style.wide || snapshot.rows.contains(where: { $0.drift != 0 }) else { return columns }
        columns.append(
            Column(title: "Drift", right: true) { line in
                line.family == nil ? line.row.map { "\($0.drift)" } ?? "" : ""
            })
        return columns
    }

    static func descriptors(_ row: Row) -> String {
        guard row.descriptors > 0 else { return "" }
        return "\(row.descriptors)" + (row.descriptorLimit > 0 ? "/\(row.descriptorLimit)" : "")
    }

    private static func widths(_ columns: [Column], _ lines: Lines) -> [Int] {
        var widths = columns.map { Escaping.displayWidth($0.title) }
        for row in 0..<lines.rows {
            for line in lines.of(row: row) {
                for (index, column) in columns.enumerated() {
                    widths[index] = max(widths[index], Escaping.displayWidth(column.cell(line)))
                }
            }
        }
        return widths
    }

    private static func layout(_ columns: [Column], _ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (index, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: max(0, widths[index] - Escaping.displayWidth(cell)))
            if index > 0 { text += gap }
            text += columns[index].right ? padding + cell : cell + padding
        }
        while text.last == " " { text.removeLast() }
        return text + "\n"
    }
}
