/// What a row of ``JSONLines`` has beside its figures: how it grows, and with `--leaks` what it has open.
enum LeakJSON {
    /// - Returns: keys with a comma before each; nothing where nobody asked.
    static func keys(_ row: Row) -> String {
        var text = ""
        if let growth = row.growth {
            text += ",\"growth_per_minute\":\(number(growth.perMinute))"
            text += ",\"others_growth_per_minute\":\(number(growth.othersPerMinute))"
            text += ",\"grows\":\(growth.isSteady)"
            text += ",\"seconds_to_limit\":\(number(growth.secondsToLimit))"
        }
        if let open = row.openSockets {
            text += ",\"leaks_total\":\(open.total),\"leaks_close_wait\":\(open.closeWait)"
            text += ",\"leaks_unreadable\":\(open.unreadable)"
            text += ",\"leaks\":[\(open.sockets.map { socket($0) }.joined(separator: ","))]"
        }
        return text
    }

    /// One socket, with all that tells whose it is: lines taken out by jq stand for themselves.
    private static func socket(_ socket: OpenSocket) -> String {
        var text = "{\"pid\":\(socket.pid),\"name\":\(Escaping.json(socket.name))"
        text += ",\"uid\":\(identity(socket.uid)),\"auid\":\(identity(socket.auid))"
        text += ",\"session\":\(identity(socket.session)),\"fd\":\(socket.fd)"
        text += ",\"family\":\"\(socket.family.name)\",\"kind\":\"\(socket.kindName)\""
        text += ",\"origin\":\"\(socket.origin.name)\",\"age\":\(number(socket.age))"
        text += ",\"opened\":\(socket.opened.map { "\"\(TimeText.iso($0))\"" } ?? "null")"
        text += ",\"serial\":\(socket.serial == 0 ? "null" : "\(socket.serial)")"
        text += ",\"thread\":\(Escaping.json(socket.thread))"
        text += ",\"state\":\(socket.endpoint.map { "\"\($0.state.name)\"" } ?? "null")"
        switch socket.endpoint {
        case .inet(let local, let peer, _):
            text += ",\"local\":\"\(local.text)\",\"peer\":\"\(peer.text)\"}"
        case .unix(let path, _):
            text += ",\"local\":\(path.isEmpty ? "null" : Escaping.json(path))"
            if !Escaping.isText(path) { text += ",\"local_hex\":\"\(Escaping.hex(path))\"" }
            text += ",\"peer\":null}"
        case nil: text += ",\"local\":null,\"peer\":null}"
        }
        return text
    }

    private static func number(_ value: Double?) -> String { value.map(JSONLines.number) ?? "null" }
    private static func identity(_ id: UInt32) -> String { id == AuditEvent.unset ? "null" : "\(id)" }
}
