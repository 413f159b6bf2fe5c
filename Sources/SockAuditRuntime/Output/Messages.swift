import AuditStream
import Glibc
import SockAuditCore

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

    // Set by the one thread that runs the program; others say nothing.
    nonisolated(unsafe) private static var logs = false
    nonisolated(unsafe) private static var writes = true
    /// Of standard error where it is a terminal: one that takes nothing must not keep us from counting.
    nonisolated(unsafe) private static var terminal: Int32?
    /// What a screen keeps from being seen; nil where there is no screen.
    nonisolated(unsafe) private static var held: [String]?

    /// So many are kept while there is a screen; of more the first go.
    private static let most = 200

    /// From now on writing to a terminal never waits. To be called while descriptors can be opened.
    static func neverWait() { unsafe terminal = terminal ?? RawTerminal.opened(STDERR_FILENO) }

    /// A screen is drawn on the terminal: what is said there waits, and the screen shows the last of it.
    static func hold() { if isatty(STDERR_FILENO) == 1 { unsafe held = held ?? [] } }

    /// The terminal is as it was: what was said meanwhile is written.
    static func release() {
        let lines = unsafe held ?? []
        unsafe held = nil
        for line in lines { send(line) }
    }

    /// The last that was said while there is a screen.
    static var last: String? { unsafe held?.last }

    private static func write(_ text: String, _ level: SystemLog.Level) {
        // Names of files come as somebody chose them. A message is one line: a newline in it is a name's.
        let text = Escaping.sentence(text)
        if unsafe logs { SystemLog.write(text, level) }
        guard unsafe writes else { return }
        if unsafe held != nil {
            unsafe held?.append(text)
            if let count = unsafe held?.count, count > most { unsafe held?.removeFirst(count - most) }
        } else {
            send(text)
        }
    }

    private static func send(_ text: String) { write(lines: "sockaudit: \(text)") }

    /// To standard error, as they are.
    public static func write(lines: String) { write(text: lines + "\n") }

    /// The same without a line's end of its own.
    static func write(text: String) {
        let bytes = Array(text.utf8)
        // One thread says things, as above.
        let descriptor = unsafe terminal ?? STDERR_FILENO
        // The bytes stay for the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
