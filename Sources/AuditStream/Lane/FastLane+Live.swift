import CAudit
import Glibc
import SockAuditCore

/// Records that an event of a live stream waits for, as bits.
enum Awaited {
    static let socketcall: UInt8 = 1
    static let pair: UInt8 = 2
    /// The call's record is odd: whatever else comes, until time or a table ends it.
    static let unknown: UInt8 = 4

    /// What the kernel writes beside these calls, when they succeed (audit_log_exit, kernel/auditsc.c).
    static func records(of call: FollowedCall, _ fields: RecordFields) -> UInt8 {
        guard fields.succeeded == true else { return 0 }
        if call == .socketpair { return pair }
        switch Int32(truncatingIfNeeded: fields.arguments.0) {
        case SYS_SOCKET, SYS_ACCEPT, SYS_ACCEPT4: return socketcall
        case SYS_SOCKETPAIR: return socketcall | pair
        default: return 0
        }
    }
}

/// A live stream: the socket's filter keeps EOE away, whose reception costs as much as that of the call.
extension FastLane {
    /// Whether all of an event has come that tells us something.
    @inline(__always)
    mutating func isComplete(_ place: Int, _ role: RecordRole) -> Bool {
        // Where command lines are read, they come last.
        if wantsScripts { return role.ends || role.kind == .title }
        switch role.kind {
        case .call: return assembly.events[place].awaited == 0
        case .socketcall, .pair:
            assembly.events[place].awaited &= ~(role.kind == .pair ? Awaited.pair : Awaited.socketcall)
            return assembly.events[place].awaited == 0
        default: return role.ends
        }
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public mutating func push(type: UInt16, message: UnsafeRawBufferPointer) {
        if RecordType.isCall(type) {
            // The last call's bytes are about to change; its event is complete, or nearly always.
            keepRecent()
            unsafe callText.write(type, message)
            unsafe take(callText.text, stays: true)
        } else {
            unsafe otherText.write(type, message)
            unsafe take(otherText.text, stays: false)
        }
    }
}

/// A message of the kernel as a line of a log.
@safe struct MessageText: ~Copyable {
    /// Lines of a log need none.
    private var memory: UnsafeMutableRawPointer?
    private var type: UInt16 = 0
    private var prefix = 0
    private var length = 0

    /// The longest message, the name of its type, a newline.
    private static let room = Int(MAX_AUDIT_MESSAGE_LENGTH) + 256

    init() {}

    // Of this value alone.
    deinit { unsafe memory?.deallocate() }

    // So many bytes were written.
    var text: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: memory, count: length) }

    mutating func write(_ type: UInt16, _ message: UnsafeRawBufferPointer) {
        // Of this value alone, and given back with it.
        let memory = unsafe self.memory ?? .allocate(byteCount: Self.room, alignment: 16)
        unsafe self.memory = memory
        if type != self.type {
            let name = Array("type=\(RecordType.name(type)) msg=".utf8.prefix(128))
            // A name is cut at 128 bytes, and there is room for 256 more than a message.
            unsafe name.withUnsafeBytes {
                unsafe memory.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: name.count)
            }
            prefix = name.count
            self.type = type
        }
        var count = min(message.count, Self.room - 1 - prefix)
        // Below the count, which the message has and the room allows.
        while count > 0, unsafe message[count - 1] == 0 || message[count - 1] == 0x0A { count -= 1 }
        if count > 0 {
            unsafe (memory + prefix).copyMemory(from: message.baseAddress.unsafelyUnwrapped, byteCount: count)
        }
        unsafe (memory + prefix + count).storeBytes(of: 0x0A, as: UInt8.self)
        length = prefix + count + 1
    }
}
