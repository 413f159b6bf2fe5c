import Foundation
import Glibc
import TestSupport
import Testing

/// The screen of a log that is followed, in a real terminal: no root is needed for it.
@Suite(.serialized) struct ScreenOnLogTests {
    private static let log = "all --input \(Host.repository)/Tests/Fixtures/sample.log --follow"
    private static let first = "SockClosePercPar"

    /// A screen with a table on it.
    private func shown(
        _ columns: Int = 100, _ rows: Int = 30, _ options: String = "--interval 0.5",
        env: [String: String] = [:]
    ) throws -> (tmux: Tmux, settings: String) {
        let tmux = try Tmux(columns, rows, env: env)
        let settings = try tmux.settings()
        try tmux.watch("\(Self.log) \(options)")
        try tmux.wait("a table") { $0.contains("python3") && $0.contains("UNVERIFIED") }
        return (tmux, settings)
    }

    @Test(arguments: [(80, 24), (40, 10), (200, 60)])
    func sizes(columns: Int, rows: Int) throws {
        let (tmux, settings) = try shown(columns, rows)
        #expect(try tmux.isAlternate && !tmux.hasCursor)
        #expect(try tmux.settings().contains("-icanon") && tmux.settings().contains("-echo "))
        let lines = try tmux.lines
        #expect(lines[1].hasPrefix("UNVERIFIED  1027 events"))
        let titles = try #require(lines.first { $0.contains("PROCESS") })
        #expect(titles.contains("StillOPEN") && titles.contains("OPEN") && titles.contains("TREND"))
        #expect(
            titles.contains("SocketLAST") == (columns > 40) && titles.contains("DURATION") == (columns > 80))
        let row = try #require(lines.first { $0.contains("python3") && $0.contains("26755") })
        #expect(row.split(separator: " ").contains("21"))
        #expect(lines[rows - 1].hasPrefix("q"))
        // The one below the totals is the one with the most, and its families are told where there is room.
        #expect(lines.contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("TCP") } == (rows > 10))
        try tmux.press("q")
        try tmux.expectRestored(settings, code: 0)
        let history = try tmux.history
        #expect(history.contains("(last)") && history.contains("[OTHER]"), "the last table stands below")
        #expect(history.components(separatedBy: Self.first).count == 2, "and no other")
    }

    @Test func anotherSize() throws {
        let (tmux, settings) = try shown(80, 24)
        for (columns, rows, word) in [
            (40, 10, "q space s:open"), (200, 60, "q quit  space pause"), (80, 24, "q quit  space pause"),
        ] {
            try tmux.resize(columns, rows)
            try tmux.wait("\(columns)x\(rows)") { screen in
                let lines = screen.components(separatedBy: "\n")
                return lines.count > rows - 1 && lines[rows - 1].hasPrefix(word)
                    && lines[1].hasPrefix("UNVERIFIED") && lines[0].contains("DURATION") == false
                    && screen.contains("DURATION") == (columns > 100)
            }
        }
        // What is cut says so in the last column.
        try tmux.resize(20, 10)
        try tmux.wait("20x10") { screen in
            let lines = screen.components(separatedBy: "\n")
            return lines.count > 9 && lines[9].count == 20 && lines[9].hasSuffix("~")
        }
        // The shell's lines are to be whole again.
        try tmux.resize(100, 30)
        try tmux.press("q")
        try tmux.expectRestored(settings, code: 0)
    }

    @Test func sortsFiltersAndWidens() throws {
        let (tmux, settings) = try shown(160, 40)
        func names() throws -> [String] {
            try tmux.lines.drop { !$0.contains("TOTAL") }.dropFirst().compactMap { line in
                let words = line.split(separator: " ").filter { !["x", "TCP", "UDP", "OTHER"].contains($0) }
                return words.count > 3 && Int(words[0]) == nil && Int(words[1]) != nil
                    ? words[0] + " " + words[1] : nil
            }
        }
        #expect(try names().first == "python3 26755")
        try tmux.press("s", "s", "s")
        try tmux.wait("sorted by name") { $0.contains("s sort: name") }
        #expect(try names().first == "bash 26993")
        try tmux.press("/", "g", "e", "t")
        try tmux.wait("the filter as it is typed") { $0.contains("/get_") }
        #expect(try names() == ["getent 26992"])
        try tmux.press("Enter")
        try tmux.wait("the filter stays") { $0.contains("/get 1 of ") }
        let total = try #require(try tmux.lines.first { $0.contains("TOTAL") })
        #expect(total.split(separator: " ")[1] == "74", "totals are those of all")
        try tmux.press("/", "BSpace", "BSpace", "BSpace", "q", "Escape")
        try tmux.wait("all again") { $0.contains("curl") && $0.contains("q quit") }
        try tmux.press("w")
        try tmux.wait("wide") {
            $0.contains("EXE") && $0.contains("OthersOPEN") && $0.contains("/usr/bin/curl")
        }
        try tmux.press("h")
        try tmux.wait("help") { $0.contains("draw the screen anew") }
        try tmux.press("q")
        try tmux.wait("the table again") { $0.contains("w narrow") }
        try tmux.press("q")
        try tmux.expectRestored(settings, code: 0)
        // The last table is in the order that was chosen, and no wider than was asked for.
        let last = try #require(try tmux.history.components(separatedBy: Self.first).last)
        #expect(!last.contains("OthersOPEN"))
        let order = ["bash", "curl", "getent", "python3"].map { last.range(of: "\n\($0)")?.lowerBound }
        #expect(
            order.allSatisfy { $0 != nil } && order.compactMap(\.self) == order.compactMap(\.self).sorted())
    }

    @Test func selectsAndShowsSockets() throws {
        let (tmux, settings) = try shown(160, 40)
        func selected() throws -> String {
            try tmux.screen(isStyled: true).components(separatedBy: "\n").first { $0.contains("\u{1B}[7m") }
                ?? ""
        }
        #expect(try selected().contains("26755"))
        try tmux.press("Down")
        try tmux.wait("the second") { _ in try selected().contains("26585") }
        try tmux.press("k", "l")
        try tmux.wait("the sockets of the first") { $0.contains("21 open") && $0.contains("EVENT") }
        let lines = try tmux.lines.filter { $0.contains(" socket ") }
        #expect(lines.count == 21)
        #expect(
            lines.allSatisfy { Int($0.split(separator: " ").last ?? "") != nil },
            "each has its event's serial")
        try tmux.press("Escape")
        try tmux.wait("the table again") { $0.contains("TOTAL") }
        try tmux.press("q")
        try tmux.expectRestored(settings, code: 0)
    }

    private func number(_ screen: String) -> Int? {
        screen.firstMatch(of: #/table (\d+), over/#).flatMap { Int($0.output.1) }
    }

    @Test func pausesTheDisplayAlone() throws {
        let (tmux, settings) = try shown()
        try tmux.press("Space")
        try tmux.wait("paused") { $0.contains("PAUSED at table") }
        let at = try #require(number(try tmux.screen()))
        try tmux.wait("tables come all the same") { screen in
            let now =
                screen.firstMatch(of: #/counting goes on: table (\d+)/#).flatMap { Int($0.output.1) } ?? 0
            return now > at + 2
        }
        #expect(number(try tmux.screen()) == at)
        try tmux.press("Space")
        try tmux.wait("on with the newest") { (number($0) ?? 0) > at + 2 && !$0.contains("PAUSED") }
        try tmux.press("q")
        try tmux.expectRestored(settings, code: 0)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func signals(number: Int32) throws {
        let (tmux, settings) = try shown()
        kill(try tmux.pid(), number)
        try tmux.expectRestored(settings, code: 0)
        #expect(try tmux.history.contains("(last)"))
    }

    @Test func keysThatAreSignals() throws {
        let (tmux, settings) = try shown()
        try tmux.press("C-c")
        try tmux.expectRestored(settings, code: 0)
    }

    @Test func stoppedAndGoesOn() throws {
        let (tmux, settings) = try shown()
        try tmux.press("s", "C-z")
        try tmux.wait("the shell") { $0.contains("code=") }
        #expect(try !tmux.isAlternate && tmux.hasCursor)
        // A shell that edits lines has settings of its own while it waits: ask another program, by it.
        try tmux.type("stty -a | grep -c -- '-icanon'")
        try tmux.wait("not raw") { $0.contains("\n0\n") }
        try tmux.type("fg")
        try tmux.wait("the screen again") { $0.contains("TOTAL") && $0.contains("s sort: socket") }
        #expect(try tmux.isAlternate)
        try tmux.press("s")
        try tmux.wait("it takes keys") { $0.contains("s sort: close") }
        // Stopped by somebody else, who does not ask.
        let pid = try tmux.pid()
        kill(pid, SIGSTOP)
        try tmux.wait("the shell has it") { _ in Proc.state(pid) == "T" }
        kill(pid, SIGCONT)
        try tmux.press("f", "g", "Enter")
        try tmux.wait("keys again") { $0.contains("TOTAL") }
        try tmux.press("q")
        try eventually("it ends") { Proc.comm(pid) == nil }
        try eventually("as before") { try tmux.settings() == settings }
        #expect(try !tmux.isAlternate && tmux.hasCursor)
    }

    @Test func theEndsThatWereAskedFor() throws {
        let (tmux, settings) = try shown(100, 30, "--interval 0.5 --count 4")
        try tmux.expectRestored(settings, code: 0)
        #expect(try tmux.history.contains("table 4 (last)"))
    }

    @Test func colours() throws {
        let (tmux, _) = try shown()
        #expect(try tmux.screen(isStyled: true).contains("\u{1B}[7m"))
        for value in ["1", ""] {
            let plain = try Tmux(100, 30, env: ["NO_COLOR": value])
            // A log that is damaged makes LOSSY.
            let scratch = try Scratch()
            let log = try scratch.write("audit.log", "type=SYSCALL msg=audit(1.000:1): nonsense\nnonsense\n")
            try plain.watch("all --input \(log) --follow --interval 0.5")
            try plain.wait("a table") { $0.contains("table ") && $0.contains("events") }
            try plain.wait("its verdict") { $0.contains("LOSSY") }
            #expect(try plain.screen(isStyled: true).contains("31m") == value.isEmpty, "set, and not empty")
        }
    }

    /// The tables alone, one after the other, on the screen that was there.
    @Test(arguments: ["--plain", "--no-clear", "TERM=dumb", "TERM="])
    func withoutAScreen(how: String) throws {
        let isOption = how.hasPrefix("--")
        let tmux = try Tmux(120, 50)
        let settings = try tmux.settings()
        let command = "\(Host.sockaudit) \(Self.log) --interval 0.5 --count 3 --family udp"
        try tmux.type(isOption ? "\(command) \(how)" : "\(how) \(command)")
        try eventually("it ends") { try tmux.history.contains("\ncode=0") }
        let history = try tmux.history
        #expect(history.components(separatedBy: Self.first).count == 4, "three tables")
        #expect(
            history.contains("table 1,") && history.contains("table 2,") && history.contains("table 3 (last)")
        )
        try tmux.expectRestored(settings, code: 0)
    }

    /// Nobody can press keys: the screen is drawn all the same, and a signal ends it.
    @Test func withoutAKeyboard() throws {
        let tmux = try Tmux(100, 30)
        let settings = try tmux.settings()
        try tmux.watch("\(Self.log) --interval 0.5", after: "</dev/null")
        try tmux.wait("a table") { $0.contains("python3") && $0.contains("TOTAL") }
        #expect(try tmux.isAlternate && !tmux.screen().contains("q quit"))
        kill(try tmux.pid(), SIGTERM)
        try tmux.expectRestored(settings, code: 0)
    }

    @Test func withoutUTF8() throws {
        let (tmux, _) = try shown(env: ["LC_ALL": "C"])
        try tmux.wait("letters for a picture") { $0.contains("TREND") && $0.contains(" __") }
        #expect(try tmux.screen().allSatisfy(\.isASCII))
    }
}
