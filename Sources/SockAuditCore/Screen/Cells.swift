/// Text in the cells of a terminal.
enum Cells {
    /// The text, or its beginning with a mark that it was cut, in so many cells.
    static func clip(_ text: String, to columns: Int) -> String {
        guard columns > 0 else { return "" }
        var (cells, kept) = (0, 0)
        // Most texts fit, and then nothing is copied.
        for scalar in text.unicodeScalars {
            cells += Escaping.width(scalar)
            if cells < columns { kept += 1 }
            if cells > columns { break }
        }
        guard cells > columns else { return text }
        // A wide one may leave one cell more than the mark takes.
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(kept))) + "~"
    }

    static func pad(_ text: String, to columns: Int, right: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, columns - Escaping.displayWidth(text)))
        return right ? blanks + text : text + blanks
    }

    /// Words in lines of so many cells; a word that is longer is cut.
    static func wrap(_ text: String, to columns: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        var cells = 0
        for word in text.split(separator: " ") {
            let width = Escaping.displayWidth(word)
            if !line.isEmpty && cells + 1 + width <= columns {
                line += " " + word
                cells += 1 + width
            } else {
                if !line.isEmpty { lines.append(line) }
                line = clip(String(word), to: columns)
                cells = min(width, columns)
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
