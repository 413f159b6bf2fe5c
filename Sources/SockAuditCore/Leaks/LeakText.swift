/// Under the table: what is open, process by process, with the evidence. Bounded, whatever a host holds; JSON
/// has more.
enum LeakText {
    private static let processes = 20
    private static let lines = 10

    /// - Returns: nothing where it was not asked for (`--leaks`).
    static func block(_ snapshot: Snapshot, utcOffset: Int) -> String {
        guard let olderThan = snapshot.head.olderThan else { return "" }
        let rows = order(snapshot.rows)
        var text =
            "\nopen sockets" + (olderThan > 0 ? " older than \(TimeText.seconds(olderThan)) s" : "")
            + (snapshot.head.fromInput
                ? " at the end of the log" : "; those whose peer has gone (CLOSE_WAIT) come first")
            + ". A line tells of the oldest of those alike;\n"
            + "`ausearch -a EVENT` finds the record of its call in auditd's log\n"
        if rows.isEmpty { return text + "none\n" }
        for row in rows.prefix(processes) {
            text += "\n" + process(row, LeakWords.columns(row, snapshot.head), utcOffset)
        }
        let rest = rows.dropFirst(processes)
        if !rest.isEmpty {
            let sockets = rest.reduce(0) { $0 + ($1.openSockets?.total ?? 0) }
            text += "\nand \(rest.count) more processes with \(sockets) open sockets (JSON has them)\n"
        }
        let unreadable = rows.reduce(0) { $0 + ($1.openSockets?.unreadable ?? 0) }
        if unreadable > 0 { text += "\n" + LeakWords.unreadable(unreadable) + "\n" }
        return text
    }

    /// Rows with something to show: those with sockets in CLOSE_WAIT first, then those that grow, then as in
    /// the table.
    static func order(_ rows: [Row]) -> [Row] {
        rows.enumerated().filter { ($0.element.openSockets?.total ?? 0) > 0 }.sorted { a, b in
            let (x, y) = (a.element.openSockets?.closeWait ?? 0, b.element.openSockets?.closeWait ?? 0)
            if x != y { return x > y }
            if a.element.grows != b.element.grows { return a.element.grows }
            return a.offset < b.offset
        }.map(\.element)
    }

    private static func process(_ row: Row, _ titles: [LeakWords.Column], _ utcOffset: Int) -> String {
        guard let open = row.openSockets else { return "" }
        var text = ([Escaping.short(row.name)] + LeakWords.who(row)).joined(separator: "  ") + "\n"
        text += "  \(LeakWords.sum(row, open))\n"
        let groups = open.groups
        let shown = groups.prefix(lines)
        let cells = shown.map { group in
            titles.map { $0.cell(group, utcOffset) }
        }
        let widths = titles.indices.map { column in
            ([titles[column].title] + cells.map { $0[column] }).map(Escaping.displayWidth).max() ?? 0
        }
        for line in [titles.map(\.title)] + cells {
            var printed = " "
            for (column, cell) in line.enumerated() {
                let padding = String(
                    repeating: " ", count: max(0, widths[column] - Escaping.displayWidth(cell)))
                printed += " " + (titles[column].isNumber ? padding + cell : cell + padding) + " "
            }
            while printed.last == " " { printed.removeLast() }
            text += printed + "\n"
        }
        let rest = open.total - shown.reduce(0) { $0 + $1.count }
        if rest > 0 { text += "  and \(rest) more sockets\n" }
        return text
    }
}

/// What text and HTML say of open sockets, in the same words.
enum LeakWords {
    struct Column: Sendable {
        var title: String
        var isNumber = false
        var cell: @Sendable (SocketGroup, _ utcOffset: Int) -> String
    }

    /// The columns of a row's sockets: no pid where it has one, and no ends in a log, which knows none.
    static func columns(_ row: Row, _ head: SnapshotHead) -> [Column] {
        let left: Set = row.pid > 0 ? ["PID"] : []
        let unknown: Set = head.fromInput ? ["STATE", "LOCAL", "PEER"] : []
        return all.filter { !left.contains($0.title) && !unknown.contains($0.title) }
    }

    private static let all: [Column] = [
        Column(title: "COUNT", isNumber: true) { group, _ in "\(group.count)" },
        Column(title: "STATE") { group, _ in group.oldest.endpoint?.state.name ?? "-" },
        Column(title: "AGE", isNumber: true) { group, _ in
            group.oldest.age.map { TimeText.duration($0) } ?? "-"
        },
        Column(title: "KIND") { group, _ in group.oldest.kindName },
        Column(title: "ORIGIN") { group, _ in group.oldest.origin.name },
        Column(title: "PID", isNumber: true) { group, _ in "\(group.oldest.pid)" },
        Column(title: "FD", isNumber: true) { group, _ in "\(group.oldest.fd)" },
        Column(title: "LOCAL") { group, _ in local(group) },
        Column(title: "PEER") { group, _ in peer(group) },
        Column(title: "THREAD") { group, _ in
            group.oldest.thread.isEmpty ? "-" : Escaping.short(group.oldest.thread)
        },
        Column(title: "OPENED") { group, offset in
            group.oldest.opened.map { TimeText.dateAndTime($0, offset: offset) } ?? "-"
        },
        Column(title: "EVENT", isNumber: true) { group, _ in
            group.oldest.serial == 0 ? "-" : "\(group.oldest.serial)"
        },
    ]

    private static func local(_ group: SocketGroup) -> String {
        switch group.oldest.endpoint {
        case .inet: group.local?.text ?? "*"
        case .unix(let path, _): path.isEmpty ? "-" : Escaping.short(path)
        case nil: "-"
        }
    }

    private static func peer(_ group: SocketGroup) -> String {
        guard case .inet = group.oldest.endpoint else { return "-" }
        return group.peer?.text ?? "*"
    }

    static func who(_ row: Row) -> [String] {
        func id(_ name: String, _ value: UInt32) -> String {
            "\(name) " + (value == AuditEvent.unset ? "unset" : "\(value)")
        }
        var words = [row.pid > 0 ? "pid \(row.pid)" : Counted.text(row.processes, "process", "processes")]
        words += [id("uid", row.uid), id("auid", row.auid), id("session", row.session)]
        if !row.exe.isEmpty { words.append(Escaping.short(row.exe, columns: 2 * Escaping.nameColumns)) }
        return words
    }

    static func sum(_ row: Row, _ open: OpenSockets) -> String {
        var text = "\(open.total) open"
        if open.closeWait > 0 { text += ", \(open.closeWait) in CLOSE_WAIT" }
        return row.grows ? text + "; grows: " + GrowthNote.pace(row) : text
    }

    static func unreadable(_ count: Int) -> String {
        "the addresses of \(Counted.text(count, "socket", "sockets")) could not be read: /proc/PID/net or /proc/PID/ns of their processes is closed to us (CAP_SYS_PTRACE, hidepid), or they have just ended"
    }
}
