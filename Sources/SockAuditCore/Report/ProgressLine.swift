/// One line that says how far a long reading has come. Pure.
public struct ProgressLine: Equatable, Sendable {
    /// Bytes on disk: compressed ones where a file is compressed.
    public var bytes: Int64
    /// Of all inputs; nil where one of them has no size (a pipe).
    public var total: Int64?
    public var eventsPerSecond: Double
    /// Since the reading began.
    public var seconds: Double

    public init(bytes: Int64, total: Int64?, eventsPerSecond: Double, seconds: Double) {
        self.bytes = bytes
        self.total = total
        self.eventsPerSecond = eventsPerSecond
        self.seconds = seconds
    }

    /// Without a newline, and never longer than `columns`: a line that wraps could not be drawn over.
    public func render(columns: Int) -> String {
        let rate = "\(Self.grouped(eventsPerSecond)) events/s"
        guard let total, total > 0 else {
            return Self.fit([Self.size(bytes), rate, Self.clock(seconds)], columns)
        }
        // A log that grows, or a position ahead of what was given out, must not show more than all.
        let share = min(1, max(0, Double(bytes) / Double(total)))
        let percent = String(Int(share * 100))
        var parts = [
            String(repeating: " ", count: 3 - percent.count) + percent + " %",
            "\(Self.size(min(bytes, total))) of \(Self.size(total))", rate,
        ]
        if share > 0, seconds > 0 { parts.append(Self.clock(seconds / share - seconds) + " left") }
        let text = Self.fit(parts, columns)
        let room = min(Self.widest, columns - text.count - 4)
        guard room >= Self.narrowest else { return text }
        let full = Int((Double(room) * share).rounded(.down))
        return "[" + String(repeating: "#", count: full) + String(repeating: " ", count: room - full) + "]  "
            + text
    }

    private static let widest = 40
    private static let narrowest = 8

    /// As many of the parts as there is room for.
    private static func fit(_ parts: [String], _ columns: Int) -> String {
        var text = ""
        for part in parts {
            let longer = text.isEmpty ? part : text + "  " + part
            if longer.count > columns { break }
            text = longer
        }
        return text
    }

    private static func size(_ bytes: Int64) -> String {
        var value = Double(max(0, bytes))
        var unit = 0
        while value >= 1_024 && unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        if unit == 0 { return "\(Int(value)) \(units[0])" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    private static let units = ["B", "KiB", "MiB", "GiB", "TiB"]

    private static func grouped(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let digits = String(Int64(max(0, min(value, 1e15)).rounded()))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    private static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "-" }
        let whole = Int64(max(0, min(seconds, 1e9)).rounded())
        func two(_ value: Int64) -> String { (value < 10 ? "0" : "") + "\(value)" }
        let hours = whole / 3_600
        return hours > 0
            ? "\(hours):\(two(whole / 60 % 60)):\(two(whole % 60))" : "\(whole / 60):\(two(whole % 60))"
    }
}
