import Testing

@testable import SockAuditCore

/// The note about descriptors near their limit, and the line under the table.
@Suite struct NearLimitTests {
    private func row(
        _ pid: Int32, _ descriptors: Int = 0, of limit: Int = 0, open: Int = 0, grown: Int = 0,
        accepted: Int = 0,
        acceptedGrown: Int = 0, state: ProcessState = .running
    ) -> Row {
        var row = Row()
        row.pid = pid
        row.name = Array("srv\u{1B}".utf8)
        (row.descriptors, row.descriptorLimit) = (descriptors, limit)
        row.figures = Samples.figures(FamilyCounts(tcp: open), last: FamilyCounts(tcp: max(0, grown)))
        if grown < 0 { row.figures.closeLast = FamilyCounts(tcp: -grown) }
        for _ in 0..<accepted { row.figures.others.came(.accept, .tcp) }
        row.acceptedGrowth = acceptedGrown
        row.state = state
        return row
    }

    @Test func aboveFourFifths() throws {
        #expect(
            NearLimit.note([row(1, 80, of: 100), row(2, 900), row(3, 99, of: 100, state: .exited)]) == nil)
        let rows = [
            row(1, 81, of: 100), row(2, 1_000, of: 1_000), row(3, 820, of: 1_000), row(4, 83, of: 100),
        ]
        let note = try #require(NearLimit.note(rows))
        #expect(note.code == .limitNear && note.count == 4 && note.code.verdict == nil)
        #expect(
            note.text
                == "descriptors near the limit: srv\\x1b (2) 1000 of 1000; srv\\x1b (4) 83 of 100; srv\\x1b (3) 820 of 1000; and 1 more processes"
        )
    }

    private func next(_ rows: [Row], input: Bool = false) -> String? {
        NextLook.line(Snapshot(head: Samples.head(input: input), rows: rows))
    }

    @Test func nothingStandsOut() {
        #expect(next([]) == nil)
        #expect(next([row(1, open: 99, grown: 5)]) == nil, "few")
        #expect(next([row(1, open: 500)]) == nil, "no more than before")
        #expect(next([row(1, open: 500, grown: -3)]) == nil)
        #expect(next([row(1, open: 500, grown: 500)]) == nil, "it begins")
        #expect(next([row(1, open: 500, grown: 5, state: .exited)]) == nil)
        #expect(next([row(0, open: 500, grown: 5)]) == nil, "a group has no pid")
        #expect(next([row(1, open: 500, grown: 5)], input: true) == nil, "its pids may be another's by now")
    }

    @Test func whatGrewMost() {
        let rows = [row(1, open: 500, grown: 5), row(2, open: 100, grown: 9), row(3, open: 900, grown: 9)]
        #expect(
            next(rows)
                == "next: srv\\x1b (3) holds 900 sockets; in this interval 9 more came than were closed: --leaks tells which; ls -l /proc/3/fd; ss -ap | grep pid=3,\n"
        )
        #expect(
            next(rows + [row(4, accepted: 150, acceptedGrown: 10)])?.contains(
                "(4) holds 150 sockets; in this interval 10 more") == true)
        #expect(next(rows + [row(5, 90, of: 100)])?.contains("(5) may open only 10 more") == true)
    }

    @Test func underTheTableAndInAColumn() {
        let snapshot = Snapshot(
            head: Samples.head(), rows: [row(3, 120, of: 1_024, open: 110, grown: 9), row(4, 12, open: 1)])
        var style = TextTable.Style()
        Golden.expect(TextTable.render(snapshot, style: style), "next.txt")
        style.wide = true
        Golden.expect(TextTable.render(snapshot, style: style), "next-wide.txt")
    }
}
