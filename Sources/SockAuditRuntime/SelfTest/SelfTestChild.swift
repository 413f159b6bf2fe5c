import AuditStream
import Glibc
import SockAuditCore

/// A self-test from the side of whoever watches it: ``pid`` is known before it makes a single call,
/// ``perform()`` has it make them, and what is open stays so until ``end()``.
public struct SelfTestChild: ~Copyable {
    private var child: OwnProgram
    private var text: [UInt8] = []
    public var pid: Int32 { child.pid }

    /// How long (ms) it may take: it makes some sixty calls.
    private static let patience: Int64 = 30_000

    public static func start() throws(AuditError) -> SelfTestChild {
        var started = SelfTestChild(child: try OwnProgram(["self-test"], piped: true))
        guard try started.readLine().hasPrefix(SelfTestProgram.ready) else { throw failure }
        return started
    }

    private init(child: consuming OwnProgram) { self.child = child }

    public mutating func perform() throws(AuditError) -> SelfTestCounts {
        try go()
        guard let counts = SelfTestCounts(line: try readLine()), counts.pid == pid else { throw Self.failure }
        return counts
    }

    public mutating func end() throws(AuditError) {
        try go()
        guard child.wait() == 0 else { throw Self.failure }
    }

    private static let failure = AuditError(
        .spawnFailed,
        "The self-test's own process did not do what it should; run `sockaudit self-test` by hand.")

    private func go() throws(AuditError) {
        // A pipe to a process that is gone must be an error and no signal.
        let before = signal(SIGPIPE, SIG_IGN)
        defer { _ = signal(SIGPIPE, before) }
        var byte: UInt8 = 0x0A
        // No more than the buffer holds.
        guard SystemText.retrying({ unsafe write(child.input, &byte, 1) }) == 1 else { throw Self.failure }
    }

    private mutating func readLine() throws(AuditError) -> String {
        let limit = Clock.steady() + Self.patience
        while true {
            if let end = text.firstIndex(of: 0x0A) {
                defer { text.removeFirst(end + 1) }
                return String(decoding: text[..<end], as: UTF8.self)
            }
            var waiting = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
            let left = limit - Clock.steady()
            guard left > 0, text.count < 65_536,
                // As many as are given.
                SystemText.retrying({ unsafe poll(&waiting, 1, Int32(clamping: left)) }) > 0
            else { throw Self.failure }
            var piece = [UInt8](repeating: 0, count: 4_096)
            // No more than the buffer holds.
            let count = SystemText.retrying { unsafe read(child.output, &piece, piece.count) }
            guard count > 0 else { throw Self.failure }
            text += piece[..<count]
        }
    }
}
