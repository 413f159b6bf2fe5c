import Foundation
import Testing

@testable import SockAuditCore

/// What must hold of every rendering, whatever the rows are.
@Suite struct RenderingTests {
    private func parse(_ snapshot: Snapshot) throws -> [String: Any] {
        let line = JSONLines.render(snapshot)
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" }, "one table, one line")
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(object as? [String: Any])
    }

    @Test func theSchemaHasItsKeys() throws {
        let table = try parse(Snapshot(head: Samples.head(), rows: [Samples.nginx(), Samples.curl()]))
        let keys: Set<String> = [
            "schema", "host", "kernel", "sequence", "final", "time", "started", "interval", "scope", "source",
            "mode",
            "verdict", "reasons", "events", "totals", "rows",
        ]
        #expect(keys.isSubset(of: Set(table.keys)))
        #expect(table["schema"] as? String == "sockaudit.table/1")
        #expect(table["verdict"] as? String == "complete")
        #expect(table["time"] as? String == "2026-11-24T22:31:07.000Z")
        let rows = try #require(table["rows"] as? [[String: Any]])
        let rowKeys: Set<String> = [
            "node", "pid", "start", "name", "exe", "uid", "auid", "session", "duration", "state", "drift",
            "socket_tot",
            "socket_last", "close_tot", "close_last", "released", "still_open", "others",
        ]
        for row in rows { #expect(rowKeys.isSubset(of: Set(row.keys))) }
        #expect(rows[1]["auid"] is NSNull && rows[1]["session"] is NSNull, "unset ids are null")
        #expect(rows[0]["auid"] as? Int == 1_000)
        let open = try #require(rows[0]["still_open"] as? [String: Int])
        #expect(open == ["total": 24, "tcp": 10, "udp": 14, "other": 0])
        let others = try #require(rows[0]["others"] as? [String: [String: Int]])
        #expect(others["accept"] == ["opened": 0, "closed": 0, "open": 0])
        #expect(others["socket"] == nil)
    }

    @Test func namesComeBackExactly() throws {
        let rows = Samples.hostileRows
        let parsed = try #require(
            try parse(Snapshot(head: Samples.head(), rows: rows))["rows"] as? [[String: Any]])
        #expect(parsed.count == rows.count)
        for (row, found) in zip(rows, parsed) {
            let name = try #require(found["name"] as? String)
            if let text = String(validating: row.name, as: UTF8.self) {
                #expect(Array(name.utf8) == Array(text.utf8))
                #expect(found["name_hex"] == nil)
            } else {
                #expect(found["name_hex"] as? String == row.name.map { String(format: "%02x", $0) }.joined())
            }
        }
    }

    @Test(arguments: [0.0, 7, 0.1 + 0.2, .nan, .infinity, -1, 1e300])
    func numbersAreJSON(_ value: Double) throws {
        var head = Samples.head()
        head.interval = value
        var row = Samples.nginx()
        row.duration = value
        _ = try parse(Snapshot(head: head, rows: [row]))
    }

    /// Nothing a process chose may break out of its line, or out of the page.
    @Test func theTableIsPlainText() {
        var head = Samples.head()
        head.host = "\u{1B}[31mweb"
        head.scope = ["a\nb"]
        head.reasons = [Reason(.behind, count: 1, "cut\r\nhere")]
        var style = TextTable.Style()
        style.wide = true
        let text = TextTable.render(Snapshot(head: head, rows: Samples.hostileRows), style: style)
        let bad = text.unicodeScalars.filter {
            $0 != "\n" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value))
        }
        #expect(bad.isEmpty)
        // Heading, verdict, reason, a blank line, titles, four lines a row, four of totals.
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == 5 + 4 * 8 + 1)
        #expect(!text.contains(" \n"), "no line ends in blanks")
    }

    @Test func totalsAreThoseOfAllRows() {
        let rows = [Samples.nginx(), Samples.curl()]
        let snapshot = Snapshot(head: Samples.head(), rows: rows, top: 1)
        #expect(snapshot.rows.count == 1 && snapshot.hidden == 1)
        #expect(snapshot.totals.socketTotal == FamilyCounts(tcp: 1_102, udp: 106, other: 3))
        #expect(snapshot.totals.sumsHold)
    }

    @Test func releasedIsShownWhenThereIsSome() {
        func text(_ rows: [Row]) -> String {
            TextTable.render(Snapshot(head: Samples.head(), rows: rows), style: TextTable.Style())
        }
        #expect(!text([Samples.nginx()]).contains("Released"))
        #expect(text([Samples.curl()]).contains("Released"))
    }

    @Test func familiesNotAskedForHaveNoLine() {
        var style = TextTable.Style()
        style.families = [.udp]
        let text = TextTable.render(Snapshot(head: Samples.head(), rows: [Samples.nginx()]), style: style)
        #expect(text.contains("[UDP]") && !text.contains("[TCP]") && !text.contains("[OTHER]"))
    }
}
