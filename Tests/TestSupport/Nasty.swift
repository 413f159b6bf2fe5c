/// Names of bytes that are meant to go wrong, from a seed.
public enum Nasty {
    private static let texts = [
        // Terminals: sequences of C0, C1 as text; what ends or moves a line.
        "\u{1B}", "\u{1B}]0;x\u{07}", "\u{1B}[2J", "\u{9B}31m", "\u{85}", "\u{7F}", "\n", "\r", "\r\n", "\t",
        "\0", "\u{2028}", "\u{2029}",
        // Direction, and letters that have one.
        "\u{202A}", "\u{202E}", "\u{202C}", "\u{2066}", "\u{2069}", "\u{200E}", "\u{200F}", "\u{61C}",
        "\u{5D0}\u{5D1}", "\u{627}", "\u{FB1D}", "\u{10900}", "\u{1E900}",
        // Invisible, and blank without being a blank.
        "\u{AD}", "\u{200B}", "\u{200C}", "\u{200D}", "\u{2060}", "\u{2064}", "\u{FEFF}", "\u{180E}",
        "\u{E0001}", "\u{E0041}", "\u{FE0F}", "\u{E0100}", "\u{FFF9}", "\u{3164}", "\u{2800}", "\u{A0}",
        "\u{3000}", "\u{2003}", "\u{115F}", "\u{1D159}", "\u{34F}",
        // What joins or sits on its neighbour, and what takes two cells.
        "\u{301}", "\u{20DD}", "\u{93E}", "\u{1160}", "\u{1F1E9}\u{1F1EA}", "\u{1F44D}\u{1F3FD}", "日本",
        "\u{AC00}", "🦀", "Ａ", "é", "ß", "★",
        // No character at all.
        "\u{E000}", "\u{378}", "\u{FFFD}",
        // What means something in one of the formats, and in ours.
        "=", "+", "-", "@", "＝", "'", "\"", "`", ",", ";", "<", ">", "&", "&lt;", "<script>", "</td>", "<!--",
        "-->", "{", "}", "#", "# ", "\\", "\\n", "\\x1b", "\\u{202e}", "\\...", " ", "  ", "a", "b1", "%s",
        "TOTAL", " (ended)",
    ].map { Array($0.utf8) }

    private static let bytes: [[UInt8]] = [
        // No characters for ever; then bytes alone, cut, too long, of a surrogate, beyond the last.
        [0xEF, 0xB7, 0x90], [0xEF, 0xBF, 0xBE], [0xF4, 0x8F, 0xBF, 0xBF],
        [0x80], [0x9B], [0xC2], [0xE2, 0x80], [0xF0, 0x9F, 0xA6], [0xC0, 0xAF], [0xE0, 0x80, 0xAF],
        [0xF0, 0x80, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xED, 0xB0, 0x80],
        [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],
        [0xF4, 0x90, 0x80, 0x80], [0xFE], [0xFF],
    ]

    public static func name(_ random: inout Seeded) -> [UInt8] {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: random.bytes(Int.random(in: 0...40, using: &random))
        case 1: Array(repeating: random.pick(texts + bytes), count: 60).flatMap { $0 }
        case 2: random.pick(texts + bytes)
        case 3:
            // Any scalar there is.
            (0..<8).flatMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...0x1_1000, using: &random)).map { Array(String($0).utf8) }
                    ?? []
            }
        default:
            (0..<Int.random(in: 1...9, using: &random)).flatMap { _ in random.pick(texts + texts + bytes) }
        }
    }

    public static func names(_ count: Int, _ random: inout Seeded) -> [[UInt8]] {
        (0..<count).map { _ in name(&random) }
    }
}

extension Nasty {
    /// The bytes that ``Escaping/visible(_:)`` was given, by what docs/names.md says; nil where an escape is none.
    public static func bytes(shown: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(shown.utf8)[...]
        func hex(_ digits: ArraySlice<UInt8>) -> UInt32? {
            UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        }
        while let first = rest.popFirst() {
            guard first == UInt8(ascii: "\\") else {
                bytes.append(first)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "x"):
                guard rest.count > 1, let value = hex(rest.prefix(2)) else { return nil }
                bytes.append(UInt8(value))
                rest = rest.dropFirst(2)
            case UInt8(ascii: "u"):
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")),
                    let value = hex(rest[..<end].dropFirst()),
                    let scalar = Unicode.Scalar(value)
                else { return nil }
                bytes += Array(String(scalar).utf8)
                rest = rest[(end + 1)...]
            default: return nil
            }
        }
        return bytes
    }
}
