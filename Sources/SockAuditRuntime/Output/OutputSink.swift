import AuditStream
import Glibc

/// Where tables go: standard output or the report file.
///
/// A reader that stopped reading must not keep us, with our rules in the kernel: every write waits
/// until it can be done, and a signal to stop ends the waiting.
public struct OutputSink: ~Copyable {
    public enum Outcome: Equatable, Sendable {
        case written
        /// Nobody reads any more (EPIPE).
        case closed
        /// A signal came while we waited for the reader.
        case interrupted
    }

    private var descriptor: Int32
    private let path: String?
    /// Redraw in place instead of appending.
    public let redraws: Bool

    /// What a pipe takes without blocking once poll(2) said so (PIPE_BUF).
    private static let chunk = 4_096

    /// - Parameters:
    ///   - path: the report file; nil for standard output.
    ///   - redraws: wanted on a terminal.
    public init(path: String?, redraws: Bool) throws(AuditError) {
        self.path = path
        if let path {
            descriptor = try Self.open(path)
            self.redraws = false
        } else {
            descriptor = STDOUT_FILENO
            self.redraws = redraws && isatty(STDOUT_FILENO) == 1
        }
    }

    deinit { if path != nil { close(descriptor) } }

    /// Standard output is a terminal: its width matters.
    public var isTerminal: Bool { path == nil && isatty(STDOUT_FILENO) == 1 }

    private static func open(_ path: String) throws(AuditError) -> Int32 {
        let fd = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard fd >= 0 else {
            throw AuditError(
                .outputFailed, errno: errno,
                "The report \(path) cannot be written; check that its folder exists, is writable, and that it is no symbolic link."
            )
        }
        return fd
    }

    /// HUP: the file was moved away; go on in a new one of the old name.
    public mutating func reopen() throws(AuditError) {
        guard let path else { return }
        let fresh = try Self.open(path)
        close(descriptor)
        descriptor = fresh
    }

    /// - Parameters:
    ///   - whole: the last table stays on the screen, so all of it is written.
    ///   - stopDescriptor: readable when a signal waits; the waiting ends then.
    public mutating func write(
        _ text: String, whole: Bool, stopDescriptor: Int32
    ) throws(AuditError) -> Outcome {
        // Home, then the table, then clear what is left below: no flicker.
        let fitting = redraws && !whole ? text.fitting(Terminal.size(descriptor)) : text
        let shown = redraws ? "\u{1B}[H" + fitting.replacingNewlines() + "\u{1B}[J" : text
        let bytes = Array(shown.utf8)
        var sent = 0
        while sent < bytes.count {
            switch try wait(stopDescriptor) {
            case .written: break
            case let other: return other
            }
            let count = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map {
                    Glibc.write(descriptor, $0 + sent, min(bytes.count - sent, Self.chunk))
                } ?? 0
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR, EAGAIN: continue
            case EPIPE: return .closed
            default:
                throw AuditError(
                    .outputFailed, errno: errno,
                    "The table could not be written\(path.map { " to \($0)" } ?? ""); free space or name another file."
                )
            }
        }
        return .written
    }

    private func wait(_ stopDescriptor: Int32) throws(AuditError) -> Outcome {
        while true {
            var waiting = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: stopDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            // A writable descriptor goes first: a stop while the reader keeps up loses no table.
            if SystemText.retrying({ poll(&waiting, 1, 0) }) > 0 {
                return waiting[0].revents & Int16(POLLERR) != 0 ? .closed : .written
            }
            guard SystemText.retrying({ poll(&waiting, 2, -1) }) > 0 else { continue }
            if waiting[0].revents & Int16(POLLERR) != 0 { return .closed }
            if waiting[0].revents != 0 { return .written }
            if waiting[1].revents != 0 { return .interrupted }
        }
    }
}

extension String {
    /// What a screen holds of a table: a line that wraps or scrolls would break the redraw.
    fileprivate func fitting(_ size: (rows: Int, columns: Int)?) -> String {
        guard let size else { return self }
        var lines = split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
            String($0.prefix(size.columns))
        }
        if lines.count >= size.rows {
            let left = lines.count - (size.rows - 2)
            lines = Array(lines.prefix(max(1, size.rows - 2)))
            lines.append(String("\(left) more lines: --top, or a taller terminal".prefix(size.columns)))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Each line cleared to its end, for a redraw over a longer one.
    fileprivate func replacingNewlines() -> String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\u{1B}[K\n")
    }
}

/// What people should know that is no table: standard error.
public struct Messages: Sendable {
    private let quiet: Bool
    public init(quiet: Bool) { self.quiet = quiet }

    /// Silenced by --quiet.
    public func note(_ text: String) { if !quiet { Self.write(text) } }
    /// Never silenced.
    public func error(_ text: String) { Self.write(text) }

    private static func write(_ text: String) {
        let line = Array("sockaudit: \(text)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
