/// Sums by process name over a run, for Prometheus: counters that never fall.
///
/// A table's sums by name may fall where nothing was taken back: a process changes its name at exec, and the
/// ended ones fold, the last of many names into one row. So each process's growth since the last table is
/// booked under the name it has now, and what folds is held against what was known of the processes that
/// went. Prometheus takes a falling counter for a restart and would count everything once more.
public struct MetricSums: Sendable {
    /// Opened, closed and released, each by family.
    typealias Flow = SIMD16<Int>

    struct Sums: Sendable {
        /// What was booked, which a correction may lower: a release may turn out to have been a close.
        var booked = Flow()
        /// The highest it ever was: what is told.
        var told = Flow()
        var open = FamilyCounts()
    }

    /// Names kept apart. Processes call themselves what they like, and each name is a time series for ever.
    static let nameLimit = 2_000
    static let otherNames = Array("(other)".utf8)

    /// By the name as it is written: two names that are written alike would be one series twice, and the
    /// node exporter then refuses the whole file.
    private(set) var names: [[UInt8]: Sums] = [:]
    private var known: [Owner: [Life]] = [:]
    private var folds: [Owner: Flow] = [:]

    /// A pid of a node; of a fold its name, and pid 0.
    private struct Owner: Hashable {
        var node: [UInt8]
        var pid: Int32
        var name: [UInt8] = []
    }

    private struct Life {
        var start: Int64
        var name: [UInt8]
        var flow: Flow
    }

    public init() {}

    /// - Parameter rows: one table's, all of them, ungrouped.
    public mutating func take(_ rows: [Row]) {
        var credit: [[UInt8]: Flow] = [:]
        var open: [[UInt8]: FamilyCounts] = [:]
        var living: [Owner: [Life]] = [:]
        var later: [(Owner, Life)] = []
        var growth: [[UInt8]: Flow] = [:]
        for row in rows {
            let name = Self.written(row)
            let flow = Self.flow(row.figures)
            open[name, default: FamilyCounts()] += row.figures.stillOpen
            if row.pid == 0 {
                let fold = Owner(node: row.node, pid: 0, name: name)
                growth[name, default: Flow()] &+= flow &- (folds[fold] ?? Flow())
                folds[fold] = flow
                continue
            }
            let owner = Owner(node: row.node, pid: row.pid)
            let life = Life(start: row.start, name: name, flow: flow)
            living[owner, default: []].append(life)
            if let index = known[owner]?.firstIndex(where: { $0.start == row.start }),
                let before = known[owner]?.remove(at: index)
            {
                credit[name, default: Flow()] &+= flow &- before.flow
            } else {
                later.append((owner, life))
            }
        }
        // Its start may have been learned since; a new owner of the pid comes out right as well, as what
        // is taken off here is then not taken off the fold.
        for (owner, life) in later {
            let before = known[owner]?.isEmpty == false ? known[owner]?.removeFirst().flow : nil
            credit[life.name, default: Flow()] &+= life.flow &- (before ?? Flow())
        }
        settle(gone: known.values.joined(), &growth)
        for (name, flow) in growth { credit[name, default: Flow()] &+= flow }
        known = living
        book(credit, open)
    }

    /// Takes off the folds' growth what was booked while those that folded were alive.
    private func settle(gone: some Sequence<Life>, _ growth: inout [[UInt8]: Flow]) {
        var missing = Flow()
        func cover(_ name: [UInt8], _ flow: inout Flow) {
            guard let grown = growth[name] else { return }
            let covered = pointwiseMin(pointwiseMax(grown, Flow()), flow)
            growth[name] = grown &- covered
            flow &-= covered
        }
        for life in gone {
            var flow = life.flow
            cover(life.name, &flow)
            missing &+= flow
        }
        // Folded under another name than we knew: that of an exec since, or the row of all further names.
        for name in growth.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) where missing != Flow() {
            cover(name, &missing)
        }
    }

    private mutating func book(_ credit: [[UInt8]: Flow], _ open: [[UInt8]: FamilyCounts]) {
        for name in names.keys { names[name]?.open = FamilyCounts() }
        // In order, so that it does not depend on chance which names are beyond the limit.
        for name in credit.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard let flow = credit[name] else { continue }
            names[place(of: name), default: Sums()].booked &+= flow
        }
        for (name, count) in open { names[place(of: name), default: Sums()].open += count }
        for name in names.keys {
            if let sums = names[name] { names[name]?.told = pointwiseMax(sums.told, sums.booked) }
        }
    }

    private func place(of name: [UInt8]) -> [UInt8] {
        names[name] != nil || names.count < Self.nameLimit ? name : Self.otherNames
    }

    /// The name as a label's value; that of folded processes without the mark.
    private static func written(_ row: Row) -> [UInt8] {
        let mark = Array(" (ended)".utf8)
        let folded = row.pid == 0 && row.name.count > mark.count && row.name.suffix(mark.count) == mark[...]
        return Array(Escaping.label(folded ? Array(row.name.dropLast(mark.count)) : row.name).utf8)
    }

    private static func flow(_ figures: Figures) -> Flow {
        var flow = Flow()
        for (metric, counts) in [figures.socketTotal, figures.closeTotal, figures.released].enumerated() {
            for family in SocketFamily.allCases { flow[metric * 4 + Int(family.rawValue)] = counts[family] }
        }
        return flow
    }
}
