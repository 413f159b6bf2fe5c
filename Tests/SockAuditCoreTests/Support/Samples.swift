@testable import SockAuditCore

/// Tables of made-up processes, all with the numbers that the renderers must show.
enum Samples {
    static let time: Int64 = 1_795_559_467_000

    static func figures(
        _ opened: FamilyCounts, last: FamilyCounts = FamilyCounts(), closed: FamilyCounts = FamilyCounts(),
        closedLast: FamilyCounts = FamilyCounts(), released: FamilyCounts = FamilyCounts()
    ) -> Figures {
        var figures = Figures()
        figures.socketTotal = opened
        figures.socketLast = last
        figures.closeTotal = closed
        figures.closeLast = closedLast
        figures.released = released
        figures.stillOpen = opened - closed - released
        return figures
    }

    static func nginx() -> Row {
        var row = Row()
        row.pid = 1_234
        row.start = time - 201_400
        row.name = Array("nginx".utf8)
        row.exe = Array("/usr/sbin/nginx".utf8)
        row.uid = 33
        row.auid = 1_000
        row.session = 3
        row.duration = 201.4
        row.state = .running
        row.figures = figures(
            FamilyCounts(tcp: 1_100, udp: 104), last: FamilyCounts(tcp: 30, udp: 1),
            closed: FamilyCounts(tcp: 1_090, udp: 90), closedLast: FamilyCounts(tcp: 28, udp: 1))
        return row
    }

    /// Ended, with sockets that its exit released.
    static func curl() -> Row {
        var row = Row()
        row.pid = 77
        row.start = time - 90_000_000
        row.name = Array("curl".utf8)
        row.exe = Array("/usr/bin/curl".utf8)
        row.uid = 0
        row.duration = 90_000
        row.state = .exited
        row.figures = figures(
            FamilyCounts(tcp: 2, udp: 2, other: 3), closed: FamilyCounts(tcp: 1, other: 2),
            released: FamilyCounts(tcp: 1, udp: 2, other: 1))
        return row
    }

    static func hostile(_ name: [UInt8], pid: Int32, exe: [UInt8] = []) -> Row {
        var row = nginx()
        row.pid = pid
        row.name = name
        row.exe = exe
        row.figures = figures(FamilyCounts(other: 1))
        return row
    }

    static let hostileRows: [Row] = [
        hostile(Array("\u{1B}[2Jboo\n".utf8), pid: 1, exe: Array("/tmp/\u{202E}gpj.exe".utf8)),
        hostile([0xFF, 0x00, 0x41], pid: 2, exe: [0x2F, 0xC3, 0x28]),
        hostile(Array("a\\x41\"b\"".utf8), pid: 3),
        hostile(Array("日本語サーバ".utf8), pid: 4), hostile(Array("e\u{301}tat 🦀".utf8), pid: 5),
        hostile([], pid: 6), hostile(Array(repeating: 0x78, count: 60), pid: 7),
    ]

    static func head(final: Bool = false, input: Bool = false) -> SnapshotHead {
        var head = SnapshotHead()
        head.host = "web1"
        head.kernel = "6.18.1"
        head.sequence = 3
        head.final = final
        head.time = time
        head.started = time - 21_000
        head.interval = input ? 21 : 7
        head.source = input ? "input" : "multicast"
        head.mode = input ? "" : "standard"
        head.eventsSeen = 41_204
        head.eventsUsed = 40_000
        head.fromInput = input
        return head
    }
}
