/// What `--family` and `--group-by` make of the rows. Figures are always sums.
public enum RowShaping {
    public enum Grouping: Sendable { case process, name, exe, auid, node, unit }

    /// What a row by node is called where the records name none.
    static let noNode = "(no node)"

    /// - Parameter families: sockets of other families are left out, and rows without any.
    public static func shape(
        _ rows: consuming [Row], families: [SocketFamily], grouping: Grouping
    ) -> [Row] {
        let kept =
            families.count == SocketFamily.allCases.count ? rows : rows.compactMap { restrict($0, families) }
        return grouping == .process ? kept : group(kept, grouping)
    }

    private static func restrict(_ row: Row, _ families: [SocketFamily]) -> Row? {
        func only(_ counts: FamilyCounts) -> FamilyCounts {
            families.reduce(into: FamilyCounts()) { $0[$1] = counts[$1] }
        }
        var row = row
        row.figures.socketTotal = only(row.figures.socketTotal)
        row.figures.socketLast = only(row.figures.socketLast)
        row.figures.closeTotal = only(row.figures.closeTotal)
        row.figures.closeLast = only(row.figures.closeLast)
        row.figures.released = only(row.figures.released)
        row.figures.stillOpen = only(row.figures.stillOpen)
        row.figures.others = row.figures.others.restricted(to: only)
        return row.figures.socketTotal.isZero && row.figures.others.isEmpty ? nil : row
    }

    private struct Key: Hashable {
        var node: [UInt8]
        var name: [UInt8]
    }

    /// In place: there may be as many groups as rows.
    private static func group(_ rows: consuming [Row], _ grouping: Grouping) -> [Row] {
        var rows = rows
        var places: [Key: Int] = [:]
        var count = 0
        for index in rows.indices {
            let row = rows[index]
            let name: [UInt8]
            switch grouping {
            case .exe: name = row.exe.isEmpty ? row.name : row.exe
            case .node: name = row.node.isEmpty ? Array(noNode.utf8) : row.node
            case .auid: name = Array((row.auid == AuditEvent.unset ? "unset" : "\(row.auid)").utf8)
            case .unit: name = row.unit.isEmpty ? Array("(unknown)".utf8) : row.unit
            default: name = row.name
            }
            let key = Key(node: row.node, name: name)
            guard let place = places[key] else {
                var first = row
                first.name = name
                if grouping == .node { first.becomeNode() }
                places[key] = count
                rows[count] = first
                count += 1
                continue
            }
            var sum = rows[place]
            sum.processes += row.processes
            sum.pid = 0
            sum.figures += row.figures
            sum.drift += row.drift
            if let open = row.openSockets { sum.openSockets = (sum.openSockets ?? OpenSockets()) + open }
            (sum.descriptors, sum.descriptorLimit) = (0, 0)
            sum.duration = max(sum.duration, row.duration)
            sum.start = sum.start == 0 ? row.start : min(sum.start, row.start == 0 ? sum.start : row.start)
            if sum.exe != row.exe { sum.exe = [] }
            if sum.uid != row.uid { sum.uid = AuditEvent.unset }
            if sum.auid != row.auid { sum.auid = AuditEvent.unset }
            if sum.session != row.session { sum.session = AuditEvent.unset }
            if sum.state != row.state {
                // Exited is a group only when all of it are.
                sum.state = row.state == .running || sum.state == .running ? .running : .unknown
            }
            rows[place] = sum
        }
        rows.removeLast(rows.count - count)
        return rows
    }
}

extension Row {
    /// A host is no process: nothing of the first of its processes is left but the figures.
    fileprivate mutating func becomeNode() {
        pid = 0
        exe = []
        uid = AuditEvent.unset
        auid = AuditEvent.unset
        session = AuditEvent.unset
    }
}

extension OtherCounts {
    /// Whether nothing came any other way.
    public var isEmpty: Bool { Origin.allCases.allSatisfy { opened($0).isZero } }

    func restricted(to only: (FamilyCounts) -> FamilyCounts) -> OtherCounts {
        var copy = self
        copy.map(only)
        return copy
    }
}
