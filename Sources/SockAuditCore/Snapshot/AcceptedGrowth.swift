/// The note about accepted sockets that stay open: no part of the five figures, but a server leaks those.
public enum AcceptedGrowth {
    /// Processes that are named; of more only the number is told.
    private static let named = 3

    /// - Returns: nil where no running process holds more of them than at the last table.
    public static func note(_ rows: [Row]) -> Reason? {
        let growing = rows.filter { $0.acceptedGrowth > 0 && $0.state != .exited }.sorted {
            ($0.acceptedGrowth, $0.figures.others.open(.accept).total, $1.pid)
                > ($1.acceptedGrowth, $1.figures.others.open(.accept).total, $0.pid)
        }
        guard !growing.isEmpty else { return nil }
        var parts = growing.prefix(named).map { row in
            let open = row.figures.others.open(.accept).total
            return
                "\(Escaping.short(row.name)) (\(row.pid)) \(open), \(row.acceptedGrowth) more than before"
        }
        if growing.count > named { parts.append("and \(growing.count - named) more processes") }
        return Reason(
            .othersGrow, count: growing.count,
            "accepted sockets that are open: \(parts.joined(separator: "; "))")
    }
}
