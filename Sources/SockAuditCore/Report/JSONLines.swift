/// One table as one line of JSON, schema `sockaudit.table/1` (interface.md).
public enum JSONLines {
    public static let schema = "sockaudit.table/1"

    public static func render(_ snapshot: Snapshot) -> String { pieces(snapshot).joined() }

    /// The line in pieces, so that nobody needs to hold all of it: of ten thousand rows it has megabytes.
    public static func pieces(_ snapshot: Snapshot) -> TablePieces {
        var index = 0
        return TablePieces(first: head(snapshot)) {
            if index > snapshot.rows.count { return nil }
            var text = ""
            let end = min(index + TablePieces.rows, snapshot.rows.count)
            for place in index..<end { text += (place == 0 ? "" : ",") + row(snapshot.rows[place]) }
            index = end
            if end == snapshot.rows.count {
                text += "],\"hidden_rows\":\(snapshot.hidden)}\n"
                index += 1
            }
            return text
        }
    }

    private static func head(_ snapshot: Snapshot) -> String {
        let head = snapshot.head
        var line = "{\"schema\":\"\(schema)\""
        line += ",\"host\":\(Escaping.json(head.host)),\"kernel\":\(Escaping.json(head.kernel))"
        line += ",\"sequence\":\(head.sequence),\"final\":\(head.final)"
        line += ",\"time\":\"\(TimeText.iso(head.time))\",\"started\":\"\(TimeText.iso(head.started))\""
        line += ",\"interval\":\(number(head.interval))"
        line += ",\"scope\":[\(head.scope.map(Escaping.json).joined(separator: ","))]"
        let families = SocketFamily.allCases.filter(head.families.contains).map { "\"\($0.name)\"" }
        line +=
            ",\"group_by\":\(Escaping.json(head.groupBy)),\"families\":[\(families.joined(separator: ","))]"
        line += ",\"source\":\(Escaping.json(head.source)),\"mode\":\(Escaping.json(head.mode))"
        line += ",\"verdict\":\"\(snapshot.verdict.rawValue)\""
        line += ",\"reasons\":[\(head.reasons.map(reason).joined(separator: ","))]"
        line +=
            ",\"events\":{\"seen\":\(head.eventsSeen),\"used\":\(head.eventsUsed),\"lost\":\(head.eventsLost)}"
        if let seconds = head.olderThan { line += ",\"older_than\":\(number(seconds))" }
        return line + ",\"totals\":{\(figures(snapshot.totals))},\"rows\":["
    }

    private static func reason(_ reason: Reason) -> String {
        "{\"code\":\"\(reason.code.rawValue)\",\"count\":\(reason.count),\"text\":\(Escaping.json(reason.text))}"
    }

    private static func row(_ row: Row) -> String {
        var text = "{\(Escaping.jsonMember("node", row.node)),\"pid\":\(row.pid)"
        text += ",\"start\":\"\(TimeText.iso(row.start))\",\(Escaping.jsonMember("name", row.name))"
        text += "," + Escaping.jsonMember("exe", row.exe)
        text +=
            ",\"uid\":\(identity(row.uid)),\"auid\":\(identity(row.auid)),\"session\":\(identity(row.session))"
        text +=
            ",\"duration\":\(number(row.duration)),\"state\":\"\(row.state.rawValue)\",\"drift\":\(row.drift)"
        // Known of a process that runs, and when live, only.
        if row.descriptors > 0 { text += ",\"descriptors\":\(row.descriptors)" }
        if row.descriptorLimit > 0 { text += ",\"descriptor_limit\":\(row.descriptorLimit)" }
        if row.processes != 1 { text += ",\"processes\":\(row.processes)" }
        text += LeakJSON.keys(row)
        return text + ",\(figures(row.figures))}"
    }

    private static func figures(_ figures: Figures) -> String {
        var text =
            "\"socket_tot\":\(counts(figures.socketTotal)),\"socket_last\":\(counts(figures.socketLast))"
        text += ",\"close_tot\":\(counts(figures.closeTotal)),\"close_last\":\(counts(figures.closeLast))"
        text += ",\"released\":\(counts(figures.released)),\"still_open\":\(counts(figures.stillOpen))"
        let others = Origin.allCases.filter { $0 != .socket }.map { origin in
            "\"\(origin.name)\":{\"opened\":\(figures.others.opened(origin).total)"
                + ",\"closed\":\(figures.others.closed(origin).total),\"open\":\(figures.others.open(origin).total)}"
        }
        return text + ",\"others\":{\(others.joined(separator: ","))}"
    }

    private static func counts(_ c: FamilyCounts) -> String {
        "{\"total\":\(c.total),\"tcp\":\(c.tcp),\"udp\":\(c.udp),\"other\":\(c.other)}"
    }

    private static func identity(_ id: UInt32) -> String { id == AuditEvent.unset ? "null" : "\(id)" }

    /// Always with a fraction, as the schema shows it; never NaN or infinity, which JSON lacks.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "0.0" }
        return "\((value * 1_000).rounded() / 1_000)"
    }
}
