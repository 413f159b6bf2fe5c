import CAudit
import Glibc

/// One end of a pair of sockets that carries whole messages, and descriptors with them (unix(7)).
public struct MessageSocket: ~Copyable {
    public let descriptor: Int32

    public enum Arrival {
        case message([UInt8], descriptor: Int32?)
        /// Nothing there now.
        case none
        /// The other end is closed, for whatever reason.
        case closed
    }

    /// Room for messages that the other end has not read: all rules of a hundred programs fit.
    private static let room: Int32 = 4 << 20

    public init(adopting descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The other end sees that this one is closed.
    public func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Both ends, to be adopted; neither survives an exec.
    public static func pair() throws(AuditError) -> (Int32, Int32) {
        let ends = try bare()
        var bytes = room
        for end in [ends.0, ends.1] {
            // C reads a value of the size that is said.
            unsafe setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
            unsafe setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        return ends
    }

    /// The same with the room that the kernel gives by itself.
    static func bare() throws(AuditError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
        // Two descriptors are written, and there is room for two.
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw AuditError(
                .socketFailed, errno: errno,
                "No pair of sockets for the keeper could be made; are too few files allowed (ulimit -n)?")
        }
        return (ends[0], ends[1])
    }

    /// Sends a message without waiting.
    /// - Returns: false when the other end is gone or reads nothing.
    @discardableResult
    public func send(_ bytes: [UInt8], passing passed: Int32 = -1) -> Bool {
        unsafe bytes.withUnsafeBytes { raw in
            SystemText.retrying {
                unsafe sockaudit_send(descriptor, raw.baseAddress, raw.count, passed, Int32(MSG_DONTWAIT))
            } == raw.count
        }
    }

    /// Takes the next message, without waiting.
    public func receive() -> Arrival {
        var passed: Int32 = -1
        let peek = Int32(MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)
        let length = SystemText.retrying { recv(descriptor, nil, 0, peek) }
        if length == 0 { return .closed }
        guard length > 0 else {
            return errno == EAGAIN || errno == ENOBUFS ? .none : .closed
        }
        var bytes = [UInt8](repeating: 0, count: length)
        // As many bytes as the array has.
        let count = unsafe bytes.withUnsafeMutableBytes { raw in
            SystemText.retrying {
                unsafe sockaudit_take(descriptor, raw.baseAddress, raw.count, &passed, Int32(MSG_DONTWAIT))
            }
        }
        guard count > 0 else { return count == 0 ? .closed : .none }
        bytes.removeLast(length - count)
        return .message(bytes, descriptor: passed >= 0 ? passed : nil)
    }
}
