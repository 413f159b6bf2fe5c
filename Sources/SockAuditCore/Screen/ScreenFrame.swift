/// The screen as lines: a table, or a page over it, between what stands at the top and the keys at the bottom.
extension Screen {
    /// - Parameters:
    ///   - columns: cells of a line; no line takes more.
    ///   - rows: lines of the terminal; there are no more.
    ///   - secondsLeft: until the next table; nil where nobody knows.
    /// - Returns: lines of printable characters and the sequences of ``ScreenStyle``.
    public mutating func frame(columns: Int, rows: Int, secondsLeft: Int? = nil) -> [String] {
        let columns = max(1, columns)
        let height = max(1, rows)
        let lines =
            view == .table
            ? tableFrame(columns, height, secondsLeft) : pageFrame(columns, height, secondsLeft)
        return lines.prefix(height).map { $0.text(columns: columns, colours: settings.hasColours) }
    }

    private mutating func tableFrame(_ columns: Int, _ height: Int, _ secondsLeft: Int?) -> [ScreenLine] {
        let (kept, gap) = self.columns(columns)
        let total =
            shown.map { line(ScreenCell(figures: $0.snapshot.totals), kept, gap: gap) } ?? ScreenLine()
        let title = title(columns: columns, secondsLeft: secondsLeft)
        // So little room holds what nobody can do without.
        guard height > 5 else {
            var lines = height > 2 ? [title, verdict()] : [verdict()]
            if height > 4 { lines.append(titles(kept, gap: gap)) }
            lines.append(total)
            let body = max(0, height - lines.count)
            lines += self.body(kept, gap, body, expands: false)
            if isTyping || isPaused || isEnding { lines = lines.prefix(height - 1) + [footer(columns)] }
            return lines
        }
        let spare = height - 6
        var lines = [title, verdict()]
        lines += reasonLines(columns: columns, most: spare == 0 ? 0 : max(1, spare / 4))
        let hint = height >= 16 ? hint() : nil
        if height >= 20 { lines.append(ScreenLine()) }
        lines.append(titles(kept, gap: gap))
        lines.append(total)
        let bottom = (hint == nil ? 0 : 1) + 1
        let room = max(1, height - lines.count - bottom)
        let all = (self.rows.count + 1) * (1 + settings.families.count) <= room + 1
        if all, let snapshot = shown?.snapshot, settings.families.count > 1 {
            lines += split(ScreenCell(figures: snapshot.totals), kept, gap)
        }
        let body = max(1, height - lines.count - bottom)
        lines += self.body(kept, gap, body, expands: body >= 8, expandsAll: all)
        while lines.count < height - bottom { lines.append(ScreenLine()) }
        if let hint { lines.append(hint) }
        return lines + [footer(columns)]
    }

    private func split(_ cell: ScreenCell, _ columns: [ScreenColumn], _ gap: Int) -> [ScreenLine] {
        settings.families.map { family in
            var cell = cell
            cell.family = family
            return line(cell, columns, gap: gap)
        }
    }

    /// The rows that there is room for, the selected one among them.
    private mutating func body(
        _ columns: [ScreenColumn], _ gap: Int, _ room: Int, expands: Bool, expandsAll: Bool = false
    ) -> [ScreenLine] {
        guard shown != nil, room > 0 else { return [] }
        if rows.isEmpty {
            return [
                ScreenLine(filter.isEmpty ? "  no sockets yet" : "  no name has '\(plain(filter))' in it")
            ]
        }
        let families = settings.families.count > 1 ? settings.families.count : 0
        func height(_ index: Int) -> Int { 1 + (expandsAll || (expands && index == place) ? families : 0) }
        scroll = max(0, min(scroll, place, rows.count - 1))
        scroll = max(scroll, place - room)
        // Down to where the selected row is whole, and up to where no room is left empty.
        while scroll < place, (scroll...place).reduce(0, { $0 + height($1) }) > room { scroll += 1 }
        var below = (scroll..<rows.count).prefix(room).reduce(0) { $0 + height($1) }
        while scroll > 0, below + height(scroll - 1) <= room {
            scroll -= 1
            below += height(scroll)
        }
        page = max(1, room - (expands ? families : 0) - 1)
        var lines: [ScreenLine] = []
        for index in scroll..<rows.count where lines.count < room {
            let cell = ScreenCell(row: rows[index], figures: rows[index].figures)
            var line = line(cell, columns, gap: gap)
            line.isSelected = index == place && settings.hasKeys
            lines.append(line)
            if height(index) > 1 { lines += split(cell, columns, gap) }
        }
        return Array(lines.prefix(room))
    }

    // MARK: the bottom

    /// What is going on that is not as usual, or the keys.
    func footer(_ columns: Int) -> ScreenLine {
        if isEnding { return ScreenLine("ending: the last table is made, the rules go", .reverse) }
        if isTyping {
            var line = ScreenLine("/" + plain(filter) + "_", .bold)
            line.add("  Enter keeps, Esc clears")
            return line
        }
        var line = ScreenLine()
        if isPaused {
            let at = shown?.snapshot.head.sequence ?? 0
            let now = latest?.snapshot.head.sequence ?? 0
            line.add(columns < 60 ? "PAUSED" : "PAUSED at table \(at)", .reverse)
            line.add(columns < 60 ? " counting goes on: #\(now)  " : "  counting goes on: table \(now)  ")
        } else if let message {
            return ScreenLine(plain(Escaping.sentence(message)), .bold)
        }
        if !filter.isEmpty {
            line.add("/" + plain(filter), .bold)
            line.add(" \(rows.count) of \(shown?.snapshot.rows.count ?? 0), totals of all  ")
        }
        guard settings.hasKeys else { return line }
        let keys = [
            "q quit", isPaused ? "space go on" : "space pause", "s sort: \(order.rawValue)", "/ filter",
            wide ? "w narrow" : "w wide", "l leaks", "v verdict", "h help",
        ]
        let short = ["q", "space", "s:\(order.rawValue)", "/", "w", "l", "v", "h"]
        let room = columns - line.width
        let forms = [keys.joined(separator: "  "), keys.joined(separator: " "), short.joined(separator: " ")]
        line.add(forms.first { $0.count <= room } ?? (line.width == 0 ? short.joined(separator: " ") : ""))
        return line
    }
}
