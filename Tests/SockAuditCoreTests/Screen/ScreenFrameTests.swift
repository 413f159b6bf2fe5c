import TestSupport
import Testing

@testable import SockAuditCore

/// What a screen of a size shows.
@Suite struct ScreenFrameTests {
    /// Without the sequences of ``ScreenStyle``; nil where another one is in it.
    static func plain(_ line: String) -> String? {
        let bare = line.replacing(#/\u{1B}\[(?:0|[17](?:;7)?(?:;3[13])?|3[13])m/#, with: "")
        return bare.contains("\u{1B}") ? nil : bare
    }

    static func screen(
        _ rows: [Row] = ScreenKeyTests.rows, reasons: [Reason] = [],
        _ change: (inout ScreenSettings) -> Void = { _ in }
    ) -> Screen {
        var settings = ScreenSettings()
        change(&settings)
        var screen = Screen(settings)
        var head = Samples.head()
        head.reasons = reasons
        screen.take(Snapshot(head: head, rows: rows), utcOffset: 0)
        return screen
    }

    private func lines(_ screen: inout Screen, _ columns: Int, _ rows: Int, _ left: Int? = nil) -> [String] {
        screen.frame(columns: columns, rows: rows, secondsLeft: left).map { Self.plain($0) ?? "?" }
    }

    @Test func asOnMostTerminals() {
        var screen = Self.screen()
        let frame = lines(&screen, 100, 24, 5)
        #expect(frame.count == 24)
        #expect(
            frame[0]
                == "SockClosePercPar  web1  all processes  table 3, every 7 s  22:31:07  standard mode  next in 5 s"
        )
        #expect(frame[1] == "COMPLETE  41204 events, none lost")
        #expect(
            frame[3].split(separator: " ")
                == "PROCESS PID DURATION SocketTOT SocketLAST CloseTOT CloseLAST StillOPEN TREND".split(
                    separator: " "))
        #expect(frame[4].split(separator: " ") == "TOTAL 63 0 3 0 60 ▁".split(separator: " "))
        #expect(frame[5].split(separator: " ") == "TCP 63 0 3 0 60".split(separator: " "))
        #expect(frame[8].split(separator: " ") == "nginx 3 00:03:21 31 0 1 0 30 ▁".split(separator: " "))
        #expect(
            frame[23] == "q quit  space pause  s sort: open  / filter  w wide  l leaks  v verdict  h help")
    }

    /// What is given up, in which order: never the name and StillOPEN, nor what stands at the top.
    @Test(arguments: [
        (200, "PROCESS PID DURATION SocketTOT SocketLAST CloseTOT CloseLAST StillOPEN TREND"),
        (80, "PROCESS PID DURATION SocketTOT SocketLAST CloseTOT CloseLAST StillOPEN TREND"),
        (79, "PROCESS PID SocketTOT SocketLAST CloseTOT CloseLAST StillOPEN TREND"),
        (61, "PROCESS PID SocketTOT SocketLAST CloseTOT StillOPEN TREND"),
        (50, "PROCESS PID SocketTOT CloseTOT StillOPEN TREND"), (40, "PROCESS PID StillOPEN TREND"),
        (24, "PROCESS PID StillOPEN"), (19, "PROCESS StillOPEN"),
    ])
    func columnsGoOneByOne(columns: Int, titles: String) {
        var screen = Self.screen()
        let frame = lines(&screen, columns, 10)
        #expect(frame[2].split(separator: " ").joined(separator: " ") == titles)
    }

    @Test func linesGoOneByOne() {
        let words = Reason(.lightMode, count: 1, "light mode sees socket calls alone")
        var screen = Self.screen(reasons: [words])
        func shows(_ height: Int) -> String {
            let frame = lines(&screen, 80, height)
            #expect(frame.count == height)
            let marks = [
                ("table 3", "title"), ("PARTIAL", "verdict"), ("light mode sees", "reason"),
                ("PROCESS", "titles"),
                ("TOTAL", "total"), ("nginx", "row"), ("q quit", "keys"),
            ]
            return marks.filter { mark in frame.contains { $0.contains(mark.0) } }.map(\.1).joined(
                separator: " ")
        }
        #expect(shows(1) == "verdict")
        #expect(shows(2) == "verdict total")
        #expect(shows(3) == "title verdict total")
        #expect(shows(4) == "title verdict total row")
        #expect(shows(5) == "title verdict titles total row" || shows(5) == "title verdict titles total")
        #expect(shows(6) == "title verdict titles total row keys")
        #expect(shows(7) == "title verdict reason titles total row keys")
    }

    @Test func reasonsThatDoNotFitAreCounted() {
        let reasons = (1...9).map {
            Reason(.behind, count: $0, "reason number \($0) in words that take a line")
        }
        var screen = Self.screen(reasons: reasons)
        let frame = lines(&screen, 60, 24)
        #expect(frame[2] == "  reason number 1 in words that take a line")
        #expect(frame[5].hasSuffix("a line (+5: v)"))
        _ = screen.press(.character("v"))
        let page = lines(&screen, 60, 24).joined(separator: "\n")
        for number in 1...9 { #expect(page.contains("reason number \(number)")) }
    }

    @Test func theTitleGetsShorter() {
        var screen = Self.screen()
        #expect(lines(&screen, 70, 10)[0].hasPrefix("web1  all processes  table 3, every 7 s  22:31:07"))
        #expect(lines(&screen, 40, 10)[0] == "web1  all  #3  7 s  22:31:07")
        var head = Samples.head()
        head.host = String(repeating: "h", count: 60)
        head.scope = [String(repeating: "n", count: 60)]
        screen.take(Snapshot(head: head, rows: []), utcOffset: 0)
        let title = lines(&screen, 40, 10)[0]
        #expect(title.contains("hhh~") && title.contains("nnn~") && title.hasSuffix("#3  7 s  22:31:07"))
    }

    @Test func theSelectedRowIsSeenWhereverItIs() {
        let rows = (1...500).map { ScreenKeyTests.row(Int32($0), "p\($0)", open: 1_000 - $0) }
        for height in [6, 10, 24, 60] {
            var screen = Self.screen(rows)
            for key in [ScreenKey.pageDown, .down, .end, .pageUp, .up, .home, .pageDown, .pageDown, .end] {
                _ = screen.press(key)
                let raw = screen.frame(columns: 80, rows: height)
                let selected = raw.filter { $0.contains("\u{1B}[7m") }
                #expect(selected.count == 1)
                let name = screen.selected.map { String(decoding: $0.name, as: UTF8.self) } ?? ""
                #expect(selected.first.flatMap(Self.plain)?.contains(" \(name) ") == true)
            }
        }
    }

    @Test func coloursSaySomething() {
        var near = ScreenKeyTests.row(7, "near", open: 5)
        (near.descriptors, near.descriptorLimit, near.state) = (1_000, 1_024, .running)
        var grows = ScreenKeyTests.row(8, "grower", open: 5)
        grows.growth = Growth()
        grows.growth?.isSteady = true
        let rows = [ScreenKeyTests.row(6, "usual", open: 5), near, grows]
        let loss = [Reason(.kernelLost, count: 1, "one was lost")]
        var screen = Self.screen(rows, reasons: loss)
        let raw = screen.frame(columns: 120, rows: 30).joined(separator: "\n")
        #expect(raw.contains("\u{1B}[1;31mLOSSY"))
        #expect(
            raw.contains("\u{1B}[31m! near") && raw.contains("\u{1B}[33m^ grower")
                && !raw.contains("31m  usual") && !raw.contains("33m  usual"))
        // The same without colours: in words and letters.
        var plain = Self.screen(rows, reasons: loss) { $0.hasColours = false }
        let text = plain.frame(columns: 120, rows: 30).joined(separator: "\n")
        #expect(!text.contains("31m") && !text.contains("33m"))
        #expect(
            text.contains("! near") && text.contains("limit") && text.contains("^ grower")
                && text.contains("grows"))
    }

    @Test func withoutUTF8AllIsASCII() {
        var screen = Self.screen(Samples.hostileRows) { $0.isUnicode = false }
        for key in [ScreenKey.up, .character("w"), .character("/"), .character("日"), .enter] {
            _ = screen.press(key)
            #expect(screen.frame(columns: 120, rows: 60).allSatisfy { $0.allSatisfy(\.isASCII) })
        }
    }

    @Test func beforeTheFirstTable() {
        var settings = ScreenSettings()
        settings.head.host = "web1"
        settings.head.interval = 7
        var screen = Screen(settings)
        let frame = lines(&screen, 80, 24, 7)
        #expect(frame[0] == "SockClosePercPar  web1  all processes  no table yet, every 7 s  next in 7 s")
        #expect(frame[1] == "waiting for the first table" && frame.count == 24)
        for key in "slwvh/ ".unicodeScalars { _ = screen.press(.character(key)) }
        #expect(lines(&screen, 40, 10).count <= 10)
    }

    /// Whatever is watched, pressed and however small: no frame is larger than the terminal, and nothing but
    /// printable characters and our own sequences is in it.
    @Test(arguments: 1...20)
    func noFrameIsLargerThanTheTerminal(seed: Int) {
        var random = Seeded(seed)
        let keys: [ScreenKey] =
            "qswl/vh?jkgG aé日".unicodeScalars.map { .character($0) } + [
                .enter, .escape, .backspace, .clearLine, .repaint, .up, .down, .pageUp, .pageDown, .home,
                .end,
            ]
        var settings = ScreenSettings()
        settings.isUnicode = random.chance(70)
        settings.hasColours = random.chance(70)
        settings.hasKeys = random.chance(90)
        settings.top = random.chance(20) ? 3 : nil
        settings.families = random.chance(80) ? SocketFamily.allCases : [.tcp]
        var screen = Screen(settings)
        for step in 0..<80 {
            if random.chance(25) { screen.take(Self.anyTable(step, &random, screen.order), utcOffset: 3_600) }
            if random.chance(10) { screen.message = "m\u{1B}[2J\n" + String(repeating: "x", count: 200) }
            if screen.wanted != nil, random.chance(70) {
                screen.take(Self.anySockets(&random), at: Samples.time)
            }
            _ = screen.press(random.pick(keys))
            let (columns, rows) = (
                random.pick([1, 2, 7, 20, 40, 80, 200]), random.pick([1, 2, 3, 5, 6, 10, 24, 60])
            )
            let frame = screen.frame(columns: columns, rows: rows, secondsLeft: random.chance(50) ? 3 : nil)
            #expect(frame.count <= rows)
            for line in frame {
                guard let plain = Self.plain(line) else {
                    Issue.record("a sequence that is not ours, seed \(seed): \(line.debugDescription)")
                    continue
                }
                #expect(Escaping.displayWidth(plain) <= columns, "seed \(seed): \(plain)")
                #expect(plain.unicodeScalars.allSatisfy { $0 != "\n" && Hostile.isPlain($0) }, "seed \(seed)")
            }
        }
    }

    private static func anyTable(_ step: Int, _ random: inout Seeded, _ order: RowOrder) -> Snapshot {
        var rows = (0..<Int.random(in: 0...40, using: &random)).map { index -> Row in
            let bytes = random.bytes(Int.random(in: 0...30, using: &random))
            var row = ScreenKeyTests.row(Int32(index), "", open: Int.random(in: 0...3_000, using: &random))
            row.name = random.chance(50) ? random.pick(Hostile.names) : bytes
            row.exe = bytes
            row.node = random.chance(5) ? bytes : []
            row.state = random.pick([.running, .exited, .exempt, .unknown])
            (row.descriptors, row.descriptorLimit) = (Int.random(in: 0...1_024, using: &random), 1_024)
            row.drift = random.chance(5) ? 1 : 0
            row.growth = Growth()
            row.growth?.isSteady = random.chance(20)
            if random.chance(20) { row.openSockets = anySockets(&random) }
            return row
        }
        rows.sort(by: order)
        var head = random.chance(30) ? Hostile.head() : Samples.head()
        head.sequence = step + 1
        head.reasons += (0..<Int.random(in: 0...4, using: &random)).map {
            Reason(
                random.pick(Reason.Code.allCases), count: $0,
                "é日 " + String(repeating: "words ", count: $0 * 9))
        }
        return Snapshot(head: head, rows: rows)
    }

    private static func anySockets(_ random: inout Seeded) -> OpenSockets {
        var open = OpenSockets()
        for number in 0..<Int.random(in: 0...20, using: &random) {
            var socket = OpenSocket()
            socket.fd = Int32(number)
            socket.thread = random.bytes(8)
            socket.serial = UInt64(number)
            socket.opened = Samples.time
            socket.endpoint = random.pick([
                nil, .unix(path: random.bytes(20), .listen),
                .inet(
                    local: InetAddress(high: .max, low: .max, isV6: true, port: 1),
                    peer: InetAddress(low: 1, port: 2),
                    random.pick([.closeWait, .established])),
            ])
            open.add(socket)
        }
        return open
    }
}
