/// How a piece of a screen's line looks. A colour says something, and never alone: the words beside it say it too.
struct ScreenStyle: Equatable, Sendable {
    enum Tone: Sendable {
        case plain
        /// PARTIAL, a row that grows.
        case warning
        /// LOSSY, a row near its limit, CLOSE_WAIT.
        case alert
    }

    var tone = Tone.plain
    var isBold = false
    var isReverse = false

    static let plain = ScreenStyle()
    static let bold = ScreenStyle(isBold: true)
    static let reverse = ScreenStyle(isReverse: true)

    /// Select Graphic Rendition (ECMA-48); empty for plain.
    func sequence(colours: Bool) -> String {
        var codes: [String] = []
        if isBold { codes.append("1") }
        if isReverse { codes.append("7") }
        if colours && tone != .plain { codes.append(tone == .alert ? "31" : "33") }
        return codes.isEmpty ? "" : "\u{1B}[" + codes.joined(separator: ";") + "m"
    }
}

/// A line of the screen, piece by piece.
struct ScreenLine: Equatable, Sendable {
    private struct Piece: Equatable {
        var text: String
        var style: ScreenStyle
    }

    private var pieces: [Piece] = []
    private(set) var width = 0
    /// The whole width is reversed.
    var isSelected = false

    init() {}
    init(_ text: String, _ style: ScreenStyle = .plain) { add(text, style) }

    mutating func add(_ text: String, _ style: ScreenStyle = .plain) {
        if text.isEmpty { return }
        pieces.append(Piece(text: text, style: style))
        width += Escaping.displayWidth(text)
    }

    /// What is sent to the terminal: no more than so many cells.
    func text(columns: Int, colours: Bool) -> String {
        var left = columns
        var out = ""
        for piece in pieces where left > 0 {
            let text = Cells.clip(piece.text, to: left)
            left -= Escaping.displayWidth(text)
            out += styled(text, piece.style, colours)
        }
        if isSelected && left > 0 {
            out += styled(String(repeating: " ", count: left), .plain, colours)
        }
        return out
    }

    private func styled(_ text: String, _ style: ScreenStyle, _ colours: Bool) -> String {
        var style = style
        if isSelected { style.isReverse = true }
        let sequence = style.sequence(colours: colours)
        return sequence.isEmpty ? text : sequence + text + "\u{1B}[0m"
    }
}
