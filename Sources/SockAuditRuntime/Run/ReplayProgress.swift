import AuditStream
import Glibc
import SockAuditCore

/// The bar that a reading of more than two seconds shows on a terminal, drawn over itself and gone at the end.
final class ReplayProgress {
    /// Where it is drawn, and by which clock.
    struct Screen {
        /// nil: no terminal, or one that does not say how wide it is.
        var columns: () -> Int?
        var write: (String) -> Void
        /// Milliseconds of a clock that nobody sets.
        var now: () -> Int64

        /// Standard error; nil where that is no terminal.
        static func standardError() -> Screen? {
            guard isatty(STDERR_FILENO) == 1 else { return nil }
            return Screen(
                columns: { Terminal.size(STDERR_FILENO)?.columns },
                write: { text in
                    let bytes = Array(text.utf8)
                    // No more than the buffer holds.
                    _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
                }, now: { Clock.steady() })
        }
    }

    /// Shorter readings need no bar, and a bar that flickers is none (ms).
    static let patience: Int64 = 2_000
    static let redraw: Int64 = 200

    private let screen: Screen
    private let total: Int64?
    private let started: Int64
    private var drawn: Int64 = .min
    private var isShown = false
    /// Events and time at the last drawing, for a rate that follows what happens now.
    private var last: (events: Int, at: Int64)
    private var rate = 0.0

    /// - Parameter total: bytes of all inputs; nil where it is not known.
    init(screen: Screen, total: Int64?) {
        self.screen = screen
        self.total = total
        started = screen.now()
        last = (0, started)
    }

    /// - Parameters:
    ///   - bytes: read of all inputs so far.
    ///   - events: seen so far.
    func update(bytes: Int64, events: Int) {
        let now = screen.now()
        guard now - started >= Self.patience, drawn == .min || now - drawn >= Self.redraw else { return }
        drawn = now
        guard let columns = screen.columns(), columns > 1 else { return }
        let fresh = Double(events - last.events) / (Double(max(1, now - last.at)) / 1_000)
        // The first is the average up to now; the later ones change it by half.
        rate = rate == 0 ? fresh : (rate + fresh) / 2
        last = (events, now)
        let line = ProgressLine(
            bytes: bytes, total: total, eventsPerSecond: rate, seconds: Double(now - started) / 1_000)
        // One column stays free: some terminals wrap at the last.
        screen.write("\r" + line.render(columns: columns - 1) + "\u{1B}[K")
        isShown = true
    }

    /// Before anything else is written, and at the end.
    func erase() {
        guard isShown else { return }
        isShown = false
        drawn = .min
        screen.write("\r\u{1B}[K")
    }
}
