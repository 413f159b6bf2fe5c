import SockAuditCore

@testable import SockAuditCore

/// A run's tables in every form there is: JSON reads back to the same figures, and nothing that does not show as
/// itself gets out.
struct RenderedTables {
    private(set) var count = 0
    private var history = RunHistory()
    private var growth = GrowthHistory()
    private var sums = MetricSums()
    private var end = ReportEnd()

    static func endpoint(_ fd: Int32, _ inode: UInt64, _ names: [[UInt8]]) -> EndpointAnswer {
        let states: [SocketState] = [.established, .closeWait, .listen, .timeWait, .unconnected, .connected]
        let state = states[Int(inode % 6)]
        let local = InetAddress(high: inode, low: UInt64(UInt32(bitPattern: fd)), isV6: fd % 2 == 0, port: 80)
        switch fd % 4 {
        case 0: return .unreadable
        case 1: return .none
        case 2: return .known(.unix(path: names[Int(inode) % names.count], state))
        default: return .known(.inet(local: local, peer: local, state))
        }
    }

    mutating func fault(
        _ rows: [Row], at now: Int64, _ flags: UInt8, names: [[UInt8]], isLive: Bool
    ) -> String? {
        count += 1
        let name = String(decoding: names.last ?? [], as: UTF8.self)
        var head = SnapshotHead()
        (head.host, head.kernel, head.scope, head.scopeNote) = (name, name, ["all", name], name)
        (head.sequence, head.time, head.started) = (count, now, now / 2)
        (head.interval, head.mode, head.fromInput) = (Double(flags) / 7, "standard", !isLive)
        head.reasons = [Reason(.behind, count: 1, name), Reason(.kernelLost, count: Int(flags), name)]
        if flags & 4 == 0 { head.reasons = [] }
        if flags & 2 != 0 { head.olderThan = 1 }
        var rows = rows
        if flags & 8 != 0 {
            let groupings: [RowShaping.Grouping] = [.name, .exe, .auid, .node, .unit]
            rows = RowShaping.shape(rows, families: [.tcp, .other], grouping: groupings[count % 5])
        }
        growth.take(&rows, head)
        rows.sort(by: RowOrder.allCases[Int(flags) % RowOrder.allCases.count])
        let snapshot = Snapshot(head: head, rows: rows)
        if snapshot.totals != rows.reduce(into: Figures(), { $0 += $1.figures }) {
            return "the totals are no sum"
        }
        history.take(snapshot.rows, at: now)
        sums.take(snapshot.rows)
        end.take(snapshot, isWritten: true)
        // One form at most: to write and read them takes much longer than all that comes before.
        return flags & 0x80 == 0 ? nil : formFault(snapshot, Int(flags >> 4 & 7), wide: flags & 8 != 0)
    }

    private func formFault(_ snapshot: Snapshot, _ form: Int, wide: Bool) -> String? {
        var run = ReportHead()
        (run.host, run.scope, run.rules) = (snapshot.head.host, snapshot.head.scope, [snapshot.head.host])
        switch form {
        case 0...2: return jsonFault(snapshot)
        case 3, 4:
            var style = TextTable.Style()
            style.wide = wide
            style.utcOffset = -3_600
            return hidden("text", TextTable.render(snapshot, style: style))
        case 5:
            let csv = CSVTable.header + CSVTable.render(snapshot)
            let ends = csv.utf8.count { $0 == 0x0D }
            if ends != snapshot.rows.count + 1 {
                return "CSV has \(ends) lines for \(snapshot.rows.count) rows"
            }
            return hidden("CSV", csv.replacing("\r\n", with: "\n"))
        case 6: return sealFault("Prometheus", PrometheusText.report(sums, snapshot, head: run, end: end))
        default:
            var style = HTMLReport.Style()
            style.wide = wide
            return sealFault("HTML", HTMLReport.render(snapshot, history, head: run, end: end, style: style))
        }
    }

    /// Unsafe: the text is looked at while it is there.
    private func sealFault(_ form: String, _ text: String) -> String? {
        var check = ReportCheck()
        unsafe Array(text.utf8).withUnsafeBytes { unsafe check.push($0) }
        check.finish()
        return check.isRight ? hidden(form, text) : "\(form)'s seal is wrong"
    }

    private func jsonFault(_ snapshot: Snapshot) -> String? {
        let line = Array(JSONLines.render(snapshot).utf8)
        guard line.last == 0x0A, line.count(where: { $0 == 0x0A }) == 1 else { return "JSON is not one line" }
        guard JSONValue.parse(line) != nil else { return "JSON cannot be read back" }
        guard let table = ReportTable(line: line) else { return "JSON is no table to its own reader" }
        let sums = table.names.values.reduce(into: Figures()) {
            $0.socketTotal += $1.socketTotal
            $0.closeTotal += $1.closeTotal
            $0.stillOpen += $1.stillOpen
        }
        let told = snapshot.totals
        guard sums.socketTotal == told.socketTotal, sums.closeTotal == told.closeTotal,
            sums.stillOpen == told.stillOpen
        else { return "JSON reads back to other figures" }
        let diff = ReportDiff(old: table, new: table, limit: 1)
        if diff.isOverLimit { return "a table differs from itself" }
        return hidden("diff", DiffText.text(diff)) ?? hidden("JSON", String(decoding: line, as: UTF8.self))
    }

    /// What a terminal, or a page, would take for something else than a character in one place.
    private func hidden(_ form: String, _ text: String) -> String? {
        for scalar in text.unicodeScalars {
            if scalar.value == 0x0A || (0x20..<0x7F).contains(scalar.value) || !Escaping.isHidden(scalar) {
                continue
            }
            return "\(form) lets U+\(String(scalar.value, radix: 16)) through"
        }
        return nil
    }
}
