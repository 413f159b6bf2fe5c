import Testing

@testable import SockAuditCore

/// What keys do, without a terminal.
@Suite struct ScreenKeyTests {
    static func row(_ pid: Int32, _ name: String, open: Int) -> Row {
        var row = Samples.nginx()
        row.pid = pid
        row.start = Int64(pid)
        row.name = Array(name.utf8)
        row.figures = Samples.figures(FamilyCounts(tcp: open + 1), closed: FamilyCounts(tcp: 1))
        return row
    }

    static let rows = [row(3, "nginx", open: 30), row(1, "curl", open: 20), row(2, "sshd", open: 10)]

    static func table(_ rows: [Row] = rows, sequence: Int = 3) -> Snapshot {
        var head = Samples.head()
        head.sequence = sequence
        return Snapshot(head: head, rows: rows)
    }

    private func screen(_ change: (inout ScreenSettings) -> Void = { _ in }) -> Screen {
        var settings = ScreenSettings()
        change(&settings)
        var screen = Screen(settings)
        screen.take(Self.table(), utcOffset: 0)
        return screen
    }

    private func text(_ screen: inout Screen, _ columns: Int = 100, _ rows: Int = 30) -> String {
        screen.frame(columns: columns, rows: rows).joined(separator: "\n")
    }

    private func press(_ screen: inout Screen, _ keys: String) {
        for scalar in keys.unicodeScalars { _ = screen.press(.character(scalar)) }
    }

    @Test func quits() {
        var screen = screen()
        #expect(screen.press(.character("q")) == .quit)
        #expect(screen.press(.character("h")) == .redraw)
        #expect(screen.press(.character("q")) == .redraw, "back from a page first")
        #expect(screen.press(.character("q")) == .quit)
        #expect(screen.press(.character("Z")) == .nothing)
        #expect(screen.press(.repaint) == .repaint)
    }

    @Test func sortsByEachOrder() {
        var screen = screen()
        var firsts: [String] = []
        for _ in RowOrder.allCases {
            press(&screen, "s")
            firsts.append("\(screen.order.rawValue) \(screen.rows.map { String($0.pid) }.joined())")
        }
        #expect(firsts == ["socket 312", "close 132", "name 132", "pid 123", "age 123", "open 312"])
        press(&screen, "sss")
        // The next table comes in the new order.
        screen.take(Self.table(Self.rows.sorted(by: .name)), utcOffset: 0)
        #expect(screen.rows.map(\.pid) == [1, 3, 2])
    }

    /// The one that was chosen stays so, wherever it goes; nobody's choice is whoever is first.
    @Test func theSelectionIsAProcess() {
        var screen = screen()
        #expect(screen.selected?.pid == 3)
        _ = screen.press(.down)
        #expect(screen.selected?.pid == 1)
        screen.take(
            Self.table([Self.row(1, "curl", open: 90)] + Self.rows.filter { $0.pid != 1 }), utcOffset: 0)
        #expect(screen.selected?.pid == 1 && screen.place == 0)
        // It is gone: what has its place now.
        screen.take(Self.table(Self.rows.filter { $0.pid != 1 }), utcOffset: 0)
        #expect(screen.selected?.pid == 3)
        for key in [ScreenKey.end, .pageDown, .down, .character("j"), .character("G")] {
            _ = screen.press(key)
            #expect(screen.selected?.pid == 2)
        }
        for key in [ScreenKey.home, .up, .pageUp, .character("k"), .character("g")] {
            _ = screen.press(key)
            #expect(screen.selected?.pid == 3)
        }
        screen.take(Self.table([]), utcOffset: 0)
        #expect(screen.selected == nil && screen.press(.down) == .nothing && screen.press(.enter) == .nothing)
    }

    @Test func pausesTheDisplayAlone() {
        var screen = screen()
        press(&screen, " ")
        screen.take(Self.table(Self.rows.filter { $0.pid == 2 }, sequence: 4), utcOffset: 0)
        screen.take(Self.table(Self.rows.filter { $0.pid == 2 }, sequence: 5), utcOffset: 0)
        let paused = text(&screen)
        #expect(paused.contains("PAUSED at table 3") && paused.contains("counting goes on: table 5"))
        #expect(paused.contains("table 3, every") && paused.contains("nginx"))
        press(&screen, "s")
        #expect(text(&screen).contains("table 3, every"), "keys change no figures")
        press(&screen, " ")
        let after = text(&screen)
        #expect(after.contains("table 5, every") && !after.contains("nginx") && !after.contains("PAUSED"))
    }

    @Test func filtersByName() {
        var screen = screen()
        press(&screen, "/SSq")
        #expect(text(&screen).contains("/SSq_") && screen.rows.isEmpty, "q is a letter here")
        _ = screen.press(.backspace)
        #expect(screen.rows.map(\.pid) == [2])
        _ = screen.press(.enter)
        let kept = text(&screen)
        #expect(kept.contains("/SS") && kept.contains(" 1 of 3, totals of all") && !kept.contains("nginx"))
        #expect(kept.contains("TOTAL") && kept.contains(" 60 "), "totals stay those of all")
        screen.take(Self.table(Self.rows, sequence: 4), utcOffset: 0)
        #expect(screen.rows.map(\.pid) == [2], "it holds for the next table")
        _ = screen.press(.escape)
        #expect(screen.rows.count == 3)
        press(&screen, "/nginx")
        _ = screen.press(.escape)
        #expect(screen.rows.count == 3 && !screen.isTyping)
        press(&screen, "/x\u{202E}\u{7}")
        _ = screen.press(.clearLine)
        #expect(screen.filter.isEmpty && screen.isTyping)
        _ = screen.press(.backspace)
        #expect(!screen.isTyping, "nothing is left to be taken back")
    }

    @Test func topIsOfTheOrder() {
        var screen = screen { $0.top = 1 }
        #expect(screen.rows.map(\.pid) == [3])
        press(&screen, "sss")
        #expect(screen.rows.map(\.pid) == [1])
    }

    @Test func wideHasMoreColumns() {
        var screen = screen()
        #expect(!text(&screen, 200).contains("OthersOPEN"))
        press(&screen, "w")
        #expect(text(&screen, 200).contains("OthersOPEN") && text(&screen, 200).contains("/usr/sbin/nginx"))
    }

    @Test func asksForTheSocketsOfTheSelected() {
        var screen = screen()
        _ = screen.press(.down)
        #expect(screen.wanted == nil)
        press(&screen, "l")
        #expect(screen.wanted == ScreenProcess(node: [], pid: 1, start: 1))
        #expect(text(&screen).contains("looking"))
        var socket = OpenSocket()
        socket.pid = 1
        socket.fd = 17
        socket.serial = 4_711
        socket.family = .tcp
        let end = { (port: UInt16) in InetAddress(low: 0x7F00_0001, port: port) }
        socket.endpoint = .inet(local: end(40_000), peer: end(80), .closeWait)
        var open = OpenSockets()
        open.add(socket)
        screen.take(open, at: Samples.time)
        #expect(screen.wanted == nil)
        let page = text(&screen)
        for word in [
            "curl", "17", "127.0.0.1:40000", "127.0.0.1:80", "4711", "\u{1B}[31mCLOSE_WAIT",
            "1 in CLOSE_WAIT",
        ] {
            #expect(page.contains(word), "\(word)")
        }
        // With the next table it is asked again, and in a pause it is not.
        screen.take(Self.table(sequence: 4), utcOffset: 0)
        #expect(screen.wanted?.pid == 1)
        #expect(text(&screen).contains("4711"), "what is known stays until there is an answer")
        _ = screen.press(.escape)
        #expect(screen.wanted == nil && text(&screen).contains("nginx"))
    }

    @Test func someHaveNoSocketsToShow() {
        var ended = Self.row(9, "ended", open: 0)
        ended.state = .exited
        var group = Self.row(0, "group", open: 3)
        group.processes = 4
        for (row, words) in [(ended, "has ended"), (group, "--leaks")] {
            var screen = Screen(ScreenSettings())
            screen.take(Self.table([row]), utcOffset: 0)
            press(&screen, "l")
            #expect(screen.wanted == nil && text(&screen).contains(words))
        }
    }
}
