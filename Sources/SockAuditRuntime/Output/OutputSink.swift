import AuditStream
import Glibc
import SockAuditCore

/// Where tables go that are for no file: standard output.
///
/// A reader that stopped reading must not keep us from reading the stream, nor keep our rules in the
/// kernel: what it does not take is kept, and sent on when it takes more.
public struct OutputSink: ~Copyable {
    public enum Outcome: Equatable, Sendable {
        case written
        /// Nobody reads any more (EPIPE).
        case closed
        /// The reader has not taken all of it yet.
        case waiting
    }

    private let descriptor = STDOUT_FILENO
    /// What the reader has still to take: text, and tables of which the text is not made yet.
    private var pending: [UInt8] = []
    private var waiting: [TablePieces] = []
    /// Redraw in place instead of appending.
    public let redraws: Bool

    /// What a pipe takes without blocking once poll(2) said so (PIPE_BUF).
    private static let chunk = 4_096

    /// - Parameter redraws: wanted on a terminal.
    public init(redraws: Bool) { self.redraws = redraws && isatty(STDOUT_FILENO) == 1 }

    /// Standard output is a terminal: its width matters.
    public var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Some of the last table is still to be taken.
    public var isWaiting: Bool { !pending.isEmpty || !waiting.isEmpty }
    /// To poll for room while ``isWaiting``, and for errors always.
    public var polled: Int32 { descriptor }

    /// - Parameter whole: the last table stays on the screen, so all of it is written.
    public mutating func write(_ table: TablePieces, whole: Bool) throws(AuditError) -> Outcome {
        guard redraws else {
            waiting.append(table)
            return try send()
        }
        // Home, then the table, then clear what is left below: no flicker.
        let text = whole ? table.joined() : table.fitting(Terminal.size(descriptor))
        pending += Array(("\u{1B}[H" + text.replacingNewlines() + "\u{1B}[J").utf8)
        return try send()
    }

    /// Makes the next text that is to be sent.
    private mutating func refill() {
        while pending.isEmpty && !waiting.isEmpty {
            if let text = waiting[0].next() {
                pending = Array(text.utf8)
            } else {
                waiting.removeFirst()
            }
        }
    }

    /// Sends what can be sent without waiting.
    public mutating func send() throws(AuditError) -> Outcome {
        var outcome = Outcome.written
        repeat {
            refill()
            outcome = try sendPending()
        } while outcome == .written && isWaiting
        return outcome
    }

    private mutating func sendPending() throws(AuditError) -> Outcome {
        var sent = 0
        defer { pending.removeFirst(sent) }
        while sent < pending.count {
            var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            // As many as are given.
            if SystemText.retrying({ unsafe poll(&room, 1, 0) }) <= 0 { return .waiting }
            if room.revents & Int16(POLLERR) != 0 { return .closed }
            let count = unsafe pending.withUnsafeBytes { buffer in
                unsafe buffer.baseAddress.map {
                    unsafe Glibc.write(descriptor, $0 + sent, min(buffer.count - sent, Self.chunk))
                } ?? 0
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .waiting
            case EPIPE: return .closed
            default:
                let code = errno
                // What was not written would follow a torn line; it is lost, and said to be.
                sent = pending.count
                waiting = []
                throw AuditError(
                    .outputFailed, errno: code,
                    "The table could not be written to standard output.")
            }
        }
        return .written
    }

    /// The end: waits until the reader has all, or `stop` becomes readable (a second signal).
    public mutating func finish(stop: Int32) throws(AuditError) {
        while try send() == .waiting {
            var waiting = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            // As many as are given.
            guard SystemText.retrying({ unsafe poll(&waiting, 2, -1) }) > 0, waiting[1].revents == 0 else {
                return
            }
        }
    }
}

extension TablePieces {
    /// What a screen holds of a table: a line that wraps or scrolls would break the redraw.
    fileprivate func fitting(_ size: (rows: Int, columns: Int)?) -> String {
        guard let size else { return joined() }
        var lines: [String] = []
        var count = 0
        for piece in self {
            for line in piece.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                if lines.count < size.rows {
                    lines.append(Escaping.fitting(String(line), columns: size.columns))
                }
                count += 1
            }
        }
        if count >= size.rows {
            let left = count - (size.rows - 2)
            lines = Array(lines.prefix(Swift.max(1, size.rows - 2)))
            lines.append(String("\(left) more lines: --top, or a taller terminal".prefix(size.columns)))
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension String {
    /// Each line cleared to its end, for a redraw over a longer one.
    fileprivate func replacingNewlines() -> String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\u{1B}[K\n")
    }
}

/// What people should know that is no table: standard error, and of a plugin the system's log.
public struct Messages: Sendable {
    private let quiet: Bool
    public init(quiet: Bool) { self.quiet = quiet }

    /// Silenced by --quiet.
    public func note(_ text: String) { if !quiet { Self.write(text, .note) } }
    /// Never silenced.
    public func error(_ text: String) { Self.write(text, .error) }

    /// From now on all goes to the system's log, and to standard error only where somebody reads that. Call
    /// it while there is one thread.
    public static func useSystemLog(andStandardError isRead: Bool) {
        SystemLog.open()
        unsafe (logs, writes) = (true, isRead)
    }

    // Set once, by the only thread of a program that has just begun.
    nonisolated(unsafe) private static var logs = false
    nonisolated(unsafe) private static var writes = true

    private static func write(_ text: String, _ level: SystemLog.Level) {
        // Names of files come as somebody chose them. A message is one line: a newline in it is a name's.
        let text = Escaping.sentence(text)
        if unsafe logs { SystemLog.write(text, level) }
        if unsafe writes { write(lines: "sockaudit: \(text)") }
    }

    /// To standard error, as they are.
    public static func write(lines: String) {
        let bytes = Array((lines + "\n").utf8)
        // The bytes stay for the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
