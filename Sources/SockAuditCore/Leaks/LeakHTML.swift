/// The open sockets in the HTML report (`--leaks`): for each process the lines of ``LeakText``, more of them.
enum LeakHTML {
    private static let processes = 50
    private static let lines = 50

    /// - Returns: nothing where it was not asked for, else what begins on a line of its own.
    static func section(_ snapshot: Snapshot, utcOffset: Int) -> String {
        guard let olderThan = snapshot.head.olderThan else { return "" }
        let rows = LeakText.order(snapshot.rows)
        var html = "\n<section>\n<h2>Open sockets"
        if olderThan > 0 { html += " older than \(TimeText.seconds(olderThan)) s" }
        html +=
            "</h2>\n<p class=\"quiet\">\(snapshot.head.fromInput ? "At the end of the log." : "Those whose peer has gone (CLOSE_WAIT) come first.") A line tells of the oldest of those alike; ausearch -a EVENT finds the record of its call in auditd's log.</p>\n"
        if rows.isEmpty { html += "<p class=\"quiet\">none</p>\n" }
        for (index, row) in rows.prefix(processes).enumerated() {
            html += process(row, LeakWords.columns(row, snapshot.head), isOpen: index == 0, utcOffset)
        }
        let rest = rows.dropFirst(processes)
        if !rest.isEmpty {
            let sockets = rest.reduce(0) { $0 + ($1.openSockets?.total ?? 0) }
            html += "<p class=\"quiet\">and \(rest.count) more processes with \(sockets) open sockets</p>\n"
        }
        let unreadable = rows.reduce(0) { $0 + ($1.openSockets?.unreadable ?? 0) }
        if unreadable > 0 {
            html += "<p class=\"quiet\">\(Escaping.html(LeakWords.unreadable(unreadable)))</p>\n"
        }
        return html + "</section>"
    }

    private static func process(
        _ row: Row, _ titles: [LeakWords.Column], isOpen: Bool, _ utcOffset: Int
    ) -> String {
        guard let open = row.openSockets else { return "" }
        let who = LeakWords.who(row).map(Escaping.htmlSentence).joined(separator: ", ")
        var html = "<details\(isOpen ? " open" : "")><summary><bdi>\(Escaping.html(row.name))</bdi> "
        html += "\(who): \(Escaping.htmlSentence(LeakWords.sum(row, open)))</summary>\n"
        html += "<div class=\"box\" tabindex=\"0\">\n<table>\n<thead><tr>"
        for column in titles {
            html += "<th\(kind(column)) scope=\"col\">\(column.title)</th>"
        }
        html += "</tr></thead>\n<tbody>\n"
        let shown = open.groups.prefix(lines)
        for group in shown {
            html += "<tr>"
            for column in titles {
                html +=
                    "<td\(kind(column))><bdi>\(Escaping.htmlSentence(column.cell(group, utcOffset)))</bdi></td>"
            }
            html += "</tr>\n"
        }
        html += "</tbody>\n</table>\n</div>\n"
        let rest = open.total - shown.reduce(0) { $0 + $1.count }
        if rest > 0 { html += "<p class=\"quiet\">and \(rest) more sockets</p>\n" }
        return html + "</details>\n"
    }

    private static func kind(_ column: LeakWords.Column) -> String { column.isNumber ? " class=\"n\"" : "" }
}
