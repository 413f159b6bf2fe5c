/// How much room text takes on a terminal.
///
/// Exact for what ``Escaping`` lets through, and for nothing else: all that combines, joins or hides has
/// become an escape there, so that each character's width depends on itself alone.
extension Escaping {
    /// Terminal cells: wide East Asian characters and emoji take two.
    public static func displayWidth(_ text: some StringProtocol) -> Int {
        text.unicodeScalars.reduce(0) { $0 + width($1) }
    }

    /// As much of the beginning as there is room for.
    public static func fitting(_ text: String, columns: Int) -> String {
        var room = columns
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            room -= width(scalar)
            if room < 0 { break }
            kept.append(scalar)
        }
        return String(kept)
    }

    static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0..<0x1100: 1
        // East Asian Width W and F of Unicode's EastAsianWidth.txt; emoji are all that is beside these.
        case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C,
            0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
            0x16FE0...0x1B2FB, 0x1F200...0x1F265, 0x20000...0x3FFFD:
            2
        default: scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }
}
