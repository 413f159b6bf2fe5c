/// What stands at the top, always: whose figures these are, of when, and how far they may be believed.
extension Screen {
    /// Host, scope, interval, number of the table and time on one line: of less width the words go first.
    func title(columns: Int, secondsLeft: Int?) -> ScreenLine {
        let head = shown?.snapshot.head ?? settings.head
        let host = plain(Escaping.visible(Array(head.host.utf8)))
        let names = head.scope.map { plain(Escaping.visible(Array($0.utf8))) }.joined(separator: " ")
        let scope = head.scope == ["all"] ? "all processes" : names
        let note = head.scopeNote.isEmpty ? "" : " (\(plain(Escaping.sentence(head.scopeNote))))"
        let every = head.fromInput ? "over" : "every"
        let interval = TimeText.seconds(head.interval) + " s"
        let table = head.sequence == 0 ? "no table yet" : "table \(head.sequence)"
        let time = head.sequence == 0 ? "" : TimeText.timeOfDay(head.time, offset: shown?.utcOffset ?? 0)
        let mode = head.mode.isEmpty ? "" : "\(head.mode) mode"
        let next = isPaused ? "" : secondsLeft.map { "next in \($0) s" } ?? ""
        func line(_ parts: [String]) -> String { parts.filter { !$0.isEmpty }.joined(separator: "  ") }
        let long = "\(table), \(every) \(interval)"
        let short = head.sequence == 0 ? table : "#\(head.sequence)"
        let forms = [
            line(["SockClosePercPar", host, scope + note, long, time, mode, next]),
            line([host, scope + note, long, time, mode, next]),
            line([host, scope, long, time, mode, next]), line([host, scope, long, time, next]),
            line([host, scope, long, time]), line([host, names, short, interval, time]),
        ]
        if let fitting = forms.first(where: { Escaping.displayWidth($0) <= columns }) {
            return ScreenLine(fitting, .bold)
        }
        // Long names: of both as much as there is room for.
        let rest = line([short, interval, time])
        let room = max(2, columns - Escaping.displayWidth(rest) - 4)
        let hosts = Cells.clip(host, to: max(room - Escaping.displayWidth(names), room / 2))
        return ScreenLine(
            line([hosts, Cells.clip(names, to: room - Escaping.displayWidth(hosts)), rest]), .bold)
    }

    func verdict() -> ScreenLine {
        guard let snapshot = shown?.snapshot else {
            return ScreenLine("waiting for the first table", .bold)
        }
        var line = ScreenLine()
        var style = ScreenStyle.bold
        switch snapshot.verdict {
        case .lossy: style.tone = .alert
        case .partial: style.tone = .warning
        case .complete, .unverified: break
        }
        line.add(snapshot.verdict.rawValue.uppercased(), style)
        let head = snapshot.head
        let lost = head.eventsLost > 0 ? ", \(head.eventsLost) lost" : head.fromInput ? "" : ", none lost"
        line.add("  \(head.eventsSeen) events\(lost)")
        return line
    }

    /// Why the verdict is what it is, and notes.
    func reasons(columns: Int) -> [String] {
        (shown?.snapshot.head.reasons ?? []).flatMap { reason in
            let text = (reason.code.verdict == nil ? "note: " : "") + plain(Escaping.sentence(reason.text))
            return Cells.wrap(text, to: max(1, columns - 2)).map { "  " + $0 }
        }
    }

    /// The reasons in no more lines than these; where there are more, the last says so.
    func reasonLines(columns: Int, most: Int) -> [ScreenLine] {
        let all = reasons(columns: columns)
        guard all.count > most else { return all.map { ScreenLine($0) } }
        guard most > 0 else { return [] }
        let more = " (+\(all.count - most): v)"
        let last = Cells.clip(all[most - 1], to: max(0, columns - more.count))
        return all.prefix(most - 1).map { ScreenLine($0) } + [ScreenLine(last + more)]
    }

    /// What rows grow, or what to look at next.
    func hint() -> ScreenLine? {
        guard let snapshot = shown?.snapshot else { return nil }
        guard let text = GrowthNote.line(snapshot) ?? NextLook.line(snapshot) else { return nil }
        return ScreenLine(plain(String(text.dropLast())))
    }
}
