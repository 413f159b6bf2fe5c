import Glibc
import SockAuditCore

/// Walks over a line's bytes and takes what must stand next.
///
/// Raw pointers: bounds are checked once for a line, not for each byte. The line ends with a newline,
/// which no loop below takes.
@safe struct TextCursor {
    var at: UnsafeRawPointer
    /// One past the newline.
    let end: UnsafeRawPointer

    init(_ at: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        // The caller holds the line for as long as this is used.
        unsafe self.at = at
        unsafe self.end = end
    }

    var byte: UInt8 {
        // The newline at the end stops every walk, so there is a byte.
        @inline(__always) get { unsafe at.load(as: UInt8.self) }
    }

    @inline(__always)
    mutating func take(_ text: StaticString) -> Bool {
        // Compared where the line has as many bytes.
        guard unsafe end - at >= text.utf8CodeUnitCount,
            unsafe memcmp(at, text.utf8Start, text.utf8CodeUnitCount) == 0
        else {
            return false
        }
        // They were compared.
        unsafe at += text.utf8CodeUnitCount
        return true
    }

    /// A decimal number of at most `digits` digits; nil when there is none or more of it.
    @inline(__always)
    mutating func decimal(digits: Int) -> UInt64? {
        guard unsafe end - at >= 24 else { return decimalByDigits(digits: digits) }
        // Eight digits at once.
        let start = unsafe at
        var (value, count) = unsafe Self.decimals(at)
        unsafe at += count
        if count == 8 {
            let (rest, more) = unsafe Self.decimals(at)
            if more == 8 {
                unsafe at = start
                return decimalByDigits(digits: digits)
            }
            for _ in 0..<more { value &*= 10 }
            value &+= rest
            count += more
            // They are digits that were read.
            unsafe at += more
        }
        return count > 0 && count <= digits ? value : nil
    }

    /// A decimal number of at most three digits, in less time.
    @inline(__always)
    mutating func shortDecimal() -> UInt64? {
        guard unsafe end - at >= 4 else { return nil }
        let text = unsafe UInt32(littleEndian: at.loadUnaligned(as: UInt32.self)) ^ 0x3030_3030
        let count = (((text &+ 0x7676_7676) | text) & 0x8080_8080).trailingZeroBitCount >> 3
        if count == 0 || count > 3 { return nil }
        // They are digits that were read.
        unsafe at += count
        let digits = text << UInt32(32 - 8 * count)
        let tens: UInt32 = (digits >> 16 & 0xFF) &* 10
        let hundreds: UInt32 = (digits >> 8 & 0xFF) &* 100
        return UInt64(digits >> 24) &+ UInt64(tens &+ hundreds)
    }

    /// How many digits stand here, up to eight, and what number they are.
    @inline(__always)
    private static func decimals(_ at: UnsafeRawPointer) -> (value: UInt64, count: Int) {
        let text = unsafe UInt64(littleEndian: at.loadUnaligned(as: UInt64.self)) ^ 0x3030_3030_3030_3030
        // A digit is now 0 to 9; the high bit is set where there is more.
        let others = ((text &+ 0x7676_7676_7676_7676) | text) & 0x8080_8080_8080_8080
        let count = others.trailingZeroBitCount >> 3
        if count == 0 { return (0, 0) }
        // Pairs, then fours, then all: the first digit is in the lowest byte.
        var value = text << UInt64(64 - 8 * count)
        value = (value &* 2_561) >> 8 & 0x00FF_00FF_00FF_00FF
        value = (value &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
        value = (value &* 42_949_672_960_001) >> 32
        return (value, count)
    }

    private mutating func decimalByDigits(digits: Int) -> UInt64? {
        var value: UInt64 = 0
        // What is passed over is no newline, so the end is not passed.
        let from = unsafe at
        while true {
            let digit = UInt64(byte) &- 0x30
            if digit > 9 { break }
            value = value &* 10 &+ digit
            // A newline is nothing of this kind.
            unsafe at += 1
        }
        let count = unsafe at - from
        return count > 0 && count <= digits ? value : nil
    }

    /// A hexadecimal number of at most 16 digits.
    /// - Parameter wanted: whether its value is asked for; 0 is given where it is not.
    @inline(__always)
    mutating func hexadecimal(wanted: Bool = true) -> UInt64? {
        if unsafe end - at >= 24 {
            // Eight digits at once, as the kernel writes them: in lower case, and a blank behind them.
            let first = unsafe Self.digits(at)
            if first.count < 8 {
                if unsafe (at + first.count).load(as: UInt8.self) <= 0x20 && first.count > 0 {
                    unsafe at += first.count
                    return wanted ? Self.value(first) : 0
                }
            } else {
                // Twenty-four bytes are there.
                let second = unsafe Self.digits(at + 8)
                if unsafe (at + 8 + second.count).load(as: UInt8.self) <= 0x20 {
                    unsafe at += 8 + second.count
                    if !wanted { return 0 }
                    return second.count == 0
                        ? Self.value(first)
                        : Self.value(first) << UInt64(4 * second.count) | Self.value(second)
                }
            }
        }
        return hexadecimalByDigits()
    }

    /// How many digits stand here, up to eight.
    @inline(__always)
    private static func digits(_ at: UnsafeRawPointer) -> (text: UInt64, letters: UInt64, count: Int) {
        let text = unsafe UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
        let high: UInt64 = 0x8080_8080_8080_8080
        // The high bit of a byte is set where it is 0 to 9, or a to f. (A byte above 127 spoils what is said
        // of those behind it, which does not count any more.)
        let decimal = (text &+ 0x5050_5050_5050_5050) & ~(text &+ 0x4646_4646_4646_4646)
        let letter = (text &+ 0x1F1F_1F1F_1F1F_1F1F) & ~(text &+ 0x1919_1919_1919_1919)
        let count = (~(decimal | letter) | text) & high
        return (text, letter & high, count.trailingZeroBitCount >> 3)
    }

    @inline(__always)
    private static func value(_ digits: (text: UInt64, letters: UInt64, count: Int)) -> UInt64 {
        var value = (digits.text & 0x0F0F_0F0F_0F0F_0F0F) &+ digits.letters >> 7 &* 9
        // The first digit is the highest.
        value = (value << UInt64(64 - 8 * digits.count)).byteSwapped
        value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
        value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
        return (value | value >> 16) & 0x0000_0000_FFFF_FFFF
    }

    private mutating func hexadecimalByDigits() -> UInt64? {
        var value: UInt64 = 0
        // What is passed over is no newline, so the end is not passed.
        let from = unsafe at
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
            // A newline is nothing of this kind.
            unsafe at += 1
        }
        let count = unsafe at - from
        return count > 0 && count <= 16 ? value : nil
    }

    /// Passes over ` name=` and a decimal number.
    @inline(__always)
    mutating func skip(_ name: StaticString) -> Bool {
        guard take(name) else { return false }
        // What is passed over is no newline, so the end is not passed.
        let from = unsafe at
        while byte &- 0x30 < 10 { unsafe at += 1 }
        return unsafe at > from && at - from <= 10
    }

    /// Passes over printable bytes.
    @inline(__always)
    mutating func skipWord() -> Bool {
        let from = unsafe at
        while byte &- 0x21 < 0x7F - 0x21 { unsafe at += 1 }
        return unsafe at > from
    }

    /// A string of another's choosing where the kernel writes it as it does: in quotes when it is plain,
    /// else in hexadecimal (audit_log_untrustedstring, kernel/audit.c). Nil for anything else.
    @inline(__always)
    mutating func untrusted() -> Bytes? {
        let from = unsafe at
        if byte == UInt8(ascii: "\"") {
            unsafe at += 1
            while byte &- 0x21 < 0x7F - 0x21, byte != UInt8(ascii: "\"") { unsafe at += 1 }
            guard byte == UInt8(ascii: "\"") else { return nil }
            unsafe at += 1
        } else {
            while (byte &- 0x30) < 10 || (byte &- 0x41) < 6 { unsafe at += 1 }
            guard unsafe at > from, unsafe (at - from) & 1 == 0 else { return nil }
        }
        return unsafe Bytes(UnsafeRawBufferPointer(start: from, count: at - from))
    }
}
