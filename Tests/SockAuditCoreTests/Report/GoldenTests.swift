import TestSupport
import Testing

@testable import SockAuditCore

/// The table and the JSON line as people and scripts see them.
@Suite struct GoldenTests {
    private func both(
        _ snapshot: Snapshot, _ name: String, _ change: (inout TextTable.Style) -> Void = { _ in }
    ) {
        var style = TextTable.Style()
        change(&style)
        Golden.expect(TextTable.render(snapshot, style: style), name + ".txt")
        Golden.expect(JSONLines.render(snapshot), name + ".jsonl")
    }

    @Test func oneRow() { both(Snapshot(head: Samples.head(), rows: [Samples.nginx()]), "one-row") }

    @Test func noRows() { both(Snapshot(head: Samples.head(final: true), rows: []), "no-rows") }

    @Test func severalRowsWithAnExitedOne() {
        both(Snapshot(head: Samples.head(), rows: [Samples.nginx(), Samples.curl()]), "released-and-exited")
    }

    @Test func wide() {
        var nginx = Samples.nginx()
        nginx.figures.others.came(.accept, .tcp)
        nginx.figures.others.came(.accept, .tcp)
        nginx.figures.others.went(.accept, .tcp)
        nginx.figures.others.came(.dup, .udp)
        nginx.drift = 2
        var head = Samples.head()
        head.scope = ["nginx", "curl"]
        head.scopeNote = "rules for /usr/sbin/nginx"
        both(Snapshot(head: head, rows: [nginx, Samples.curl()]), "wide") { $0.wide = true }
    }

    @Test func hostileNames() {
        var head = Samples.head()
        head.host = "web\u{1B}[31m\u{202E}1"
        head.scope = ["evil\n*"]
        both(Snapshot(head: head, rows: Samples.hostileRows), "hostile-names") { $0.wide = true }
    }

    @Test func ofAnInput() {
        var row = Samples.nginx()
        row.node = Array("db7".utf8)
        row.state = .unknown
        both(Snapshot(head: Samples.head(final: true, input: true), rows: [row, Samples.curl()]), "input")
    }

    @Test func lossyWithReasonsAndTop() {
        var head = Samples.head()
        head.eventsLost = 12
        head.reasons = [
            Reason(.kernelLost, count: 12, "the kernel lost 12 audit records since 22:31:00"),
            Reason(.backlogWait, count: 3, "programs waited for the audit queue"),
        ]
        let rows = [Samples.nginx(), Samples.curl(), Samples.hostile(Array("x".utf8), pid: 9)]
        both(Snapshot(head: head, rows: rows, top: 1), "lossy-top")
    }

    @Test func oneFamilyAnHourEast() {
        both(Snapshot(head: Samples.head(), rows: [Samples.nginx()]), "tcp-only") {
            $0.families = [.tcp]
            $0.utcOffset = 3_600
        }
    }

    @Test func foldedAndGrouped() {
        var folded = Samples.curl()
        folded.pid = 0
        folded.processes = 412
        folded.name = Array("curl (ended)".utf8)
        both(Snapshot(head: Samples.head(), rows: [Samples.nginx(), folded]), "folded")
    }
}
