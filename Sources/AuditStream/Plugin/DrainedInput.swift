import CAudit
import Glibc
import Synchronization

/// Standard input, emptied by a thread of its own into a queue with a limit: whoever writes to us never waits,
/// whatever keeps the one who reads the queue (a disk that hangs, a table of thousands of processes).
public final class DrainedInput: Sendable {
    /// How many bytes wait at most.
    public static let room = 16 << 20
    /// In one go; a line of auditd's has some 400 bytes.
    private static let block = 65_536
    /// Taken at once, so that the reader comes to its table under a flood too.
    private static let turn = 1 << 20

    /// How it ended.
    public enum End: Equatable, Sendable {
        /// The writer has closed its end.
        case closed
        /// Reading failed, with errno.
        case failed(Int32)
        /// What comes is no text: auditd's binary format.
        case binary
    }

    /// What the thread counted.
    public struct Counters: Equatable, Sendable {
        public var overruns = 0
        public var dropped = 0
        public var tooLong = 0
    }

    private struct State {
        var queue: RecordQueue
        var tooLong = 0
        var end: End?
    }

    private let input: Int32
    /// To wait on: readable when there is something to take.
    public let descriptor: Int32
    private let state: Mutex<State>

    /// Begins to read. Call it with the signals blocked that are for others, and after privileges have gone:
    /// the thread has those of its maker.
    public static func start(
        input: Int32 = STDIN_FILENO, room: Int = room
    ) throws(AuditError) -> DrainedInput {
        let fd = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard fd >= 0 else {
            throw AuditError(.socketFailed, errno: errno, "No descriptor for the queue could be made.")
        }
        let drained = DrainedInput(input, fd, room)
        let thread = try WorkThread.start(
            orSay: "No thread that empties standard input could be made.", { drained.run() })
        pthread_detach(thread)
        return drained
    }

    private init(_ input: Int32, _ descriptor: Int32, _ room: Int) {
        self.input = input
        self.descriptor = descriptor
        state = Mutex(State(queue: RecordQueue(room: room)))
    }

    deinit { close(descriptor) }

    // MARK: the thread

    private func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.block, alignment: 16)
        // Of this function alone.
        defer { unsafe buffer.deallocate() }
        var lines = LineBlocks()
        var isFirst = true
        while true {
            // No more than the buffer holds.
            let count = unsafe read(input, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EAGAIN {
                var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
                // As many as are given.
                _ = unsafe poll(&waiting, 1, -1)
                continue
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let end = count == 0 ? End.closed : .failed(errno)
                return finish(lines.finish(), end)
            }
            // As many bytes as were read into the buffer.
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
            // Its header begins with numbers of 32 bits (struct audit_dispatcher_header).
            if unsafe isFirst && bytes.prefix(16).contains(0) {
                finish([], .binary)
                return unsafe swallow(buffer)
            }
            isFirst = false
            // As many bytes as were read into the buffer.
            let whole = unsafe lines.push(bytes)
            let tooLong = lines.tooLong
            state.withLock {
                $0.queue.push(whole[...])
                $0.tooLong = tooLong
            }
            wake()
        }
    }

    /// Whoever writes must not wait for us to say that it writes the wrong thing.
    private func swallow(_ buffer: UnsafeMutableRawBufferPointer) {
        while true {
            let count = unsafe read(input, buffer.baseAddress, buffer.count)
            if count == 0 || (count < 0 && errno != EINTR) { return }
        }
    }

    private func finish(_ last: [UInt8], _ end: End) {
        state.withLock {
            $0.queue.push(last[...])
            $0.end = end
        }
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        // Eight bytes, as eventfd(2) wants them.
        _ = unsafe write(descriptor, &one, 8)
    }

    // MARK: the reader

    /// Hands over what waits, in blocks of whole lines, up to a megabyte.
    /// - Returns: how many blocks.
    public func take(_ body: (UnsafeBufferPointer<UInt8>) -> Void) -> Int {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
        var blocks = 0
        var bytes = 0
        while bytes < Self.turn, let block = state.withLock({ $0.queue.pop() }) {
            // The array stays for the call.
            unsafe block.withUnsafeBufferPointer { unsafe body($0) }
            blocks += 1
            bytes += block.count
        }
        // There is more: it must not be waited for.
        if bytes >= Self.turn { wake() }
        return blocks
    }

    /// How it ended, once all that came before was taken.
    public var end: End? {
        state.withLock { $0.queue.isEmpty || $0.end == .binary ? $0.end : nil }
    }

    public var counters: Counters {
        state.withLock {
            Counters(overruns: $0.queue.overruns, dropped: $0.queue.dropped, tooLong: $0.tooLong)
        }
    }
}
