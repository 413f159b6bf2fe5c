import CAudit
import Glibc
import SockAuditCore

/// The ways in: blocks of a log, single lines, and messages of the kernel.
extension FastLane {
    /// Cuts a block of a log into lines and takes in those that are records.
    public mutating func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        splitter.cut(UnsafeRawBufferPointer(block)) { line, stays in take(line, stays: stays) }
        keepRecent()
    }

    /// The end of the input: a last line without a newline counts too.
    public mutating func finish(_ splitter: inout LineSplitter) {
        splitter.cutRest { line, stays in take(line, stays: stays) }
    }

    /// A record as a line of a log, newline included.
    public mutating func push(record line: UnsafeBufferPointer<UInt8>) {
        let bytes = UnsafeRawBufferPointer(line)
        guard let start = bytes.baseAddress, bytes.last == 0x0A else { return }
        if !push(line: start, start + bytes.count, stays: false) { push(odd: bytes) }
        count(bytes.count)
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public mutating func push(type: UInt16, message: UnsafeRawBufferPointer) {
        let isCall = RecordType.isCall(type)
        if isCall {
            // The last call's bytes are about to change; its event is complete, or nearly always.
            keepRecent()
            callText.write(type, message)
            _ = take(callText.text, stays: true)
        } else {
            otherText.write(type, message)
            _ = take(otherText.text, stays: false)
        }
    }

    @inline(__always)
    private mutating func take(_ line: UnsafeRawBufferPointer, stays: Bool) -> LineGate.Kind {
        let start = line.baseAddress.unsafelyUnwrapped
        let end = start + line.count
        if line.count > 1, (end - 2).load(as: UInt8.self) != 0x0D, push(line: start, end, stays: stays) {
            count(line.count)
            return .record
        }
        return LineSplitter.judge(line) { record in
            let bytes = UnsafeRawBufferPointer(record)
            let start = bytes.baseAddress.unsafelyUnwrapped
            if !push(line: start, start + bytes.count, stays: false) { push(odd: bytes) }
            count(bytes.count)
        }
    }

    /// libauparse is fed blocks, and gives out at the beginning of each what it has: so do we.
    @inline(__always)
    private mutating func count(_ bytes: Int) {
        fed += bytes
        guard fed >= Self.block else { return }
        fed = 0
        release()
    }
}

/// A message of the kernel as a line of a log.
struct MessageText: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    private var type: UInt16 = 0
    private var prefix = 0
    private var length = 0

    /// The longest message, the name of its type, a newline.
    private static let room = Int(MAX_AUDIT_MESSAGE_LENGTH) + 256

    init() { memory = .allocate(byteCount: Self.room, alignment: 16) }

    deinit { memory.deallocate() }

    var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: length) }

    mutating func write(_ type: UInt16, _ message: UnsafeRawBufferPointer) {
        if type != self.type {
            let name = Array("type=\(RecordType.name(type)) msg=".utf8.prefix(128))
            name.withUnsafeBytes {
                memory.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: name.count)
            }
            prefix = name.count
            self.type = type
        }
        var count = min(message.count, Self.room - 1 - prefix)
        while count > 0, message[count - 1] == 0 || message[count - 1] == 0x0A { count -= 1 }
        if count > 0 {
            (memory + prefix).copyMemory(from: message.baseAddress.unsafelyUnwrapped, byteCount: count)
        }
        (memory + prefix + count).storeBytes(of: 0x0A, as: UInt8.self)
        length = prefix + count + 1
    }
}
