import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// The screen of a run with rules in the kernel: whatever becomes of its terminal, counting goes on or ends
    /// in order.
    @Suite struct OnScreen {
        private func shown(
            _ columns: Int, _ rows: Int, _ words: String
        ) throws -> (tmux: Tmux, settings: String) {
            let tmux = try Tmux(columns, rows)
            let settings = try tmux.settings()
            try tmux.watch(words)
            try tmux.wait("a table") { $0.contains("events") && $0.contains("TOTAL") }
            return (tmux, settings)
        }

        /// From the row to the address and the event of each of its sockets, without `--leaks`.
        @Test func theSocketsOfTheSelectedRow() throws {
            try Skips.need("ss")
            let (tmux, settings) = try shown(200, 60, "leaky.py --interval 0.5")
            let leaky = try Leaky(["python3", "Examples/leaky.py", "--every", "0.1", "--orders", "12"])
            // Each order leaves a socket of the customer and one to the service.
            try eventually("all ordered") {
                try ShownSocket.of(leaky.pid).filter { $0.state == "CLOSE_WAIT" }.count == 24
            }
            func selected() throws -> String {
                try tmux.screen(isStyled: true).components(separatedBy: "\n").first {
                    $0.contains("\u{1B}[7")
                } ?? ""
            }
            try tmux.wait("its row") { $0.contains(" \(leaky.pid) ") }
            try tmux.press("s", "s", "s", "s", "Home")
            try eventually("its row is selected: \(try selected())") {
                if try selected().contains(" \(leaky.pid) ") { return true }
                try tmux.press("Down")
                return false
            }
            try tmux.press("l")
            try tmux.wait("its sockets") { $0.contains("24 in CLOSE_WAIT") }
            let lines = try tmux.lines
            let titles = try #require(lines.first { $0.contains("PEER") }).split(separator: " ")
            #expect(
                titles == [
                    "STATE", "AGE", "KIND", "ORIGIN", "FD", "LOCAL", "PEER", "THREAD", "OPENED", "EVENT",
                ])
            let found = lines.map { $0.split(separator: " ").map(String.init) }
                .filter { $0.count == 11 && $0[2] == "tcp" }
            let sockets = found.map {
                ShownSocket(fd: Int($0[4]) ?? -1, state: $0[0], local: $0[5], peer: $0[6])
            }
            let waiting = Set(sockets.filter { $0.state == "CLOSE_WAIT" })
            #expect(waiting == (try ShownSocket.of(leaky.pid).filter { $0.state == "CLOSE_WAIT" }))
            #expect(sockets.prefix(24).allSatisfy { $0.state == "CLOSE_WAIT" }, "they come first")
            #expect(found.allSatisfy { Int($0[10]) ?? 0 > 0 }, "each with its event")
            #expect(try tmux.screen(isStyled: true).contains("\u{1B}[31mCLOSE_WAIT"))
            // Figures stay those of the table, sockets are asked for again with each.
            try tmux.press("q", "q")
            try tmux.expectRestored(settings)
            #expect(try tmux.history.contains("StillOPEN"))
            try leaky.end()
        }

        @Test func countingGoesOnInAPause() throws {
            let (tmux, settings) = try shown(120, 40, "counter --interval 0.5")
            try tmux.press("Space")
            try tmux.wait("paused") { $0.contains("PAUSED at table") }
            let counter = try Counter(tcp: 40, udp: 10, unix: 4)
            func now() throws -> Int {
                try tmux.screen().firstMatch(of: #/counting goes on: table (\d+)/#).flatMap {
                    Int($0.output.1)
                } ?? 0
            }
            let at = try now()
            try eventually("tables are made") { try now() > at + 2 }
            #expect(try !tmux.screen().contains(" \(counter.pid) "))
            try tmux.press("Space")
            try tmux.wait("its row") { $0.contains(" \(counter.pid) ") }
            let row = try #require(try tmux.lines.first { $0.contains(" \(counter.pid) ") })
            #expect(row.split(separator: " ").contains("54") && row.split(separator: " ").contains("27"))
            try tmux.press("q")
            try tmux.expectRestored(settings)
            try counter.kill()
        }

        /// An error is said where it can be read: on the terminal as it was before.
        @Test func theKeeperIsKilled() throws {
            let (tmux, settings) = try shown(100, 30, "all --interval 0.5")
            let pid = try tmux.pid()
            let keeper = try #require(Proc.children(pid).first { Proc.comm($0) == "sockaudit-guard" })
            kill(keeper, SIGKILL)
            try tmux.expectRestored(settings, code: 2)
            #expect(try tmux.history.contains("sockaudit: The keeper of the rules"))
            #expect(try run(Host.sockaudit, ["rules", "--clear"]).code == 0)
        }

        /// Nobody is left who could put the terminal back, but the keeper.
        @Test(arguments: [SIGKILL, SIGSEGV])
        func theMonitorIsKilled(_ signal: Int32) throws {
            let before = try AuditState.read()
            let (tmux, settings) = try shown(100, 30, "all --interval 0.5")
            kill(try tmux.pid(), signal)
            try eventually("the terminal is as before: \(try tmux.screen())") {
                try tmux.settings() == settings && !tmux.isAlternate && tmux.hasCursor
            }
            try tmux.wait("the keeper's word") { $0.contains("has ended without a last table") }
            try eventually("all is as before") { before.changes(to: try AuditState.read()).isEmpty }
        }

        /// The window is closed: the rules go.
        @Test func theTerminalGoes() throws {
            let before = try AuditState.read()
            let (tmux, _) = try shown(100, 30, "all --interval 0.5")
            let pid = try tmux.pid()
            tmux.close()
            try eventually("it ends") { Proc.comm(pid) == nil }
            try eventually("all is as before") { before.changes(to: try AuditState.read()).isEmpty }
        }

        /// Nobody reads it, and it is full: writing to it would wait for ever.
        @Test(arguments: [[], ["--plain"]])
        func aTerminalThatTakesNothing(options: [String]) throws {
            let before = try AuditState.read()
            let terminal = try StuckTerminal()
            let child = try Child(
                Host.sockaudit, ["all", "--interval", "0.1", "--duration", "600"] + options,
                env: ["TERM": "xterm", "LC_ALL": "C.UTF-8"], stdout: terminal.slave)
            child.closeInput()
            _ = try child.errLine("sockaudit: watching")
            // Of another size each frame is a whole one.
            try eventually("it is full") {
                try terminal.resize()
                child.signal(SIGWINCH)
                return terminal.isFull
            }
            let counter = try Counter(tcp: 400, udp: 100, unix: 40)
            if options.isEmpty {
                // Some tables are made meanwhile, and none is left out.
                usleep(1_500_000)
            } else {
                try eventually("it is said") {
                    child.err.contains("nobody takes the tables; counting goes on")
                }
            }
            #expect(terminal.isFull)
            child.signal(SIGTERM)
            try eventually("the rules are out, though nobody reads") {
                before.changes(to: try AuditState.read()).isEmpty
            }
            var text = ""
            try eventually("it ends") {
                text += terminal.taken()
                return child.poll() != nil
            }
            text += terminal.taken()
            #expect([0, 4].contains(try child.wait()), "\(child.err)")
            let last = try #require(text.components(separatedBy: "SockClosePercPar").last)
            #expect(last.contains("(last)") && last.contains("none lost"), "\(last)")
            let row = try #require(
                last.components(separatedBy: "\n").first { $0.contains(" \(counter.pid) ") })
            let figures = row.split(separator: " ").compactMap { Int($0) }
            #expect(figures.contains(540) && figures.contains(270), "\(row)")
            // The screen was left before it.
            #expect(last.contains("\u{1B}") == false && text.contains("\u{1B}[?1049l") == options.isEmpty)
            if options.isEmpty {
                let sequence = last.firstMatch(of: #/table (\d+) \(last\)/#).flatMap { Int($0.output.1) } ?? 0
                #expect(sequence > 5, "tables were made while nobody read them")
            }
            try counter.kill()
        }
    }
}

/// A terminal (pty(7)) whose other end is not read until somebody wants to.
private final class StuckTerminal {
    let slave: Int32
    private let master: Int32
    private var isWide = false

    /// TIOCSPTLCK and TIOCGPTN, which Swift does not import (asm-generic/ioctls.h).
    private static let unlock: UInt = 0x4004_5431
    private static let number: UInt = 0x8004_5430

    init() throws {
        // C reads the text during the call alone.
        master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (unlocked, number): (Int32, Int32) = (0, 0)
        // C reads or fills what it is given, and keeps nothing of it.
        guard master >= 0, unsafe ioctl(master, Self.unlock, &unlocked) == 0,
            unsafe ioctl(master, Self.number, &number) == 0
        else { throw SupportError("/dev/ptmx: \(errno)") }
        // C reads the text during the call alone.
        slave = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw SupportError("/dev/pts: \(errno)") }
        try resize()
    }

    deinit {
        close(slave)
        close(master)
    }

    func resize() throws {
        isWide.toggle()
        var size = winsize(ws_row: 60, ws_col: isWide ? 200 : 180, ws_xpixel: 0, ws_ypixel: 0)
        // C reads or fills what it is given, and keeps nothing of it.
        guard unsafe ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else {
            throw SupportError("TIOCSWINSZ: \(errno)")
        }
    }

    var isFull: Bool {
        var room = pollfd(fd: slave, events: Int16(POLLOUT), revents: 0)
        // As many as are given.
        return unsafe poll(&room, 1, 0) == 0
    }

    /// What has been written until now.
    func taken() -> String {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        // As many as are given.
        while unsafe poll(&waiting, 1, 100) > 0, waiting.revents & Int16(POLLIN) != 0 {
            // No more than the buffer holds.
            let count = unsafe read(master, &bytes, bytes.count)
            if count <= 0 { break }
            all += bytes.prefix(count)
        }
        return String(decoding: all, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
    }
}
