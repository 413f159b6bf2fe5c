import Glibc
import SockAuditCore

/// When a record says that its call was entered. For what to read and in which order only: events bring
/// their own.
public enum RecordStamp {
    private static let mark = Array(" msg=audit(".utf8)

    /// - Parameter line: a record as ``LineGate`` lets it through.
    /// - Returns: milliseconds since the epoch.
    public static func milliseconds(_ line: UnsafeBufferPointer<UInt8>) -> Int64? {
        // Both of use for this call alone.
        guard let start = unsafe end(ofMark: line) else { return nil }
        let line = unsafe Bytes(line)
        var seconds: Int64 = 0
        var index = start
        while index < line.count, line[index] != UInt8(ascii: ".") {
            guard let digit = digit(line[index]), index - start < 12 else { return nil }
            seconds = seconds * 10 + digit
            index += 1
        }
        guard index + 3 < line.count, let a = digit(line[index + 1]),
            let b = digit(line[index + 2]),
            let c = digit(line[index + 3])
        else { return nil }
        return seconds * 1_000 + a * 100 + b * 10 + c
    }

    /// The kernel's number of the event: `msg=audit(1700000000.100:1000): `.
    /// - Parameter line: a record as ``LineGate`` lets it through.
    public static func serial(_ line: UnsafeBufferPointer<UInt8>) -> UInt64? {
        guard let start = unsafe line.firstRange(of: mark)?.upperBound else { return nil }
        // Behind the mark stands what a message of the kernel has behind `audit(`.
        return unsafe RecordType.serial(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: line[start...])))
    }

    /// Of the first line that begins in a block of a plain log.
    /// - Returns: nil where that is no record, or one of a log that may be several hosts'.
    public static func first(in block: UnsafeRawBufferPointer) -> Int64? {
        let bytes = unsafe block.bindMemory(to: UInt8.self)
        guard let newline = unsafe bytes.firstIndex(of: 0x0A) else { return nil }
        let line = unsafe UnsafeBufferPointer(rebasing: bytes[(newline + 1)...].prefix(256))
        return unsafe line.starts(with: "type=".utf8) ? milliseconds(line) : nil
    }

    /// Where ` msg=audit(` ends. The C library looks at many bytes at once for its last one; Collection's search
    /// takes as long for a line as all else that is done with it.
    private static func end(ofMark line: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = unsafe UnsafeRawPointer(line.baseAddress) else { return nil }
        var from = 0
        while let found = unsafe memchr(base + from, CInt(UInt8(ascii: "(")), line.count - from) {
            from = unsafe base.distance(to: UnsafeRawPointer(found)) + 1
            if from >= mark.count, unsafe line[(from - mark.count)..<from].elementsEqual(mark) { return from }
        }
        return nil
    }

    private static func digit(_ byte: UInt8) -> Int64? {
        (0x30...0x39).contains(byte) ? Int64(byte - 0x30) : nil
    }
}
