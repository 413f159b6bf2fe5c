/// The note about processes that hold nearly as many descriptors as they may: what comes next is EMFILE.
public enum NearLimit {
    /// Processes that are named; of more only the number is told.
    private static let named = 3

    /// More than four fifths of its limit.
    public static func isNear(_ row: Row) -> Bool {
        row.state != .exited && row.descriptorLimit > 0 && row.descriptors * 5 > row.descriptorLimit * 4
    }

    /// - Returns: nil where none is near.
    public static func note(_ rows: [Row]) -> Reason? {
        let near = rows.filter(isNear).sorted {
            let (a, b) = ($0.descriptors * $1.descriptorLimit, $1.descriptors * $0.descriptorLimit)
            return a == b ? $0.pid < $1.pid : a > b
        }
        guard !near.isEmpty else { return nil }
        var parts = near.prefix(named).map {
            "\(Escaping.short($0.name)) (\($0.pid)) \($0.descriptors) of \($0.descriptorLimit)"
        }
        if near.count > named { parts.append("and \(near.count - named) more processes") }
        return Reason(
            .limitNear, count: near.count, "descriptors near the limit: \(parts.joined(separator: "; "))")
    }
}

/// Under the table: the one thing to look at next, where there is one.
public enum NextLook {
    /// Fewer open sockets than this are nobody's trouble yet.
    private static let worthALook = 100

    /// - Returns: nil for a log, whose pids are no longer anyone's, and where nothing stands out.
    public static func line(_ snapshot: Snapshot) -> String? {
        guard !snapshot.head.fromInput else { return nil }
        let rows = snapshot.rows.filter { $0.pid > 0 && ($0.state == .running || $0.state == .exempt) }
        if let row = rows.filter(NearLimit.isNear).max(by: { $0.descriptors < $1.descriptors }) {
            return say(row, "may open only \(row.descriptorLimit - row.descriptors) more files or sockets")
        }
        func grown(_ row: Row) -> Int {
            // A process that opens its first sockets begins; one that adds to those it had may leak.
            let own = row.figures.socketLast.total - row.figures.closeLast.total
            return max(row.figures.stillOpen.total > own ? own : 0, row.acceptedGrowth)
        }
        func held(_ row: Row) -> Int {
            row.figures.stillOpen.total + row.figures.others.open(.accept).total
        }
        let growing = rows.filter { grown($0) > 0 && held($0) >= worthALook }
        guard let row = growing.max(by: { (grown($0), held($0), $1.pid) < (grown($1), held($1), $0.pid) })
        else {
            return nil
        }
        return say(
            row,
            "holds \(Counted.text(held(row), "socket", "sockets")); in this interval \(grown(row)) more came than were closed"
        )
    }

    private static func say(_ row: Row, _ what: String) -> String {
        "next: \(Escaping.short(row.name)) (\(row.pid)) \(what): \(row.openSockets == nil ? "--leaks tells which; " : "")ls -l /proc/\(row.pid)/fd; ss -ap | grep pid=\(row.pid),\n"
    }
}
