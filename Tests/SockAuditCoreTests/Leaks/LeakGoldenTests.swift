import TestSupport
import Testing

@testable import SockAuditCore

/// `--leaks` as people and scripts see it.
@Suite struct LeakGoldenTests {
    private func leaky(_ pid: Int32 = 1_234, sockets: [OpenSocket], unreadable: Int = 0) -> Row {
        var row = Samples.nginx()
        row.pid = pid
        row.name = Array("leaky".utf8)
        var open = OpenSocketsTests.all(sockets)
        for fd in 0..<Int32(unreadable) {
            open.add(OpenSocketsTests.socket(900 + fd, nil, opened: nil), isUnreadable: true)
        }
        row.openSockets = open
        (row.descriptors, row.descriptorLimit) = (56, 1_024)
        row.growth = Growth()
        row.growth?.perMinute = 24
        row.growth?.othersPerMinute = 0.25
        row.growth?.allPerMinute = 24.25
        row.growth?.isSteady = pid == 1_234
        row.growth?.span = 70
        row.growth?.secondsToLimit = 2_420.5
        return row
    }

    private static func unix(_ fd: Int32, _ path: String) -> OpenSocket {
        var socket = OpenSocketsTests.socket(fd, nil)
        socket.family = .other
        socket.endpoint = .unix(path: Array(path.utf8), .connected)
        return socket
    }

    private var rows: [Row] {
        let many = (1...60).map {
            OpenSocketsTests.socket(
                Int32($0), .closeWait, opened: Samples.time - Int64($0) * 1_000,
                local: (0x7F00_0001, UInt16(40_000 + $0)), thread: "orders")
        }
        let services = (1...14).map {
            OpenSocketsTests.socket(
                Int32(100 + $0), opened: Samples.time - 100, peer: (0x0A00_0000 + UInt64($0), 5_432))
        }
        let six = InetAddress(high: 0x2001_0db8_0000_0000, low: 1, isV6: true, port: 443)
        var v6 = OpenSocketsTests.socket(200, opened: nil, origin: .earlier)
        v6.endpoint = .inet(local: six, peer: six, .established)
        var netlink = OpenSocketsTests.socket(201, nil)
        (netlink.family, netlink.kind) = (.other, .netlink)
        let quiet = [
            OpenSocketsTests.socket(
                3, .listen, opened: Samples.time - 200_000, origin: .socket, peer: (0, 0)), v6, netlink,
            Self.unix(7, "/run/\u{1B}[2Jx\n<b>"), Self.unix(8, ""),
        ]
        return [leaky(77, sockets: quiet, unreadable: 2), leaky(sockets: many + services)]
    }

    private func snapshot(_ rows: [Row], input: Bool = false, olderThan: Double = 0) -> Snapshot {
        var head = Samples.head(input: input)
        head.olderThan = olderThan
        return Snapshot(head: head, rows: rows)
    }

    private func html(_ snapshot: Snapshot) -> String {
        LeakHTML.section(snapshot, utcOffset: 0)
    }

    @Test func allFormats() {
        let snapshot = snapshot(rows)
        Golden.expect(TextTable.render(snapshot, style: TextTable.Style()), "leaks.txt")
        Golden.expect(JSONLines.render(snapshot), "leaks.jsonl")
        Golden.expect(html(snapshot), "leaks-section.html")
    }

    /// No ends in a log; rows of several processes tell whose each socket is.
    @Test func ofALogAndGrouped() {
        var logged = rows
        for index in logged.indices {
            logged[index].growth = nil
            (logged[index].descriptors, logged[index].descriptorLimit) = (0, 0)
            logged[index].openSockets = OpenSocketsTests.all([
                OpenSocketsTests.socket(3, nil),
                OpenSocketsTests.socket(4, nil, opened: Samples.time - 2_500),
            ])
        }
        Golden.expect(
            TextTable.render(snapshot(logged, input: true, olderThan: 2.5), style: TextTable.Style()),
            "leaks-input.txt")
        let grouped = RowShaping.shape(rows, families: SocketFamily.allCases, grouping: .name)
        let shown = snapshot(grouped)
        Golden.expect(TextTable.render(shown, style: TextTable.Style()), "leaks-grouped.txt")
        Golden.expect(JSONLines.render(shown), "leaks-grouped.jsonl")
    }

    /// In the page a row that grows is marked as well, and the line is below the table.
    @Test func theMarkInThePage() {
        let page = HTMLReport.render(
            snapshot(rows), RunHistory(), head: ReportHead(), end: ReportEnd(), style: HTMLReport.Style())
        #expect(page.split(separator: "\n").count { $0.contains("<td>running grows</td>") } == 1)
        #expect(page.contains("<p class=\"next\">grows: leaky (1234) 24.3 sockets more a minute"))
        #expect(page.contains("</section>\n<section>\n<h2>Open sockets</h2>"))
    }

    @Test func nothingOpenAndNotAskedFor() {
        var row = Samples.nginx()
        row.openSockets = OpenSockets()
        #expect(TextTable.render(snapshot([row]), style: TextTable.Style()).hasSuffix("log\nnone\n"))
        #expect(html(snapshot([row])).contains("none"))
        #expect(JSONLines.render(snapshot([row])).contains("\"leaks\":[]"))
        row.openSockets = nil
        let plain = Snapshot(head: Samples.head(), rows: [row])
        #expect(
            !TextTable.render(plain, style: TextTable.Style()).contains("open sockets") && html(plain) == "")
        #expect(!JSONLines.render(plain).contains("leaks") && !JSONLines.render(plain).contains("older_than"))
    }

    /// However many processes and sockets: a screen or two of text.
    @Test func textIsBounded() {
        let rows = (1...300).map { pid -> Row in
            leaky(
                Int32(pid),
                sockets: (1...50).map { OpenSocketsTests.socket(Int32($0), peer: (UInt64($0), 80)) })
        }
        let text = LeakText.block(snapshot(rows), utcOffset: 0)
        #expect(text.split(separator: "\n").count < 20 * 14 + 5)
        #expect(text.contains("and 40 more sockets\n"))
        #expect(text.hasSuffix("and 280 more processes with 14000 open sockets (JSON has them)\n"))
    }

    /// A thread and a path may be called anything.
    @Test(arguments: 0..<30)
    func hostileNames(_ seed: Int) {
        var random = Seeded(seed)
        let sockets = (Hostile.names + [random.bytes(12), random.bytes(60)]).enumerated().map { index, name in
            var socket = OpenSocketsTests.socket(Int32(index), nil)
            socket.thread = name
            socket.name = name
            socket.family = .other
            socket.endpoint = .unix(path: random.chance(50) ? name : random.bytes(40), .connected)
            return socket
        }
        let snapshot = snapshot(sockets.map { leaky($0.fd + 1, sockets: [$0]) })
        let texts = [LeakText.block(snapshot, utcOffset: 0), html(snapshot), JSONLines.render(snapshot)]
        for text in texts {
            let bad = text.unicodeScalars.filter { !Hostile.isPlain($0) }
            #expect(bad.isEmpty, "\(bad.map { String($0.value, radix: 16) })")
        }
        let tags = texts[1].split(separator: "<").dropFirst().map { $0.prefix { $0 != ">" && $0 != " " } }
        #expect(Set(tags).isSubset(of: Self.tags), "\(Set(tags).subtracting(Self.tags))")
    }

    private static let tags: Set<Substring> = [
        "section", "/section", "h2", "/h2", "p", "/p", "details", "/details", "summary", "/summary", "bdi",
        "/bdi",
        "div", "/div", "table", "/table", "thead", "/thead", "tbody", "/tbody", "tr", "/tr", "th", "/th",
        "td", "/td",
    ]
}
