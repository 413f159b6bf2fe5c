/// The one policy for bytes that a process chose (comm, exe, argv) on their way to people.
///
/// Nothing but printable characters leaves here: C0, C1, DEL, bidi and other format controls, line
/// and paragraph separators, unassigned-looking private and surrogate ranges, and bytes that are no
/// UTF-8 become visible escapes. A backslash is doubled, so that no name can fake an escape.
public enum Escaping {
    /// For a terminal, a text report or a message.
    public static func visible(_ bytes: [UInt8]) -> String { visible(bytes, keepsBackslashes: false) }

    /// A sentence of ours: the names in it are escaped already, and are not to be escaped twice.
    public static func sentence(_ text: String) -> String {
        visible(Array(text.utf8), keepsBackslashes: true)
    }

    private static func visible(_ bytes: [UInt8], keepsBackslashes: Bool) -> String {
        var out = ""
        decode(bytes) { piece in
            switch piece {
            case .byte(let byte): out += "\\x" + hex(UInt32(byte), 2)
            case .scalar(let scalar):
                if scalar == "\\" && !keepsBackslashes {
                    out += "\\\\"
                } else if isHidden(scalar) {
                    out +=
                        scalar.value < 0x100
                        ? "\\x" + hex(scalar.value, 2) : "\\u{" + hex(scalar.value, 4) + "}"
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out
    }

    /// A JSON string with its quotes. Hidden characters are written as JSON escapes, so a reader
    /// gets them back; a byte that is no UTF-8 becomes the four characters `\xNN`.
    public static func json(_ bytes: [UInt8]) -> String {
        var out = "\""
        decode(bytes) { piece in
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

    /// For text and attribute values of HTML, in double quotes.
    public static func html(_ bytes: [UInt8]) -> String { markup(visible(bytes)) }

    /// As ``sentence(_:)``, for HTML.
    public static func htmlSentence(_ text: String) -> String { markup(sentence(text)) }

    private static func markup(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    public static func html(_ text: String) -> String { html(Array(text.utf8)) }

    /// A label value of Prometheus' text format, without its quotes.
    public static func label(_ bytes: [UInt8]) -> String {
        var out = ""
        for scalar in visible(bytes).unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// A cell of CSV: in quotes where RFC 4180 asks for them, and never a formula. A spreadsheet takes a
    /// cell for one that begins with one of `= + - @`, blanks before it or not; such a cell, and one that
    /// begins with an apostrophe itself, gets an apostrophe in front. Where lists are separated by
    /// semicolons a spreadsheet would begin a cell behind one, so it is written as its escape.
    public static func csv(_ bytes: [UInt8]) -> String {
        var cell = ""
        for scalar in visible(bytes).unicodeScalars {
            if scalar == ";" { cell += "\\x3b" } else { cell.unicodeScalars.append(scalar) }
        }
        // The wide forms are typed, and taken, for the others in East Asia.
        let first = cell.unicodeScalars.first { $0 != " " }
        if let first, "=+-@'\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains(first) {
            cell = "'" + cell
        }
        guard
            cell.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" }) || cell.hasPrefix(" ")
                || cell.hasSuffix(" ")
        else { return cell }
        var quoted = "\""
        for scalar in cell.unicodeScalars {
            if scalar == "\"" { quoted += "\"\"" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "\""
    }

    public static func csv(_ text: String) -> String { csv(Array(text.utf8)) }

    /// Whether the bytes are UTF-8 throughout.
    public static func isText(_ bytes: [UInt8]) -> Bool {
        var valid = true
        decode(bytes) { if case .byte = $0 { valid = false } }
        return valid
    }

    /// All bytes in hexadecimal.
    public static func hex(_ bytes: [UInt8]) -> String { bytes.map { hex(UInt32($0), 2) }.joined() }

    private enum Piece {
        case scalar(Unicode.Scalar)
        case byte(UInt8)
    }

    private static func decode(_ bytes: [UInt8], _ body: (Piece) -> Void) {
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            if lead < 0x80 {
                body(.scalar(Unicode.Scalar(lead)))
                index += 1
                continue
            }
            let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
            let end = min(index + length, bytes.count)
            if let text = String(validating: bytes[index..<end], as: UTF8.self),
                text.unicodeScalars.count == 1,
                let scalar = text.unicodeScalars.first, end - index == length
            {
                body(.scalar(scalar))
                index = end
            } else {
                body(.byte(lead))
                index += 1
            }
        }
    }

    /// Everything that does not show as itself in one place.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            true
        case .spaceSeparator: scalar != " "
        // Combining marks would sit on the character before, or on the table's own.
        case .nonspacingMark, .enclosingMark, .spacingMark: true
        default: scalar.properties.isDefaultIgnorableCodePoint
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
