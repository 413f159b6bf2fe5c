import SockAuditCore

/// Walks through a line of bytes.
struct ByteCursor {
    private(set) var rest: ArraySlice<UInt8>
    private let whole: [UInt8]

    /// What was taken so far.
    var before: ArraySlice<UInt8> { whole[..<rest.startIndex] }

    /// Trailing blanks and a carriage return are no part of the text.
    init(_ line: UnsafeRawBufferPointer) {
        whole = unsafe Array(line)
        rest = whole[...]
        while let last = rest.last, last == 0x0D || last == 0x20 { rest = rest.dropLast() }
    }

    func starts(_ prefix: StaticString) -> Bool {
        rest.starts(with: prefix.bytes)
    }

    mutating func take(_ prefix: StaticString) -> Bool {
        guard starts(prefix) else { return false }
        rest = rest.dropFirst(prefix.utf8CodeUnitCount)
        return true
    }

    mutating func skipBlanks() { rest = rest.drop { $0 == 0x20 } }

    /// The bytes up to the next blank, and that and all blanks behind it gone.
    mutating func token() -> ArraySlice<UInt8> {
        let word = rest.prefix { $0 != 0x20 }
        rest = rest.dropFirst(word.count)
        skipBlanks()
        return word
    }

    /// Everything up to and with the byte; false, and nothing taken, when there is none.
    @discardableResult
    mutating func skip(past byte: UInt8) -> Bool {
        guard let index = rest.firstIndex(of: byte) else { return false }
        rest = rest[(index + 1)...]
        return true
    }

    mutating func skip(past mark: StaticString) -> Bool {
        guard let range = rest.firstRange(of: mark.bytes) else { return false }
        rest = rest[range.upperBound...]
        return true
    }

    /// A decimal number; nil, and nothing taken, when there is none that fits.
    mutating func number() -> Int? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...18).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
