import Glibc

/// Walks over a line's bytes and takes what must stand next.
///
/// Raw pointers: bounds are checked once for a line, not for each byte. The line ends with a newline,
/// which no loop below takes.
struct TextCursor {
    var at: UnsafeRawPointer
    /// One past the newline.
    let end: UnsafeRawPointer

    init(_ at: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        self.at = at
        self.end = end
    }

    var byte: UInt8 {
        @inline(__always) get { at.load(as: UInt8.self) }
    }

    @inline(__always)
    mutating func take(_ text: StaticString) -> Bool {
        guard end - at >= text.utf8CodeUnitCount, memcmp(at, text.utf8Start, text.utf8CodeUnitCount) == 0
        else {
            return false
        }
        at += text.utf8CodeUnitCount
        return true
    }

    /// A decimal number of at most `digits` digits; nil when there is none or more of it.
    @inline(__always)
    mutating func decimal(digits: Int) -> UInt64? {
        var value: UInt64 = 0
        let from = at
        while true {
            let digit = UInt64(byte) &- 0x30
            if digit > 9 { break }
            value = value &* 10 &+ digit
            at += 1
        }
        let count = at - from
        return count > 0 && count <= digits ? value : nil
    }

    /// A hexadecimal number of at most 16 digits.
    @inline(__always)
    mutating func hexadecimal() -> UInt64? {
        var value: UInt64 = 0
        let from = at
        while true {
            let byte = UInt64(self.byte)
            var digit = byte &- 0x30
            if digit > 9 {
                // Upper case becomes lower case; what is no letter stays out of range.
                digit = (byte | 0x20) &- 0x61
                if digit > 5 { break }
                digit += 10
            }
            value = value << 4 | digit
            at += 1
        }
        let count = at - from
        return count > 0 && count <= 16 ? value : nil
    }

    /// Passes over ` name=` and a decimal number.
    @inline(__always)
    mutating func skip(_ name: StaticString) -> Bool { take(name) && decimal(digits: 10) != nil }

    /// Passes over printable bytes.
    @inline(__always)
    mutating func skipWord() -> Bool {
        let from = at
        while byte &- 0x21 < 0x7F - 0x21 { at += 1 }
        return at > from
    }

    /// A string of another's choosing where the kernel writes it as it does: in quotes when it is plain,
    /// else in hexadecimal (audit_log_untrustedstring, kernel/audit.c). Nil for anything else.
    @inline(__always)
    mutating func untrusted() -> UnsafeBufferPointer<UInt8>? {
        let from = at
        if byte == UInt8(ascii: "\"") {
            at += 1
            while byte &- 0x21 < 0x7F - 0x21, byte != UInt8(ascii: "\"") { at += 1 }
            guard byte == UInt8(ascii: "\"") else { return nil }
            at += 1
        } else {
            while (byte &- 0x30) < 10 || (byte &- 0x41) < 6 { at += 1 }
            guard at > from, (at - from) & 1 == 0 else { return nil }
        }
        return UnsafeBufferPointer(start: from.assumingMemoryBound(to: UInt8.self), count: at - from)
    }
}
