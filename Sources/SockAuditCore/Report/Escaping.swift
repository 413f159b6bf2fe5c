/// The one policy for text that somebody else chose (comm, exe, argv, a unit's or host's name, a path, a line
/// of auditd.conf, an argument) on its way to people and files: one function for each place it goes to.
///
/// In what people read nothing stands but printable characters, each in a place of its own:
///
/// | written | is |
/// |---|---|
/// | `\\` | a backslash |
/// | `\xNN` | the byte NN: below 80 a control character, or a blank at an end or behind another; else no UTF-8 |
/// | `\u{NNNN}` | another character that hides, joins with its neighbours, or turns the line around |
/// | `\...` | here something is left out (``short(_:columns:)`` only) |
///
/// No name can fake an escape, and no two names are written alike. docs/names.md says how to read them back.
public enum Escaping {
    // MARK: terminals, text reports, messages

    /// A name as people see it, on one line.
    public static func visible(_ bytes: [UInt8]) -> String {
        isPlain(bytes) ? String(decoding: bytes, as: UTF8.self) : pieces(bytes, blanks: .inner).joined()
    }

    public static func visible(_ text: String) -> String { visible(Array(text.utf8)) }

    /// The same where a table or a sentence must stay together: of a long name the middle is left out.
    public static func short(_ bytes: [UInt8], columns: Int = nameColumns) -> String {
        // No column stands for more than four bytes: of what is far too long the middle need not be looked at.
        let most = columns * 4
        let isLong = bytes.count > most * 2
        let pieces = pieces(isLong ? Array(bytes.prefix(most) + bytes.suffix(most)) : bytes, blanks: .inner)
        guard isLong || pieces.reduce(0, { $0 + displayWidth($1) }) > columns else { return pieces.joined() }
        let mark = "\\..."
        func kept(_ pieces: some Sequence<String>) -> [String] {
            var room = (columns - mark.utf8.count) / 2
            return Array(
                pieces.prefix {
                    room -= displayWidth($0)
                    return room >= 0
                })
        }
        return kept(pieces).joined() + mark + kept(pieces.reversed()).reversed().joined()
    }

    public static func short(_ text: String) -> String { short(Array(text.utf8)) }

    /// Every comm has room, whatever its 15 bytes are.
    public static let nameColumns = 80

    /// One word of a line of ours: the same without any blank.
    public static func word(_ bytes: [UInt8]) -> String { pieces(bytes, blanks: .none).joined() }

    /// A sentence of ours: the names in it are escaped already, and are not to be escaped twice.
    public static func sentence(_ text: String) -> String {
        pieces(Array(text.utf8), blanks: .all, keepsBackslashes: true).joined()
    }

    /// Lines that are not ours and echo what was typed: the argument parser's.
    public static func lines(_ text: String, echoing arguments: some Sequence<String>) -> String {
        // A newline in an argument must not begin a line. Of KEY=VALUE the one or the other may be told alone.
        let typed = arguments.flatMap { [$0[...]] + $0.split(separator: "=", maxSplits: 1) }
        var bytes = Array(text.utf8)
        for piece in typed.map(String.init).sorted(by: { $0.utf8.count > $1.utf8.count })
        where sentence(piece) != piece {
            bytes.replace(Array(piece.utf8), with: Array(visible(piece).utf8))
        }
        return bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            pieces(Array($0), blanks: .all, keepsBackslashes: true).joined()
        }.joined(separator: "\n")
    }

    /// For a terminal that does not read UTF-8: what is not ASCII becomes an escape, as hidden characters do.
    static func ascii(_ text: String) -> String {
        replacing(text) { $0.isASCII ? nil : "\\u{" + hex($0.value, 4) + "}" }
    }

    // MARK: JSON

    /// A JSON string with its quotes. Hidden characters are written as JSON escapes, so a reader
    /// gets them back; a byte that is no UTF-8 becomes the four characters `\xNN`.
    public static func json(_ bytes: [UInt8]) -> String {
        var out = "\""
        decode(bytes) { piece, _ in
            switch piece {
            case .byte(let byte): out += "\\\\x" + hex(UInt32(byte), 2)
            case .scalar(let scalar):
                switch scalar {
                case "\"": out += "\\\""
                case "\\": out += "\\\\"
                default:
                    if isHidden(scalar) { out += jsonUnit(scalar) } else { out.unicodeScalars.append(scalar) }
                }
            }
        }
        return out + "\""
    }

    public static func json(_ text: String) -> String { json(Array(text.utf8)) }

    /// A key and its value: where the bytes are no UTF-8, and only there, all of them follow in hexadecimal
    /// under `KEY_hex`. A name that itself reads `\xNN` has none, so the two differ.
    public static func jsonMember(_ key: String, _ bytes: [UInt8]) -> String {
        "\"\(key)\":\(json(bytes))" + (isText(bytes) ? "" : ",\"\(key)_hex\":\"\(hex(bytes))\"")
    }

    // MARK: HTML

    /// For text and attribute values of HTML, in double quotes.
    public static func html(_ bytes: [UInt8]) -> String { markup(visible(bytes)) }

    public static func html(_ text: String) -> String { html(Array(text.utf8)) }

    /// As ``sentence(_:)``, for HTML.
    public static func htmlSentence(_ text: String) -> String { markup(sentence(text)) }

    private static func markup(_ text: String) -> String {
        replacing(text) { ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"][$0] }
    }

    // MARK: Prometheus

    /// A label value of Prometheus' text format, without its quotes.
    public static func label(_ bytes: [UInt8]) -> String {
        replacing(visible(bytes)) { ["\\": "\\\\", "\"": "\\\""][$0] }
    }

    // MARK: CSV

    /// A cell of CSV: in quotes where RFC 4180 asks for them, and never a formula. A spreadsheet takes a
    /// cell for one that begins with one of `= + - @`, some behind blanks or a quote; such a cell, and one
    /// that begins with an apostrophe itself, gets an apostrophe in front. Where lists are separated by
    /// semicolons a spreadsheet would begin a cell behind one, so it is written as its escape.
    public static func csv(_ bytes: [UInt8]) -> String {
        var cell = replacing(visible(bytes)) { $0 == ";" ? "\\x3b" : nil }
        // The wide forms are typed, and taken, for the others in East Asia.
        let first = cell.unicodeScalars.first { $0 != " " && $0 != "\"" }
        if let first, "=+-@'\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}\u{FF07}".unicodeScalars.contains(first) {
            cell = "'" + cell
        }
        guard cell.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" }) else { return cell }
        return "\"" + replacing(cell) { $0 == "\"" ? "\"\"" : nil } + "\""
    }

    public static func csv(_ text: String) -> String { csv(Array(text.utf8)) }

    /// A comment among lines of CSV, escaped already: a program's path stands in the rules, and where a
    /// spreadsheet would begin a new cell there, the cell must be no formula.
    public static func csvComment(_ line: String) -> String {
        let scalars = Array(line.unicodeScalars)
        var out = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            let next = scalars[(index + 1)...].first { $0 != " " }
            let isHarmless =
                next.map { $0.isASCII && ($0.properties.isAlphabetic || $0.value < 0x3A && $0.value > 0x2F) }
                ?? true
            switch scalar {
            case "," where !isHarmless: out.append(contentsOf: "\\x2c".unicodeScalars)
            case ";" where !isHarmless: out.append(contentsOf: "\\x3b".unicodeScalars)
            default: out.append(scalar)
            }
        }
        return String(out)
    }

    // MARK: bytes

    /// Whether the bytes are UTF-8 throughout.
    public static func isText(_ bytes: [UInt8]) -> Bool {
        String(validating: bytes, as: UTF8.self) != nil
    }

    /// All bytes in hexadecimal.
    public static func hex(_ bytes: [UInt8]) -> String { bytes.map { hex(UInt32($0), 2) }.joined() }

    private enum Piece {
        case scalar(Unicode.Scalar)
        case byte(UInt8)
    }

    /// Which blanks stand as they are: all, those that are seen as what they are, or none. (At an end, or one
    /// behind another, a name with them passes for one without.)
    private enum Blanks { case all, inner, none }

    /// As most names are.
    private static func isPlain(_ bytes: [UInt8]) -> Bool {
        var isAfterBlank = true
        for byte in bytes {
            let isBlank = byte == 0x20
            guard byte > 0x1F, byte < 0x7F, byte != 0x5C, !(isBlank && isAfterBlank) else { return false }
            isAfterBlank = isBlank
        }
        return bytes.last != 0x20
    }

    /// What stands for each character.
    private static func pieces(
        _ bytes: [UInt8], blanks: Blanks, keepsBackslashes: Bool = false
    ) -> [String] {
        var out: [String] = []
        out.reserveCapacity(bytes.count)
        var isAfterBlank = true
        decode(bytes) { piece, index in
            var isBlank = false
            switch piece {
            case .byte(let byte): out.append("\\x" + hex(UInt32(byte), 2))
            case .scalar(" "):
                isBlank = true
                let isSeen = !isAfterBlank && index + 1 < bytes.count
                out.append(blanks == .all || (blanks == .inner && isSeen) ? " " : "\\x20")
            case .scalar("\\"): out.append(keepsBackslashes ? "\\" : "\\\\")
            case .scalar(let scalar):
                let code = scalar.value
                if !isHidden(scalar) {
                    out.append(String(scalar))
                } else {
                    // From 80 on it is \u, also where two digits are enough: \x80 is the byte.
                    out.append(code < 0x80 ? "\\x" + hex(code, 2) : "\\u{" + hex(code, 4) + "}")
                }
            }
            isAfterBlank = isBlank
        }
        return out
    }

    private static func replacing(_ text: String, _ other: (Unicode.Scalar) -> String?) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = other(scalar) {
                out.append(contentsOf: other.unicodeScalars)
            } else {
                out.append(scalar)
            }
        }
        return String(out)
    }

    /// - Parameter body: takes what it is and where it begins.
    private static func decode(_ bytes: [UInt8], _ body: (Piece, Int) -> Void) {
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            if lead < 0x80 {
                body(.scalar(Unicode.Scalar(lead)), index)
                index += 1
                continue
            }
            let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
            let end = min(index + length, bytes.count)
            if let text = String(validating: bytes[index..<end], as: UTF8.self),
                text.unicodeScalars.count == 1,
                let scalar = text.unicodeScalars.first, end - index == length
            {
                body(.scalar(scalar), index)
                index = end
            } else {
                body(.byte(lead), index)
                index += 1
            }
        }
    }

    /// Everything that does not show as itself in one place.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned,
            .spaceSeparator:
            return true
        // Combining marks would sit on the character before, or on the table's own.
        case .nonspacingMark, .enclosingMark, .spacingMark: return true
        default: break
        }
        if properties.isDefaultIgnorableCodePoint || properties.isEmojiModifier { return true }
        switch scalar.value {
        // Letters from right to left: a terminal that knows them turns the figures behind them around.
        case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x10800...0x10FFF, 0x1E800...0x1EFFF:
            return true
        // Vowels and finals of Korean join with the consonant before; two of the flags' letters make one flag.
        case 0x1160...0x11FF, 0xD7B0...0xD7FF, 0x1F1E6...0x1F1FF: return true
        // Blank, and no blank by name: of Braille, of music, and what stands for an object.
        case 0x2800, 0x1D159, 0xFFFC: return true
        default: return false
        }
    }

    private static func jsonUnit(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { "\\u" + hex(UInt32($0), 4) }.joined()
    }

    private static func hex(_ value: UInt32, _ width: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
