import TestSupport
import Testing

@testable import SockAuditCore

/// Two tables held against each other.
@Suite struct ReportDiffTests {
    private func row(
        _ name: [UInt8], _ pid: Int32 = 7, node: String = "", tcp: Int, closed: Int = 0, released: Int = 0
    ) -> Row {
        var row = Row()
        row.name = name
        row.pid = pid
        row.node = Array(node.utf8)
        row.state = pid == 0 ? .exited : .running
        row.figures = Samples.figures(
            FamilyCounts(tcp: tcp, udp: 1), closed: FamilyCounts(tcp: closed),
            released: FamilyCounts(tcp: released, udp: 1))
        return row
    }

    private func row(
        _ name: String, _ pid: Int32 = 7, node: String = "", tcp: Int, closed: Int = 0, released: Int = 0
    ) -> Row { row(Array(name.utf8), pid, node: node, tcp: tcp, closed: closed, released: released) }

    /// Through JSON and back, as reports go.
    private func table(
        _ rows: [Row], top: Int? = nil, _ change: (inout SnapshotHead) -> Void = { _ in }
    ) throws -> ReportTable {
        var head = Samples.head(final: true)
        change(&head)
        let line = JSONLines.render(Snapshot(head: head, rows: rows, top: top))
        return try #require(ReportTable(line: Array(line.utf8)))
    }

    private func names(_ diff: ReportDiff) -> [String] {
        diff.names.map { "\(Escaping.visible($0.key.name)) \($0.change.rawValue) \($0.growth)" }
    }

    private func sample() throws -> ReportDiff {
        let old = try table([
            row("nginx", 1, tcp: 30, closed: 6), row("curl", tcp: 5), row("cron", tcp: 2),
            row("gone", tcp: 3),
            row("idle", tcp: 9, closed: 9), row([0xFF, 0x41], tcp: 1),
        ])
        let new = try table(
            [
                row("nginx", 2, tcp: 25), row("nginx", 3, tcp: 20, closed: 5), row("curl", tcp: 7, closed: 6),
                row("cron", tcp: 2), row("fresh\n", node: "db1", tcp: 8, released: 1),
                row("idle", tcp: 11, closed: 11), row([0xFF, 0x41], tcp: 3),
            ]
        ) {
            $0.time += 3_600_000
            $0.reasons = [Reason(.kernelLost, count: 1, "x")]
        }
        return ReportDiff(old: old, new: new, limit: 16)
    }

    @Test func goldens() throws {
        let diff = try sample()
        Golden.expect(DiffText.text(diff), "diff.txt")
        Golden.expect(DiffText.json(diff), "diff.json")
        let same = try table([row("cron", tcp: 2)])
        let none = ReportDiff(old: same, new: same)
        Golden.expect(DiffText.text(none) + DiffText.json(none), "diff-same.txt")
    }

    @Test func byGrowthOfWhatIsOpen() throws {
        let diff = try sample()
        #expect(
            names(diff) == [
                "nginx grew 16", "fresh\\x0a new 7", "\\xffA grew 2", "cron same 0", "idle same 0",
                "gone gone -3", "curl fell -4",
            ])
        let nginx = try #require(diff.names.first)
        #expect(nginx.new.socketTotal == FamilyCounts(tcp: 45, udp: 2) && nginx.new.closeTotal.tcp == 5)
    }

    @Test func failGrowthIsOfOneName() throws {
        let old = try table([row("a", tcp: 1), row("b", tcp: 1)])
        let new = try table([row("a", tcp: 5), row("b", tcp: 5), row("c", tcp: 4)])
        for (limit, over) in [(1, true), (4, true), (5, false)] {
            #expect(ReportDiff(old: old, new: new, limit: limit).isOverLimit == over)
        }
        #expect(!ReportDiff(old: old, new: new).isOverLimit)
        #expect(!ReportDiff(old: new, new: old, limit: 1).isOverLimit)
        #expect(
            ReportDiff(old: try table([]), new: old, limit: 1).isOverLimit, "a new name grows from nothing")
    }

    @Test func foldedRowsBelongToTheirName() throws {
        let new = try table([
            row("curl", 8, tcp: 2), row("curl (ended)", 0, tcp: 40, closed: 40), row("x (ended)", 9, tcp: 1),
            row("(ended)", 0, tcp: 3, closed: 3),
        ])
        let sums = Dictionary(
            uniqueKeysWithValues: new.names.map { (Escaping.visible($0.key.name), $0.value.socketTotal.tcp) })
        #expect(sums == ["curl": 42, "x (ended)": 1, "(ended)": 3])
    }

    @Test func whatIsDoubtfulIsSaid() throws {
        let old = try table([row("a", tcp: 1), row("b", tcp: 1)], top: 1)
        let new = try table([]) { $0.reasons = [Reason(.ioUring, count: 1, "x")] }
        #expect(
            ReportDiff(old: old, new: new).doubts == [
                "OLD leaves 1 rows out (--top): names may be missing", "NEW is PARTIAL",
            ])
    }

    /// What was asked for differently would show as new and gone names.
    @Test func whatIsNotComparableIsSaid() throws {
        let old = try table([row("a", tcp: 1)])
        for (change, words) in Self.changes {
            let diff = ReportDiff(old: old, new: try table([row("a", tcp: 9)], change), limit: 1)
            #expect(diff.mismatches == [words] && diff.doubts == ["not comparable: \(words)"])
            #expect(DiffText.text(diff).contains("  note: not comparable: \(words)\n"))
            #expect(DiffText.json(diff).contains("\"comparable\":false,\"notes\":[\"not comparable: "))
        }
        let alike = try table([]) {
            $0.groupBy = "name"
            $0.families = [.other, .udp, .tcp]
        }
        #expect(ReportDiff(old: old, new: alike).mismatches == [], "all are summed by name")
    }

    private static let changes: [(@Sendable (inout SnapshotHead) -> Void, String)] = [
        ({ $0.groupBy = "exe" }, "OLD has --group-by process, NEW --group-by exe"),
        ({ $0.families = [.tcp] }, "OLD has --family other,tcp,udp, NEW --family tcp"),
        ({ $0.scope = ["nginx", "curl"] }, "OLD is of all, NEW of curl,nginx"),
    ]

    @Test func aReportThatDoesNotSayIsComparedAsBefore() throws {
        let new = try table([]) {
            $0.groupBy = "exe"
            $0.families = [.udp]
        }
        var old = try table([])
        (old.groupBy, old.families) = (nil, nil)
        #expect(ReportDiff(old: old, new: new).mismatches == [])
        let keys = "\"group_by\":\"process\",\"families\":[\"tcp\",\"udp\",\"other\"],"
        let line = JSONLines.render(Snapshot(head: Samples.head(), rows: []))
        let parts = line.split(separator: keys, omittingEmptySubsequences: false)
        let read = try #require(ReportTable(line: Array(parts.joined().utf8)))
        #expect(parts.count == 2 && read.groupBy == nil && read.families == nil && read.scope == ["all"])
    }

    /// Names come back byte for byte, whatever they are.
    @Test func hostileNamesSurvive() throws {
        let read = try table(Samples.hostileRows)
        #expect(Set(read.names.keys.map(\.name)) == Set(Samples.hostileRows.map(\.name)))
        let diff = ReportDiff(old: try table([]), new: read)
        let text = DiffText.text(diff)
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !Escaping.isHidden($0) })
        let json = try #require(JSONValue.parse(Array(DiffText.json(diff).utf8)))
        #expect(json["names"]?.items?.count == Samples.hostileRows.count)
        let raw = try #require(json["names"]?.items?.first { $0["name_hex"] != nil })
        #expect(raw["name"]?.text == "\\xff\u{0}A" && raw["name_hex"]?.text == "ff0041")
    }

    @Test(arguments: [
        ("sockaudit.table/1", "sockaudit.table/2"), ("\"closed\"", "\"x\":1,\"x\""),
        ("\"close_tot\":{\"total\":6,\"tcp\":6", "\"close_tot\":{\"total\":6,\"tcp\":5"),
        ("\"close_tot\":{\"total\":6,\"tcp\":6", "\"close_tot\":{\"total\":7,\"tcp\":7"),
        ("\"pid\":", "\"pit\":"),
        ("\"still_open\":{\"total\":24,\"tcp\":24", "\"still_open\":{\"total\":24.5,\"tcp\":24.5"), ("]", ""),
        ("\"name\":\"nginx\"", "\"name\":\"nginx\",\"name_hex\":\"6g\""),
    ])
    func damageIsRefused(_ what: String, _ by: String) throws {
        let line = JSONLines.render(Snapshot(head: Samples.head(), rows: [row("nginx", tcp: 30, closed: 6)]))
        #expect(ReportTable(line: Array(line.utf8)) != nil)
        let parts = line.split(separator: what, omittingEmptySubsequences: false)
        try #require(parts.count > 1, "\(what)")
        #expect(ReportTable(line: Array(parts.joined(separator: by).utf8)) == nil)
    }
}
