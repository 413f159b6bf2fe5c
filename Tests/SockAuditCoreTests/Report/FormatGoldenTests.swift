import TestSupport
import Testing

@testable import SockAuditCore

/// CSV, HTML and Prometheus as people and programs see them. Text and JSON: ``GoldenTests``.
@Suite struct FormatGoldenTests {
    private func all(_ tables: [Snapshot], _ name: String, offset: Int = 0) {
        var history = RunHistory()
        var sums = MetricSums()
        var end = ReportEnd()
        let head = ReportCheckTests.head()
        var csv = ReportFrame.head(head, .csv) + CSVTable.header
        for table in tables {
            end.take(table, isWritten: true)
            history.take(table.rows, at: table.head.time)
            sums.take(table.rows)
            csv += CSVTable.render(table)
        }
        guard let last = tables.last else { return }
        var style = HTMLReport.Style()
        style.utcOffset = offset
        csv = ReportFrame.sealed(csv + ReportFrame.end(end, .csv), .csv)
        let page = HTMLReport.render(last, history, head: head, end: end, style: style)
        let metrics = PrometheusText.report(sums, last, head: head, end: end)
        for (ending, text) in [("csv", csv), ("html", page), ("prom", metrics)] {
            Golden.expect(text, "\(name).\(ending)")
            #expect(ReportCheckTests.check(text).isRight)
        }
    }

    @Test func hostileNames() {
        all([Snapshot(head: Hostile.head(), rows: Hostile.rows())], "hostile-formats")
    }

    @Test func noRows() { all([Snapshot(head: Samples.head(final: true), rows: [])], "no-rows") }

    @Test func aRunOfTables() {
        let tables = (1...4).map { table in
            var head = Samples.head(final: table == 4)
            head.sequence = table
            head.time += Int64(table) * 7_000
            if table == 4 {
                head.eventsLost = 12
                head.reasons = [
                    Reason(.kernelLost, count: 12, "the kernel lost 12 audit records since 22:31:00"),
                    Reason(.backlogWait, count: 3, "programs waited for the audit queue"),
                ]
            }
            var nginx = Samples.nginx()
            nginx.figures = Samples.figures(
                FamilyCounts(tcp: 10 * table, udp: table), last: FamilyCounts(tcp: 10, udp: 1),
                closed: FamilyCounts(tcp: 4 * table))
            nginx.figures.others.came(.accept, .tcp)
            nginx.drift = table == 4 ? 2 : 0
            return Snapshot(head: head, rows: table == 1 ? [nginx] : [nginx, Samples.curl()])
        }
        all(tables, "run")
    }

    @Test func ofAnInputAnHourEast() {
        var row = Samples.nginx()
        row.node = Array("db7".utf8)
        row.state = .unknown
        let rows = [row, Samples.curl()]
        all(
            [Snapshot(head: Samples.head(final: true, input: true), rows: rows, top: 1)], "input-east",
            offset: 3_600)
    }
}
