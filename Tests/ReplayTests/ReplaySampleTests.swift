import AuditStream
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

@Suite("Replay: the sample log")
struct ReplaySampleTests {
    private let sample = ReplayFixtures.sample

    @Test("The figures of every process agree with an independent count")
    func counts() throws {
        let report = try ReplayReport.run(sample)
        let counter = ReplayCounter(try ReplayFixtures.sampleLines())
        #expect(report.code == 0)
        #expect(report.verdict == "unverified")
        #expect(report.reasons.isEmpty)
        report.checkSums()
        #expect(Set(report.rows.map(\.pid)).count == report.rows.count)
        var found: [Int: ReplayFigures] = [:]
        for row in report.rows where row.figures.opened.total > 0 { found[row.pid] = row.figures }
        #expect(Set(found.keys) == Set(counter.figures.keys))
        for (pid, wanted) in counter.figures {
            #expect(found[pid]?.opened == wanted.opened, "SocketTOT of \(pid)")
            #expect(found[pid]?.closed == wanted.closed, "CloseTOT of \(pid)")
            #expect(found[pid]?.released == wanted.released, "Released of \(pid)")
            #expect(found[pid]?.open == wanted.open, "StillOPEN of \(pid)")
        }
        #expect(report.totals.opened.total == 74)
        #expect(report.sockets(of: 26_755)?.opened.total == 49)
        #expect(report.totals.openedLast == report.totals.opened)
        #expect(report.totals.closedLast == report.totals.closed)
    }

    @Test("Events: one a SYSCALL record")
    func events() throws {
        let report = try ReplayReport.run(sample)
        let events = try #require(report.table?["events"] as? [String: Int])
        #expect(events["seen"] == 1_027)
        #expect(events["lost"] == 0)
        #expect((events["used"] ?? 0) > 74)
        #expect(report.table?["final"] as? Bool == true)
        #expect(report.table?["source"] as? String == "input")
        #expect(report.table?["schema"] as? String == "sockaudit.table/1")
    }

    @Test("The golden table")
    func golden() throws {
        let found = try #require(try ReplayReport.run(sample).table)
        let data = try JSONSerialization.data(
            withJSONObject: found, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        let kept = try #require(Golden.kept("sample.json", in: "replay", orRecord: data))
        let wanted = try JSONSerialization.jsonObject(with: kept)
        // Foundation on Linux hands out a Swift dictionary, which isEqual does not bridge by itself.
        #expect(found == (try #require(wanted as? [String: Any])) as NSDictionary)
    }

    @Test("Scope, family and grouping only choose and add up")
    func shaping() throws {
        let all = try ReplayReport.run(sample)
        let names = Set(all.rows.map(\.name))
        #expect(names.count > 1)
        for name in names {
            let one = try ReplayReport.run(sample, scope: Scope(patterns: [name]))
            one.checkSums()
            let wanted = all.rows.filter { $0.name == name }
            for row in wanted { #expect(one.rows.contains(row), "\(name) \(row.pid)") }
        }
        let grouped = try ReplayReport.run(sample) { $0.grouping = .name }
        #expect(Set(grouped.rows.map(\.name)) == names)
        #expect(grouped.totals == all.totals)
        grouped.checkSums()
        let tcp = try ReplayReport.run(sample) { $0.families = [.tcp] }
        #expect(tcp.totals.opened.tcp == all.totals.opened.tcp)
        #expect(tcp.totals.opened.total == all.totals.opened.tcp)
        tcp.checkSums()
        let none = try ReplayReport.run(sample, scope: Scope(patterns: ["no-such-name"]))
        #expect(none.code == 1)
        #expect(none.table == nil)
    }

    @Test("--fail-open ends with 5 when reached")
    func failOpen() throws {
        let open = try ReplayReport.run(sample).totals.open.total
        #expect(try ReplayReport.run(sample) { $0.failOpen = open + 1 }.code == 0)
        #expect(try ReplayReport.run(sample) { $0.failOpen = open }.code == 5)
    }

    @Test("The same log twice gives the same bytes")
    func twice() throws {
        let one = try ReplayReport.run(sample)
        #expect(one.table == (try ReplayReport.run(sample)).table)
    }
}

@Suite("Replay: the table for people")
struct ReplayTextTests {
    private func row(
        _ name: String, _ pid: Int32, open: FamilyCounts, closed: FamilyCounts, released: FamilyCounts,
        state: ProcessState
    ) -> Row {
        var row = Row()
        row.name = Array(name.utf8)
        row.pid = pid
        row.start = 1_700_000_000_000
        row.exe = Array("/usr/bin/\(name)".utf8)
        row.auid = pid == 99 ? AuditEvent.unset : 1_000
        row.duration = Double(pid) + 0.5
        row.state = state
        row.figures.socketTotal = open + closed + released
        row.figures.socketLast = open
        row.figures.closeTotal = closed
        row.figures.released = released
        row.figures.stillOpen = open
        return row
    }

    @Test("Golden text, plain and wide")
    func golden() throws {
        var head = SnapshotHead()
        head.host = "web1"
        head.kernel = "6.18.1"
        head.sequence = 3
        head.time = 1_700_000_067_000
        head.started = 1_700_000_000_000
        head.interval = 7
        head.source = "multicast"
        head.mode = "standard"
        head.eventsSeen = 41_204
        head.reasons = [Reason(.ioUring, count: 1, "1 process uses io_uring, whose sockets are not audited")]
        let rows = [
            row(
                "nginx", 1_234, open: FamilyCounts(tcp: 10, udp: 14, other: 0),
                closed: FamilyCounts(tcp: 1_090, udp: 90), released: FamilyCounts(), state: .running),
            row(
                "evil\u{1B}[2J\u{202E}name", 99, open: FamilyCounts(), closed: FamilyCounts(tcp: 1),
                released: FamilyCounts(other: 2), state: .exited),
        ]
        let snapshot = Snapshot(head: head, rows: rows)
        var wide = TextTable.Style()
        wide.wide = true
        let text =
            TextTable.render(snapshot, style: TextTable.Style()) + "\n"
            + TextTable.render(snapshot, style: wide)
        #expect(!text.contains("\u{1B}") && !text.contains("\u{202E}"))
        Golden.expect(text, "table.txt", in: "replay")
    }
}
