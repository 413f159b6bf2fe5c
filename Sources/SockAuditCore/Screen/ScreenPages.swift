/// What is shown instead of the table: the sockets of a process, the verdict in full, the keys.
extension Screen {
    mutating func pageFrame(_ columns: Int, _ height: Int, _ secondsLeft: Int?) -> [ScreenLine] {
        var lines = [title(columns: columns, secondsLeft: secondsLeft), verdict()]
        var content: [ScreenLine]
        switch view {
        case .leaks:
            let (head, sockets) = leakLines(columns)
            lines += height > 8 ? head : Array(head.suffix(1))
            content = sockets
        case .verdict: content = verdictPage(columns)
        case .help, .table: content = helpPage(columns)
        }
        if height < 4 { lines = [] }
        let room = max(1, height - lines.count - 1)
        page = max(1, room - 1)
        scroll = max(0, min(scroll, content.count - room))
        let rest = content.count - scroll - room
        content = Array(content.dropFirst(scroll).prefix(room))
        lines += content
        while lines.count < height - 1 { lines.append(ScreenLine()) }
        var footer = ScreenLine(isEnding ? "ending" : "q back", .bold)
        if rest > 0 || scroll > 0 { footer.add("  up/down: \(max(0, rest)) more lines") }
        if isPaused { footer.add("  PAUSED", .reverse) }
        return height > 1 ? lines + [footer] : Array(content.prefix(1))
    }

    // MARK: sockets

    /// What is said of the process with the titles, and a line for each of its sockets.
    private func leakLines(_ columns: Int) -> (head: [ScreenLine], sockets: [ScreenLine]) {
        guard let leaks, let head = shown?.snapshot.head else { return ([], []) }
        let row = leaks.row
        var lines = [ScreenLine("")]
        lines.append(
            ScreenLine(([name(row)] + LeakWords.who(row).map(plain)).joined(separator: "  "), .bold))
        guard let open = leaks.open else {
            let why: String
            if row.state == .exited {
                why = "It has ended, and holds nothing."
            } else if row.pid > 0 {
                why = "looking ..."
            } else {
                why = "A row of several processes: start with --leaks to see theirs."
            }
            return (lines, Cells.wrap(why, to: columns).map { ScreenLine($0) })
        }
        let offset = shown?.utcOffset ?? 0
        let time = leaks.at.map { "as of \(TimeText.timeOfDay($0, offset: offset)): " } ?? ""
        var sum = ScreenLine(time + "\(open.total) open")
        if open.closeWait > 0 {
            sum.add(", ")
            sum.add("\(open.closeWait) in CLOSE_WAIT", ScreenStyle(tone: .alert))
        }
        if open.unreadable > 0 { sum.add(", \(open.unreadable) without addresses") }
        if row.grows { sum.add("; grows: " + GrowthNote.pace(row), ScreenStyle(tone: .warning)) }
        lines.append(sum)
        let table = Evidence(open, row, head, offset: offset, columns: columns, plain: plain)
        lines.append(ScreenLine(table.titles, .bold))
        return (lines, table.lines.isEmpty ? [ScreenLine("none")] : table.lines)
    }

    /// Sockets in columns: what there is no room for goes, the least needed first.
    private struct Evidence {
        private(set) var titles = ""
        private(set) var lines: [ScreenLine] = []

        /// The first stays longest.
        private static let importance = [
            "FD", "STATE", "PEER", "KIND", "AGE", "LOCAL", "EVENT", "PID", "ORIGIN", "THREAD", "OPENED",
        ]

        init(
            _ open: OpenSockets, _ row: Row, _ head: SnapshotHead, offset: Int, columns: Int,
            plain: (String) -> String
        ) {
            let sockets = open.sockets
            guard !sockets.isEmpty else { return }
            let all = LeakWords.columns(row, head).filter { $0.title != "COUNT" }
            let cells = sockets.map { socket in
                let group = SocketGroup(socket)
                return all.map { plain($0.cell(group, offset)) }
            }
            let widths = all.indices.map { column in
                let longest = cells.reduce(Escaping.displayWidth(all[column].title)) {
                    max($0, Escaping.displayWidth($1[column]))
                }
                return min(longest, max(8, columns / 3))
            }
            var kept: Set<Int> = []
            var used = -2
            for title in Self.importance {
                guard let column = all.firstIndex(where: { $0.title == title }) else { continue }
                if !kept.isEmpty && used + 2 + widths[column] > columns { continue }
                kept.insert(column)
                used += 2 + widths[column]
            }
            let order = kept.sorted()
            func cell(_ column: Int, _ text: String) -> String {
                let text = Cells.clip(text, to: widths[column])
                return Cells.pad(text, to: widths[column], right: all[column].isNumber)
            }
            titles = order.map { cell($0, all[$0].title) }.joined(separator: "  ")
            lines = zip(sockets, cells).map { socket, texts in
                var line = ScreenLine()
                for (index, column) in order.enumerated() {
                    if index > 0 { line.add("  ") }
                    let isAlert = all[column].title == "STATE" && socket.endpoint?.state == .closeWait
                    line.add(cell(column, texts[column]), ScreenStyle(tone: isAlert ? .alert : .plain))
                }
                return line
            }
            let rest = open.total - sockets.count
            if rest > 0 { lines.append(ScreenLine("and \(rest) more sockets")) }
        }
    }

    // MARK: words

    private func verdictPage(_ columns: Int) -> [ScreenLine] {
        guard let snapshot = shown?.snapshot else { return [ScreenLine("There is no table yet.")] }
        var lines = reasons(columns: columns)
        if lines.isEmpty { lines = ["  nothing speaks against it"] }
        for text in [GrowthNote.line(snapshot), NextLook.line(snapshot)].compactMap(\.self) {
            lines += [""] + Cells.wrap(plain(String(text.dropLast())), to: columns)
        }
        if let message { lines += [""] + Cells.wrap(plain(Escaping.sentence(message)), to: columns) }
        return lines.map { ScreenLine($0) }
    }

    private func helpPage(_ columns: Int) -> [ScreenLine] {
        Self.help.flatMap { key, text in
            Cells.wrap(text, to: max(1, columns - 16)).enumerated().map { index, part in
                var line = ScreenLine(Cells.pad(index == 0 ? key : "", to: 16), .bold)
                line.add(part)
                return line
            }
        }
    }

    static let help: [(key: String, text: String)] = [
        ("q", "quit: the rules go, and the last, shorter interval's table is printed; in a page, back"),
        ("space", "stop and go on showing new tables; counting goes on"),
        ("s", "sort by the next of open, socket, close, name, pid, age"),
        ("/", "show names with a text in them; Enter keeps it, Esc clears it; totals stay those of all"),
        ("w", "more columns: descriptors and their limit, others, program, audit user"),
        ("l, Enter", "the open sockets of the selected row: descriptor, state, ends, age, event"),
        ("v", "the verdict with all its reasons"), ("up, down, k, j", "select a row, or scroll"),
        ("PgUp, PgDn", "a page"), ("Home, End", "the first row, the last (also g, G)"),
        ("Ctrl-L", "draw the screen anew"), ("h, ?", "this page"), ("", ""),
        ("^ x ! -", "before a name: grows, exited, near its limit or with sockets in CLOSE_WAIT, exempt"),
        ("TREND", "StillOPEN in the last tables; a step is one socket or more"),
    ]
}
