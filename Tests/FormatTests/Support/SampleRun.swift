@testable import SockAuditCore

/// A long run of made-up processes, some with names that nobody should have.
struct SampleRun {
    let last: Snapshot
    let history: RunHistory
    private let end: ReportEnd

    /// - Parameter wide: as with `--wide`.
    func page(wide: Bool = false) -> String {
        var head = ReportHead()
        head.host = last.head.host
        head.kernel = last.head.kernel
        head.boot = "5f0c9bb4-4a3c-4e0e-9f5e-0c5b3f3f5f8e"
        head.version = "1.0.0"
        head.source = last.head.source
        head.started = last.head.started
        head.rules = ["socket", "close", "close_range", "execve"].map {
            "-a always,exit -F arch=b64 -S \($0) -F success=1 -F pid!=26501 -F pid!=26502 -F key=sockaudit"
        }
        var style = HTMLReport.Style()
        style.wide = wide
        return HTMLReport.render(last, history, head: head, end: end, style: style)
    }

    private static let names: [[UInt8]] =
        [
            "nginx", "python3", "java", "sshd", "redis-server", "systemd-resolve", "dockerd", "curl",
            "<script>x()</script>", "a\"b'c&d", "\u{202E}txt.exe", "averyverylongnamewithoutanybreak",
        ].map { Array($0.utf8) } + [[0xFF, 0x00, 0x1B]]

    init(tables: Int = 700) {
        var history = RunHistory()
        var last = Snapshot(head: SnapshotHead(), rows: [])
        var end = ReportEnd()
        for table in 1...tables {
            var head = SnapshotHead()
            head.host = "web1.example.org"
            head.kernel = "6.18.1-amd64"
            head.sequence = table
            head.final = table == tables
            head.started = 1_795_559_467_000
            head.time = head.started + Int64(table) * 7_000
            head.interval = 7
            head.source = "multicast"
            head.mode = "standard"
            head.eventsSeen = table * 1_000
            head.eventsUsed = table * 900
            head.reasons = [
                Reason(
                    .olderThanAudit, count: 14,
                    "14 processes began before auditing did and cannot be seen: dbus-daemon, systemd-journald, systemd-logind and 11 more"
                ),
                Reason(
                    .threadOrder, count: 2,
                    "threads of 1 process used numbers twice within one clock tick: up to 2 of their closes may be releases"
                ),
            ]
            let rows = Self.names.indices.map { Self.row($0, table, of: tables) }
            last = Snapshot(head: head, rows: rows.sorted(by: .open))
            history.take(rows, at: head.time)
            end.take(last, isWritten: true)
        }
        self.last = last
        self.history = history
        self.end = end
    }

    /// Each leaks at a pace of its own; one holds steady, one saws, one ends halfway.
    private static func row(_ index: Int, _ table: Int, of tables: Int) -> Row {
        var row = Row()
        row.pid = Int32(1_000 + index * 7_777)
        row.name = names[index]
        row.exe = Array("/usr/lib/some/where/\(index)/".utf8) + names[index]
        row.start = 1_795_559_000_000
        row.duration = Double(table) * 7 + Double(index) * 86_400
        let ended = index == 7 && table > tables / 2
        row.state = ended ? .exited : .running
        let opened = FamilyCounts(tcp: table * (index + 3), udp: table * (index % 3), other: index)
        let open =
            switch index {
            case 1: FamilyCounts(tcp: 40, udp: 2)
            case 2: FamilyCounts(tcp: (table * 7) % 300, other: 2)
            default: FamilyCounts(tcp: table * (13 - index) / 20, udp: table * (index % 3) / 30)
            }
        row.figures.socketTotal = opened
        row.figures.socketLast = FamilyCounts(tcp: index + 3, udp: index % 3)
        row.figures.stillOpen = ended ? FamilyCounts() : open
        row.figures.released = ended ? open : FamilyCounts()
        row.figures.closeTotal = opened - open
        row.figures.closeLast = FamilyCounts(tcp: index)
        row.drift = index == 3 ? 2 : 0
        for _ in 0..<(index == 0 ? 150 : 0) { row.figures.others.came(.accept, .tcp) }
        (row.descriptors, row.descriptorLimit) = ended ? (0, 0) : (open.total + 160, 1_024)
        return row
    }
}
