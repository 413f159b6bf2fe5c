/// The table of the HTML report. Each figure is there four times, in total and for TCP, UDP and OTHER: which
/// of them shows is a choice above the table that needs no script.
enum HTMLRows {
    private typealias Figure = (title: String, pick: (Figures) -> FamilyCounts)

    /// What the table has columns for.
    private struct Shape {
        let rows: ArraySlice<Row>
        let showsNode: Bool
        let showsDrift: Bool
        let showsLines: Bool
        let showsUser: Bool
        let showsDescriptors: Bool
        /// Beside StillOPEN, which is what the page is about and stands where a phone shows it.
        var figures: [Figure] = [
            ("SocketTOT", { $0.socketTotal }), ("SocketLAST", { $0.socketLast }),
            ("CloseTOT", { $0.closeTotal }), ("CloseLAST", { $0.closeLast }),
            ("Released", { $0.released }),
        ]

        init(_ table: Snapshot, _ history: RunHistory, wide: Bool) {
            rows = table.rows.prefix(HTMLReport.rowLimit)
            showsNode = rows.contains { !$0.node.isEmpty }
            showsDrift = rows.contains { $0.drift != 0 }
            showsLines = history.times.count > 1
            showsUser = wide
            showsDescriptors = wide && rows.contains { $0.descriptors > 0 }
            if wide || !table.totals.others.open.isZero {
                figures.append(("OthersOPEN", { $0.others.open }))
            }
            // By the way they came, where any did: how many are open.
            for origin in Origin.allCases where wide && !table.totals.others.opened(origin).isZero {
                figures.append((origin.title, { $0.others.open(origin) }))
            }
        }
    }

    private static var open: Figure { ("StillOPEN", { $0.stillOpen }) }

    static func table(_ table: Snapshot, _ history: RunHistory, _ style: HTMLReport.Style) -> String {
        let shape = Shape(table, history, wide: style.wide)
        var html =
            "<section>\n<h2>Processes</h2>\n\(choice(style))<div class=\"box\" tabindex=\"0\">\n<table>\n"
        html += "<thead>\(titles(shape))</thead>\n<tbody>\n"
        for row in shape.rows { html += line(row, shape, history) }
        html += "</tbody>\n<tfoot>\(totals(table, shape))</tfoot>\n</table>\n</div>\n"
        if let next = NextLook.line(table) {
            html += "<p class=\"next\">\(Escaping.htmlSentence(String(next.dropLast())))</p>\n"
        }
        if let growth = GrowthNote.line(table) {
            html += "<p class=\"next\">\(Escaping.htmlSentence(String(growth.dropLast())))</p>\n"
        }
        if shape.rows.isEmpty { html += "<p class=\"quiet\">no sockets yet</p>\n" }
        let left = table.hidden + table.rows.count - shape.rows.count
        if left > 0 { html += "<p class=\"quiet\">and \(left) more, which the totals contain</p>\n" }
        return html + "</section>"
    }

    private static func titles(_ shape: Shape) -> String {
        func title(_ text: String, _ kind: String = "n") -> String {
            "<th\(kind.isEmpty ? "" : " class=\"\(kind)\"") scope=\"col\">\(text)</th>"
        }
        var html = "<tr>" + title("Process", "who")
        if shape.showsNode { html += title("Node", "") }
        html += title("PID") + title(open.title)
        if shape.showsLines { html += title("Over time", "plain") }
        html += shape.figures.map { title($0.title) }.joined()
        if shape.showsDrift { html += title("Drift") }
        if shape.showsDescriptors { html += title("FDs") }
        if shape.showsUser { html += title("AUID") }
        return html + title("State", "") + title("Duration") + "</tr>"
    }

    private static func line(_ row: Row, _ shape: Shape, _ history: RunHistory) -> String {
        var html = "<tr><th class=\"who\" scope=\"row\"><bdi>\(Escaping.html(row.name))</bdi>"
        if !row.exe.isEmpty { html += "<small><bdi>\(Escaping.html(row.exe))</bdi></small>" }
        html += "</th>"
        if shape.showsNode { html += "<td><bdi>\(Escaping.html(row.node))</bdi></td>" }
        html +=
            "<td class=\"n\" data-v=\"\(row.pid)\">\(row.pid == 0 ? "\(row.processes)x" : "\(row.pid)")</td>"
        html += cell(open, row.figures)
        if shape.showsLines {
            let line = history.lines[history.key(row)]
            html += "<td class=\"plain\">\(HTMLChart.spark(line, history.times))</td>"
        }
        html += shape.figures.map { cell($0, row.figures) }.joined()
        if shape.showsDrift { html += "<td class=\"n\">\(row.drift)</td>" }
        if shape.showsDescriptors {
            html += "<td class=\"n\" data-v=\"\(row.descriptors)\">\(TextTable.descriptors(row))</td>"
        }
        if shape.showsUser {
            let isUnset = row.auid == AuditEvent.unset
            html +=
                "<td class=\"n\" data-v=\"\(isUnset ? -1 : Int(row.auid))\">\(isUnset ? "-" : "\(row.auid)")</td>"
        }
        html += "<td>\(row.state.rawValue)\(row.grows ? " grows" : "")</td>"
        html += "<td class=\"n\" data-v=\"\(Int(max(0, min(row.duration, 1e12)) * 1_000))\">"
        return html + "\(TimeText.duration(row.duration))</td></tr>\n"
    }

    private static func totals(_ table: Snapshot, _ shape: Shape) -> String {
        var html = "<tr><th class=\"who\" scope=\"row\">Total</th><td></td>"
        if shape.showsNode { html += "<td></td>" }
        html += cell(open, table.totals)
        if shape.showsLines { html += "<td></td>" }
        html += shape.figures.map { cell($0, table.totals) }.joined()
        for isShown in [shape.showsDrift, shape.showsDescriptors, shape.showsUser] where isShown {
            html += "<td></td>"
        }
        return html + "<td></td><td></td></tr>"
    }

    private static func cell(_ figure: Figure, _ figures: Figures) -> String {
        let counts = figure.pick(figures)
        let values = [counts.total] + SocketFamily.allCases.map { counts[$0] }
        let open = figure.title == "StillOPEN" ? " open" : ""
        return "<td class=\"n\(open)\">" + values.map { "<span>\($0)</span>" }.joined() + "</td>"
    }

    /// Which family to show; nothing to choose where only one is counted.
    private static func choice(_ style: HTMLReport.Style) -> String {
        guard style.families.count > 1 else { return "" }
        let choices =
            [("f0", "All")]
            + SocketFamily.allCases.filter(style.families.contains).map {
                ("f\($0.rawValue + 1)", $0.name.uppercased())
            }
        // Siblings of the table's box: the style sheet finds it by that.
        return choices.map { id, title in
            "<input type=\"radio\" name=\"family\" id=\"\(id)\"\(id == "f0" ? " checked" : "")>"
                + "<label for=\"\(id)\">\(title)</label>\n"
        }.joined()
    }
}
