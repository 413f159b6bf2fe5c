/// Two tables held against each other, name by name.
public struct ReportDiff: Equatable, Sendable {
    public enum Change: String, Sendable {
        /// Of the sockets that are still open.
        case grew, fell
        /// Only in the new table, only in the old one.
        case new, gone
        case same
    }

    public struct Name: Equatable, Sendable {
        public var key: ReportTable.Key
        public var change: Change
        public var old: ReportTable.Sums
        public var new: ReportTable.Sums

        public var growth: Int { new.stillOpen.total - old.stillOpen.total }
    }

    public let old: ReportTable
    public let new: ReportTable
    /// What grew most comes first; then by name.
    public let names: [Name]
    /// `--fail-growth`.
    public let limit: Int?

    public init(old: ReportTable, new: ReportTable, limit: Int? = nil) {
        self.old = old
        self.new = new
        self.limit = limit
        let keys = Set(old.names.keys).union(new.names.keys)
        names = keys.map { key in
            let (before, after) = (old.names[key], new.names[key])
            let (was, sums) = (before ?? .init(), after ?? .init())
            let growth = sums.stillOpen.total - was.stillOpen.total
            let change: Change =
                before == nil ? .new : after == nil ? .gone : growth > 0 ? .grew : growth < 0 ? .fell : .same
            return Name(key: key, change: change, old: was, new: sums)
        }.sorted { a, b in
            if a.growth != b.growth { return a.growth > b.growth }
            if a.key.name != b.key.name { return a.key.name.lexicographicallyPrecedes(b.key.name) }
            return a.key.node.lexicographicallyPrecedes(b.key.node)
        }
    }

    /// Some name's StillOPEN grew by as many as `--fail-growth` says, or more.
    public var isOverLimit: Bool { limit.map { limit in names.contains { $0.growth >= limit } } ?? false }

    /// In what the two were asked for differently: then a name that is new did not grow. A report that does
    /// not say what it was asked for is taken for the other's like.
    public var mismatches: [String] {
        func list(_ words: Set<String>) -> String { words.sorted().joined(separator: ",") }
        var found: [String] = []
        if let a = old.scope, let b = new.scope, a != b {
            found.append("OLD is of \(list(a)), NEW of \(list(b))")
        }
        // Processes are summed by name here: those two are alike.
        let byName: Set = ["process", "name"]
        if let a = old.groupBy, let b = new.groupBy, a != b, !byName.isSuperset(of: [a, b]) {
            found.append("OLD has --group-by \(a), NEW --group-by \(b)")
        }
        if let a = old.families, let b = new.families, a != b {
            found.append("OLD has --family \(list(a)), NEW --family \(list(b))")
        }
        return found
    }

    /// Why what is compared here may not be comparable.
    public var doubts: [String] {
        var doubts = mismatches.map { "not comparable: \($0)" }
        for (word, table) in [("OLD", old), ("NEW", new)] {
            if table.hidden > 0 {
                doubts.append("\(word) leaves \(table.hidden) rows out (--top): names may be missing")
            }
            if table.verdict == Verdict.lossy.rawValue || table.verdict == Verdict.partial.rawValue {
                doubts.append("\(word) is \(table.verdict.uppercased())")
            }
        }
        return doubts
    }
}

/// A diff as text and as JSON.
public enum DiffText {
    public static let schema = "sockaudit.diff/1"

    public static func text(_ diff: ReportDiff) -> String {
        var text = "sockaudit diff\n"
        for (word, table) in [("OLD", diff.old), ("NEW", diff.new)] {
            text +=
                "  \(word)  \(Escaping.visible(table.host))  table \(table.sequence)\(table.final ? " (last)" : "")"
            text += "  \(Escaping.visible(table.time))  \(Escaping.visible(table.verdict.uppercased()))\n"
        }
        for doubt in diff.doubts { text += "  note: \(Escaping.visible(doubt))\n" }
        let shown = diff.names.filter { $0.change != .same || $0.old != $0.new }
        if !shown.isEmpty { text += "\n" + table(shown) }
        let same = diff.names.count - shown.count
        let differ = Counted.text(shown.count, "name differs", "names differ")
        text += "\n\(differ), \(Counted.text(same, "is", "are")) the same\n"
        if let limit = diff.limit {
            let over = diff.names.filter { $0.growth >= limit }.count
            text += "StillOPEN grew by \(limit) or more: \(Counted.text(over, "name", "names"))\n"
        }
        return text
    }

    private static func table(_ names: [ReportDiff.Name]) -> String {
        let showsNode = names.contains { !$0.key.node.isEmpty }
        var lines = [
            (showsNode ? ["NODE"] : []) + ["PROCESS", "", "StillOPEN", "", "SocketTOT", "", "CloseTOT", ""]
        ]
        for name in names {
            var line = (showsNode ? [Escaping.short(name.key.node)] : [])
            line += [Escaping.short(name.key.name), name.change.rawValue]
            for pick in figures { line += cells(pick(name.old).total, pick(name.new).total) }
            lines.append(line)
            for family in SocketFamily.allCases
            where figures.contains(where: { $0(name.old)[family] != $0(name.new)[family] }) {
                var line = (showsNode ? [""] : []) + ["", "[\(family.name.uppercased())]"]
                for pick in figures { line += cells(pick(name.old)[family], pick(name.new)[family]) }
                lines.append(line)
            }
        }
        let left = showsNode ? 2 : 1
        let widths = lines[0].indices.map { column in
            lines.map { Escaping.displayWidth($0[column]) }.max() ?? 0
        }
        return lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - Escaping.displayWidth(cell))
                text += (column > 0 ? "  " : "") + (column < left ? cell + padding : padding + cell)
            }
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }

    private static let figures: [@Sendable (ReportTable.Sums) -> FamilyCounts] = [
        { $0.stillOpen }, { $0.socketTotal }, { $0.closeTotal },
    ]

    private static func cells(_ old: Int, _ new: Int) -> [String] {
        ["\(old) -> \(new)", old == new ? "" : new > old ? "+\(new - old)" : "\(new - old)"]
    }

    // MARK: JSON

    public static func json(_ diff: ReportDiff) -> String {
        var text = "{\"schema\":\"\(schema)\",\"old\":\(json(diff.old)),\"new\":\(json(diff.new))"
        text += ",\"comparable\":\(diff.mismatches.isEmpty)"
        text += ",\"notes\":[\(diff.doubts.map(Escaping.json).joined(separator: ","))]"
        text += ",\"fail_growth\":\(diff.limit.map(String.init) ?? "null"),\"failed\":\(diff.isOverLimit)"
        return text + ",\"names\":[\(diff.names.map(json).joined(separator: ","))]}\n"
    }

    private static func json(_ table: ReportTable) -> String {
        "{\"host\":\(Escaping.json(table.host)),\"sequence\":\(table.sequence),\"final\":\(table.final)"
            + ",\"time\":\(Escaping.json(table.time)),\"verdict\":\(Escaping.json(table.verdict))"
            + ",\"hidden_rows\":\(table.hidden)}"
    }

    private static func json(_ name: ReportDiff.Name) -> String {
        var text =
            "{\(Escaping.jsonMember("node", name.key.node)),\(Escaping.jsonMember("name", name.key.name))"
        text += ",\"change\":\"\(name.change.rawValue)\""
        for (key, pick) in zip(["still_open", "socket_tot", "close_tot"], figures) {
            let (old, new) = (pick(name.old), pick(name.new))
            text +=
                ",\"\(key)\":{\"old\":\(counts(old)),\"new\":\(counts(new)),\"growth\":\(counts(new - old))}"
        }
        return text + "}"
    }

    private static func counts(_ c: FamilyCounts) -> String {
        "{\"total\":\(c.total),\"tcp\":\(c.tcp),\"udp\":\(c.udp),\"other\":\(c.other)}"
    }
}
