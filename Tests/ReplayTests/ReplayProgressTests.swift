import Testing

@testable import SockAuditRuntime

/// When the bar is drawn, and that nothing of it stays.
@Suite("Replay: progress")
struct ReplayProgressTests {
    private final class Terminal {
        var now: Int64 = 1_000
        var columns: Int? = 100
        var written: [String] = []

        var screen: ReplayProgress.Screen {
            .init(columns: { self.columns }, write: { self.written.append($0) }, now: { self.now })
        }
    }

    @Test("Nothing in the first two seconds, then five times a second at most, and erased")
    func drawing() throws {
        let terminal = Terminal()
        let progress = ReplayProgress(screen: terminal.screen, total: 1_000)
        for _ in 0..<1_999 {
            progress.update(bytes: 1, events: 1)
            terminal.now += 1
        }
        progress.erase()
        #expect(terminal.written.isEmpty)
        for step in 0..<1_000 {
            terminal.now += 1
            progress.update(bytes: 500 + Int64(step) / 3, events: 4_000)
        }
        #expect(terminal.written.count == 5)
        #expect(
            terminal.written.allSatisfy {
                $0.hasPrefix("\r[") && $0.hasSuffix("\u{1B}[K") && !$0.contains("\n")
            })
        #expect(
            try #require(terminal.written.first).contains("50 %  500 B of 1000 B  2,000 events/s  0:02 left"))
        progress.erase()
        #expect(terminal.written.last == "\r\u{1B}[K" && terminal.written.count == 6)
        progress.erase()
        #expect(terminal.written.count == 6, "once")
    }

    @Test("A terminal that does not say how wide it is gets no bar")
    func noWidth() {
        let terminal = Terminal()
        terminal.columns = nil
        let progress = ReplayProgress(screen: terminal.screen, total: nil)
        terminal.now += 5_000
        progress.update(bytes: 1, events: 1)
        progress.erase()
        #expect(terminal.written.isEmpty)
    }
}
