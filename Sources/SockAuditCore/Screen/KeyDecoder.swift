/// A key as the screen takes it.
public enum ScreenKey: Equatable, Sendable {
    case character(Unicode.Scalar)
    case enter, escape, backspace
    /// Ctrl-U: what has been typed goes.
    case clearLine
    /// Ctrl-L: somebody else has written on the terminal.
    case repaint
    case up, down, pageUp, pageDown, home, end
}

/// Makes keys of what a terminal sends. A read may end in the middle of a key.
public struct KeyDecoder: Sendable {
    /// The beginning of a key, perhaps.
    private var pending: [UInt8] = []

    /// No key is longer; what is goes on is no key.
    private static let longest = 32
    private static let escape: UInt8 = 0x1B

    public init() {}

    /// More may come, and if nothing does, ``flush()`` says what it was.
    public var isWaiting: Bool { !pending.isEmpty }

    public mutating func take(_ bytes: some Sequence<UInt8>) -> [ScreenKey] {
        pending += bytes
        var keys: [ScreenKey] = []
        var rest = pending[...]
        while let (key, length) = Self.first(of: rest) {
            if let key { keys.append(key) }
            rest = rest.dropFirst(length)
        }
        pending = Array(rest)
        return keys
    }

    /// Nothing came for a moment: an escape by itself is the key Esc, half of anything else is nobody's.
    public mutating func flush() -> [ScreenKey] {
        defer { pending = [] }
        return pending == [Self.escape] ? [.escape] : []
    }

    /// - Returns: the first key and its length, no key for what means nothing here; nil where it is not whole.
    private static func first(of bytes: ArraySlice<UInt8>) -> (ScreenKey?, Int)? {
        guard let lead = bytes.first else { return nil }
        switch lead {
        case escape: return sequence(Array(bytes.prefix(longest)))
        case 0x0A, 0x0D: return (.enter, 1)
        case 0x08, 0x7F: return (.backspace, 1)
        case 0x15: return (.clearLine, 1)
        case 0x0C: return (.repaint, 1)
        case 0x02: return (.pageUp, 1)
        case 0x06: return (.pageDown, 1)
        case 0x20..<0x7F: return (.character(Unicode.Scalar(lead)), 1)
        case 0xC2..<0xF5: return scalar(bytes, lead)
        default: return (nil, 1)
        }
    }

    private static func scalar(_ bytes: ArraySlice<UInt8>, _ lead: UInt8) -> (ScreenKey?, Int)? {
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        let there = bytes.prefix(length)
        for (index, byte) in there.enumerated() where index > 0 && byte & 0xC0 != 0x80 {
            return (nil, index)
        }
        guard there.count == length else { return nil }
        guard let text = String(validating: there, as: UTF8.self), let scalar = text.unicodeScalars.first
        else { return (nil, length) }
        return (.character(scalar), length)
    }

    /// What begins with an escape (ECMA-48): CSI, SS3, or the key itself before another.
    private static func sequence(_ bytes: [UInt8]) -> (ScreenKey?, Int)? {
        guard bytes.count > 1 else { return nil }
        switch bytes[1] {
        case UInt8(ascii: "O"):
            guard bytes.count > 2 else { return nil }
            return (named(bytes[2], parameter: nil), 3)
        case UInt8(ascii: "["): return control(bytes)
        default: return (.escape, 1)
        }
    }

    private static func control(_ bytes: [UInt8]) -> (ScreenKey?, Int)? {
        // The Linux console's function keys: one byte more.
        if bytes.count > 2, bytes[2] == UInt8(ascii: "[") { return bytes.count > 3 ? (nil, 4) : nil }
        var parameter: Int?
        var isFirst = true
        for (index, byte) in bytes.enumerated().dropFirst(2) {
            switch byte {
            case 0x30...0x39 where isFirst: parameter = min((parameter ?? 0) * 10 + Int(byte & 0x0F), 999)
            case 0x20...0x3F: isFirst = false
            case 0x40...0x7E: return (named(byte, parameter: parameter), index + 1)
            default: return (nil, index)
            }
        }
        return bytes.count < longest ? nil : (nil, bytes.count)
    }

    private static func named(_ final: UInt8, parameter: Int?) -> ScreenKey? {
        switch (final, parameter) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), 1), (UInt8(ascii: "~"), 7): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), 4), (UInt8(ascii: "~"), 8): .end
        case (UInt8(ascii: "~"), 5): .pageUp
        case (UInt8(ascii: "~"), 6): .pageDown
        case (UInt8(ascii: "M"), nil): .enter
        default: nil
        }
    }
}
