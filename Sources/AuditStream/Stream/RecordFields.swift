/// The fields of one event that we need, as its records give them, before they mean anything.
struct RecordFields {
    var elf: UInt32?
    var number: UInt64?
    /// success=: nil where the record has none (exit, exit_group).
    var succeeded: Bool?
    var exit: Int64?
    var arguments: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// How many of a0 to a3 were there.
    var argumentCount = 0
    var ppid: Int32 = 0
    var pid: Int32?
    var auid = UInt32.max
    var uid = UInt32.max
    var session = UInt32.max
    /// The SOCKETCALL record's arguments; nil without one.
    var socketcall: (UInt64, UInt64, UInt64, UInt64)?
    /// The FD_PAIR record.
    var pair: (Int32, Int32)?
    /// A value could not be read as the number that it must be.
    var malformed = false
}

/// Numbers as audit records write them. All refuse what does not fit instead of cutting it.
enum RecordNumber {
    /// Hexadecimal without 0x, up to 64 bits.
    static func hex(_ text: some Collection<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in text {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x61 + 10
            case 0x41...0x46: digit = byte - 0x41 + 10
            default: return nil
            }
            guard value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// Decimal with an optional minus.
    static func decimal(_ text: some Collection<UInt8>) -> Int64? {
        let negative = text.first == UInt8(ascii: "-")
        let digits = text.dropFirst(negative ? 1 : 0)
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            let (shifted, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = shifted.subtractingReportingOverflow(Int64(digit))
            if over || more { return nil }
            value = sum
        }
        if negative { return value }
        return value == .min ? nil : -value
    }
}
