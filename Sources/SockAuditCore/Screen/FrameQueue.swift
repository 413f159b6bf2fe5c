/// Frames on their way to a terminal that may be slow, or take nothing: only what changed is sent, and a frame
/// that was not begun to be sent is replaced by the next one.
public struct FrameQueue: Sendable {
    /// What stands there when all that was handed out has arrived.
    private var sent: [String] = []
    private var wanted: [String]?
    private var isWhole = true

    /// The other screen, no wrapping, no cursor (DEC private modes, xterm's control sequences).
    public static let enter = "\u{1B}[?1049h\u{1B}[?7l\u{1B}[?25l"
    /// All as before. The first of it ends a sequence that was cut; the screen is emptied for terminals that have
    /// no other one, or keep what was on it when their size changes.
    public static let leave = "\u{18}\u{1B}[0m\u{1B}[H\u{1B}[2J\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    public init() {}

    /// A frame is to be sent.
    public var isWaiting: Bool { wanted != nil }

    public mutating func show(_ lines: [String]) {
        wanted = lines == sent && !isWhole ? nil : lines
    }

    /// Nobody knows what stands there: the next frame is sent whole.
    public mutating func repaint() {
        isWhole = true
        wanted = wanted ?? (sent.isEmpty ? nil : sent)
    }

    /// What is to be sent next, when all of the last has been taken; nil where there is nothing.
    public mutating func next() -> [UInt8]? {
        guard let lines = wanted else { return nil }
        wanted = nil
        var out = isWhole ? "\u{1B}[0m\u{1B}[2J" : ""
        for (row, line) in lines.enumerated() {
            let before = !isWhole && row < sent.count ? sent[row] : ""
            // Emptied first: behind a line that fills its width the cursor stands on its last character.
            if line != before { out += "\u{1B}[\(row + 1);1H\u{1B}[K\(line)" }
        }
        if !isWhole && sent.count > lines.count { out += "\u{1B}[\(lines.count + 1);1H\u{1B}[J" }
        isWhole = false
        sent = lines
        return Array(out.utf8)
    }
}
