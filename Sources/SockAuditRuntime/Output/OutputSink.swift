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

    private let descriptor: Int32
    /// Standard output is a terminal. A hang-up of it is a reader that has gone.
    private let isTerminal: Bool
    /// What the reader has still to take: text, frames of a screen and, of which the text is not made yet, tables.
    private var pending: [UInt8] = []
    var frames = FrameQueue()
    private var waiting: [TablePieces] = []
    /// There was room, and still not enough: poll would say so again at once.
    private(set) var isClogged = false

    /// What a pipe takes without blocking once poll(2) said so (PIPE_BUF).
    private static let chunk = 4_096
    /// Until a terminal that had not enough room is tried again (ms).
    private static let pause: Int32 = 20

    /// Poll says of a terminal that there is room for a byte, and a longer write waits: it gets a descriptor of
    /// its own that never does.
    public init() {
        isTerminal = isatty(STDOUT_FILENO) == 1
        descriptor = RawTerminal.opened(STDOUT_FILENO) ?? STDOUT_FILENO
    }

    deinit { if descriptor != STDOUT_FILENO { close(descriptor) } }

    /// A screen can be drawn: writing to it never waits.
    var canDraw: Bool { descriptor != STDOUT_FILENO }

    /// Some of the last table is still to be taken.
    public var isWaiting: Bool { !pending.isEmpty || !waiting.isEmpty || frames.isWaiting }
    /// Poll can tell when more is taken.
    var wantsRoom: Bool { isWaiting && !isClogged }
    /// To poll for room while ``wantsRoom``, and for errors always.
    public var polled: Int32 { descriptor }

    public mutating func write(_ table: TablePieces) throws(AuditError) -> Outcome {
        waiting.append(table)
        return try send()
    }

    /// What comes before all that was not begun to be sent.
    mutating func put(_ text: String) { pending += Array(text.utf8) }

    /// Makes the next text that is to be sent.
    private mutating func refill() {
        while pending.isEmpty && (frames.isWaiting || !waiting.isEmpty) {
            if let frame = frames.next() {
                pending = frame
            } else if let text = waiting[0].next() {
                pending = Array(text.utf8)
            } else {
                waiting.removeFirst()
            }
        }
    }

    /// Sends what can be sent without waiting.
    public mutating func send() throws(AuditError) -> Outcome {
        var outcome = Outcome.written
        isClogged = false
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
            if SystemText.retrying({ poll(&room, 1, 0) }) <= 0 { return .waiting }
            if room.revents & Int16(POLLERR) != 0 { return .closed }
            let count = pending.withUnsafeBytes { buffer in
                buffer.baseAddress.map {
                    Glibc.write(descriptor, $0 + sent, min(buffer.count - sent, Self.chunk))
                } ?? 0
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                isClogged = true
                return .waiting
            case EPIPE: return .closed
            case EIO where isTerminal: return .closed
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

    /// Gives the reader a moment to take what is there.
    mutating func flush(milliseconds: Int64) throws(AuditError) {
        let limit = Clock.steady() + milliseconds
        while try send() == .waiting {
            var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let left = limit - Clock.steady()
            if isClogged { _ = poll(nil, 0, Self.pause) }
            guard left > 0, SystemText.retrying({ unsafe poll(&room, 1, Int32(left)) }) > 0 else { return }
        }
    }

    /// The end: waits until the reader has all, or `stop` becomes readable (a second signal).
    public mutating func finish(stop: Int32) throws(AuditError) {
        while try send() == .waiting {
            if isClogged { _ = poll(nil, 0, Self.pause) }
            var waiting = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            guard SystemText.retrying({ poll(&waiting, 2, -1) }) > 0, waiting[1].revents == 0 else { return }
        }
    }
}
