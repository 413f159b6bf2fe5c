import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// Names are let go while events are still on their way: see `NameTable.sweep`.
@Suite("Replay: more names than are kept")
struct ReplayNamesTests {
    @Test(
        "Whoever is shown bears his own name, however long his event had to wait",
        arguments: [WatchSettings.Decoder.auto, .auparse])
    func right(_ decoder: WatchSettings.Decoder) throws {
        let folder = try Scratch()
        let at = 1_700_000_000
        // Some sweeps: a process has two names.
        let count = 9_500
        var lines: [String] = []
        func add(_ node: String, _ record: String, title: Bool = true) {
            lines.append("node=\(node) \(record)")
            let stamp = record.split(separator: " ")[1]
            if title { lines.append("node=\(node) type=PROCTITLE \(stamp) proctitle=\"x\"") }
        }
        func socket(_ name: String, _ pid: Int, _ serial: Int) -> String {
            ReplayLine.syscall(41, exit: 3, "2 1 0 0", pid: pid, serial: serial, at: at, name: name)
        }
        // The one waits for later serials of its node, which come at the very end; the other for a record.
        add("web2", socket("waits", 50, 1))
        // (libauparse takes ever longer while one waits.)
        add("web2", socket("torn", 51, 2), title: decoder == .auparse)
        for number in 0..<count {
            let pid = 1_000 + number
            add("web1", socket("n\(pid)", pid, 10 + 3 * number))
            // Of this one nothing is on the books until it opens a socket.
            let call = number == count - 1 ? 41 : 3
            add(
                "web1",
                ReplayLine.syscall(
                    call, exit: call == 41 ? 9 : 0, call == 41 ? "2 1 0 0" : "9 0 0 0", pid: 60,
                    serial: 11 + 3 * number, at: at, name: "steady"))
            add(
                "web1",
                ReplayLine.syscall(
                    231, exit: 0, "0 0 0 0", pid: pid, serial: 12 + 3 * number, at: at, name: "n\(pid)"))
        }
        add("web2", socket("last", 52, 3))
        let report = try ReplayReport.run(try folder.write("central.log", lines)) { $0.decoder = decoder }
        report.checkSums()
        #expect(report.totals.opened.tcp == count + 4)
        let shown = report.rows.filter { $0.pid != 0 }
        #expect(shown.count > 9_000)
        let others = [50: "waits", 51: "torn", 52: "last", 60: "steady"]
        for row in shown {
            #expect(row.name == others[row.pid] ?? "n\(row.pid)")
            #expect(row.node == (row.pid < 60 ? "web2" : "web1"))
        }
        #expect(shown.count { others[$0.pid] != nil } == 4)
    }
}
