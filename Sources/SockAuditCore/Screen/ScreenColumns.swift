/// One column of the table on the screen.
struct ScreenColumn {
    var title: String
    var width: Int
    /// Numbers stand at the right.
    var isNumber = true
    /// Where the width is short the highest goes first; 0 stays.
    var rank: Int
    /// Blanks that there are to spare make it wider, up to this.
    var most = 0
    var cell: (ScreenCell) -> (String, ScreenStyle)
}

/// What a cell is of: a row, nil for the sum of all, and of it one family, nil for its total.
struct ScreenCell {
    var row: Row?
    var family: SocketFamily?
    var figures: Figures
}

extension Screen {
    /// The columns that there is room for, in their order, and the gap between them.
    func columns(_ columns: Int) -> (columns: [ScreenColumn], gap: Int) {
        let all = allColumns(columns)
        func width(_ kept: Set<Int>, _ gap: Int) -> Int {
            kept.reduce(0) { $0 + all[$1].width } + gap * max(0, kept.count - 1)
        }
        var kept = Set(all.indices)
        var gap = 2
        if width(kept, gap) > columns {
            kept = Set(all.indices.filter { all[$0].rank == 0 })
            for index in all.indices.sorted(by: { all[$0].rank < all[$1].rank }) where all[index].rank > 0 {
                // No lesser one takes the room of one that did not fit.
                guard width(kept.union([index]), 1) <= columns else { break }
                kept.insert(index)
            }
            if width(kept, gap) > columns { gap = 1 }
        }
        var used = width(kept, gap)
        var list = kept.sorted().map { all[$0] }
        for index in list.indices where list[index].most > list[index].width {
            let more = min(list[index].most - list[index].width, max(0, columns - used))
            list[index].width += more
            used += more
        }
        return (list, gap)
    }

    private func allColumns(_ columns: Int) -> [ScreenColumn] {
        guard let snapshot = shown?.snapshot else { return [] }
        let totals = snapshot.totals
        // The sum of all has at least the digits of each.
        func figure(_ title: String, _ rank: Int, _ pick: @escaping (Figures) -> FamilyCounts) -> ScreenColumn
        {
            let width = max(title.count, "\(pick(totals).total)".count)
            return ScreenColumn(title: title, width: width, rank: rank) { cell in
                let counts = pick(cell.figures)
                return ("\(cell.family.map { counts[$0] } ?? counts.total)", .plain)
            }
        }
        func text(
            _ title: String, _ width: Int, _ rank: Int, isNumber: Bool = false, most: Int = 0,
            _ cell: @escaping (Row) -> String
        ) -> ScreenColumn {
            ScreenColumn(
                title: title, width: max(width, title.count), isNumber: isNumber, rank: rank, most: most
            ) { place in (place.family == nil ? place.row.map(cell) ?? "" : "", .plain) }
        }
        var list = [nameColumn(columns)]
        let nodes =
            rows.prefix(400).map { Escaping.displayWidth(plain(Escaping.visible($0.node))) }.max() ?? 0
        if nodes > 0 {
            list.append(text("NODE", min(nodes, 12), 2, most: nodes) { plain(Escaping.visible($0.node)) })
        }
        list.append(text("PID", rows.reduce(3) { max($0, pid($1).count) }, 1, isNumber: true) { pid($0) })
        list.append(text("DURATION", 8, 14, isNumber: true, most: 12) { TimeText.duration($0.duration) })
        if wide {
            list.append(
                text("AUID", 5, 13, isNumber: true) { $0.auid == AuditEvent.unset ? "-" : "\($0.auid)" })
            list.append(
                text("EXE", 14, 11, most: rows.prefix(400).map(\.exe.count).max() ?? 0) {
                    plain(Escaping.visible($0.exe))
                })
        }
        list.append(markColumn())
        list += [
            figure("SocketTOT", wide ? 7 : 4) { $0.socketTotal }, figure("SocketLAST", 9) { $0.socketLast },
            figure("CloseTOT", 8) { $0.closeTotal }, figure("CloseLAST", 10) { $0.closeLast },
        ]
        if wide || !totals.released.isZero { list.append(figure("Released", 12) { $0.released }) }
        list.append(openColumn(totals))
        if wide {
            let digits = rows.reduce(3) { max($0, TextTable.descriptors($1).count) }
            list.append(
                text("FDs", digits, 5, isNumber: true) { TextTable.descriptors($0) })
            list.append(figure("OthersOPEN", 6) { $0.others.open })
        }
        if rows.contains(where: { $0.drift != 0 }) {
            list.append(text("Drift", 5, 10, isNumber: true) { "\($0.drift)" })
        }
        list.append(trendColumn())
        return list
    }

    private func pid(_ row: Row) -> String { row.pid == 0 ? "\(row.processes)x" : "\(row.pid)" }

    /// One letter that says what the mark says, and the name.
    private func nameColumn(_ columns: Int) -> ScreenColumn {
        let natural = max(nameWidth, 8) + 2
        let width = min(natural, columns < 30 ? max(4, columns - 10) : max(16, columns / 4))
        return ScreenColumn(title: "  PROCESS", width: width, isNumber: false, rank: 0, most: natural) {
            cell in
            if let family = cell.family { return ("    " + family.name.uppercased(), .plain) }
            guard let row = cell.row else { return ("  TOTAL", .bold) }
            return (letter(row) + " " + name(row), style(row))
        }
    }

    private func openColumn(_ totals: Figures) -> ScreenColumn {
        let width = max(9, "\(totals.stillOpen.total)".count)
        return ScreenColumn(title: "StillOPEN", width: width, rank: 0) { cell in
            let open = cell.figures.stillOpen
            let text = "\(cell.family.map { open[$0] } ?? open.total)"
            return (text, cell.family == nil ? cell.row.map(style) ?? .bold : .plain)
        }
    }

    private func trendColumn() -> ScreenColumn {
        ScreenColumn(title: "TREND", width: 6, isNumber: false, rank: 3, most: 24) {
            [isUnicode = settings.isUnicode] cell in
            guard cell.family == nil else { return ("", .plain) }
            let values = cell.row.map(recent) ?? shown?.recent.totals ?? []
            return (Sparkline.text(values, width: 24, isUnicode: isUnicode), .plain)
        }
    }

    private func markColumn() -> ScreenColumn {
        let marks = rows.map(mark)
        return ScreenColumn(
            title: "", width: marks.reduce(0) { max($0, $1.count) }, isNumber: false,
            rank: marks.allSatisfy(\.isEmpty) ? 20 : 13
        ) { cell in cell.family == nil ? cell.row.map { (mark($0), style($0)) } ?? ("", .plain) : ("", .plain)
        }
    }

    /// What is not as usual about it, in words.
    private func mark(_ row: Row) -> String {
        var words = row.mark.isEmpty ? [] : [row.mark]
        if NearLimit.isNear(row) { words.append("limit") }
        if let waiting = row.openSockets?.closeWait, waiting > 0 { words.append("CLOSE_WAIT") }
        return words.joined(separator: " ")
    }

    /// The same in a letter, where there is no room for words.
    private func letter(_ row: Row) -> String {
        if isAlert(row) { return "!" }
        if row.grows { return "^" }
        return row.state == .exited ? "x" : row.state == .exempt ? "-" : " "
    }

    private func isAlert(_ row: Row) -> Bool {
        NearLimit.isNear(row) || (row.openSockets?.closeWait ?? 0) > 0
    }

    private func style(_ row: Row) -> ScreenStyle {
        ScreenStyle(tone: isAlert(row) ? .alert : row.grows ? .warning : .plain)
    }

    /// One line of the table.
    func line(_ cell: ScreenCell, _ columns: [ScreenColumn], gap: Int) -> ScreenLine {
        var line = ScreenLine()
        for (index, column) in columns.enumerated() {
            if index > 0 { line.add(String(repeating: " ", count: gap)) }
            let (text, style) = column.cell(cell)
            // Of a picture the newest end is the one to see.
            let fitting =
                column.title == "TREND"
                ? String(text.suffix(column.width)) : Cells.clip(text, to: column.width)
            line.add(Cells.pad(fitting, to: column.width, right: column.isNumber), style)
        }
        return line
    }

    func titles(_ columns: [ScreenColumn], gap: Int) -> ScreenLine {
        var line = ScreenLine()
        for (index, column) in columns.enumerated() {
            if index > 0 { line.add(String(repeating: " ", count: gap)) }
            let title = Cells.clip(column.title, to: column.width)
            line.add(Cells.pad(title, to: column.width, right: column.isNumber), .bold)
        }
        return line
    }
}
