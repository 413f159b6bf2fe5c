/// A row of figures as a small picture, one cell a figure.
enum Sparkline {
    private static let blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let plain = ["_", ".", ":", "-", "=", "+", "*", "#"]

    /// The lowest step is the lowest of the figures that are shown; a step is one socket at least, so that one
    /// more or less is no mountain.
    ///
    /// - Parameter isUnicode: the terminal shows blocks; else letters of ASCII.
    static func text(_ values: [Int], width: Int, isUnicode: Bool) -> String {
        let shown = values.suffix(max(0, width))
        guard let lowest = shown.min(), let highest = shown.max() else { return "" }
        let steps = isUnicode ? blocks : plain
        let span = max(highest - lowest, steps.count - 1)
        return shown.map { steps[($0 - lowest) * (steps.count - 1) / span] }.joined()
    }
}

/// StillOPEN of the rows in the last tables, for their pictures.
struct RecentOpen: Sendable {
    /// Tables that are remembered: no picture is wider.
    static let tables = 60
    /// Rows that are; of more those with the most sockets.
    static let rows = 4_096

    private var lines: [RunHistory.Key: [Int]] = [:]
    private(set) var totals: [Int] = []

    mutating func take(_ rows: [Row], total: Int, key: (Row) -> RunHistory.Key) {
        totals = Self.longer(totals, by: total)
        var kept = rows.filter { $0.figures.stillOpen.total > 0 || lines[key($0)] != nil }
        if kept.count > Self.rows {
            kept.sort { $0.figures.stillOpen.total > $1.figures.stillOpen.total }
            kept.removeLast(kept.count - Self.rows)
        }
        var fresh: [RunHistory.Key: [Int]] = [:]
        fresh.reserveCapacity(kept.count)
        for row in kept {
            let key = key(row)
            let line = Self.longer(lines[key] ?? [], by: row.figures.stillOpen.total)
            // Of what has held nothing for so long nothing is to be seen.
            if line.contains(where: { $0 > 0 }) { fresh[key] = line }
        }
        lines = fresh
    }

    func of(_ key: RunHistory.Key) -> [Int] { lines[key] ?? [] }
    var count: Int { lines.count }

    private static func longer(_ line: [Int], by value: Int) -> [Int] { line.suffix(tables - 1) + [value] }
}
