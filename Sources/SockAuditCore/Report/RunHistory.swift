/// StillOPEN of each process, table by table: what the lines of the HTML report are drawn from.
///
/// Bounded whatever the run's length and the number of processes. When the room for points is full, every
/// second one goes and only every second table is taken from then on, so the points stay evenly spread.
public struct RunHistory: Sendable {
    public struct Limits: Sendable {
        public var points = 500
        /// Those with the highest StillOPEN ever are kept.
        public var processes = 300
        public init() {}
    }

    /// Which line a row continues.
    struct Key: Hashable {
        var node: [UInt8]
        var pid: Int32
        var start: Int64
        /// Of folded and grouped rows, which have no pid.
        var name: [UInt8]
    }

    struct Line: Sendable {
        var name: [UInt8]
        var pid: Int32
        /// One for each of ``times``; nil where the process was not in the table.
        var values: [Int?]
        var peak: Int
        var last: Int? { values.last ?? nil }
    }

    private let limits: Limits
    private let isGrouped: Bool
    /// Milliseconds since the epoch.
    private(set) var times: [Int64] = []
    private(set) var lines: [Key: Line] = [:]
    /// Tables taken, and from table to table how many are passed over but for the newest.
    private var tables = 0
    private var stride = 1
    /// The newest point stands for now only: the next table takes its place.
    private var isProvisional = false

    /// - Parameter isGrouped: rows are groups (`--group-by`), known by their names.
    public init(limits: Limits = Limits(), isGrouped: Bool = false) {
        self.limits = limits
        self.isGrouped = isGrouped
    }

    func key(_ row: Row) -> Key {
        isGrouped || row.pid == 0
            ? Key(node: row.node, pid: 0, start: 0, name: row.name)
            : Key(node: row.node, pid: row.pid, start: row.start, name: [])
    }

    /// - Parameter rows: one table's, all of them.
    public mutating func take(_ rows: [Row], at time: Int64) {
        makeRoom()
        let replaces = isProvisional
        isProvisional = tables % stride != 0
        tables += 1
        if replaces {
            times[times.count - 1] = time
        } else {
            times.append(time)
        }
        for key in lines.keys {
            if replaces { lines[key]?.values.removeLast() }
            lines[key]?.values.append(nil)
        }
        var fresh: [(Key, Row)] = []
        for row in rows {
            let key = key(row)
            let open = row.figures.stillOpen.total
            guard let peak = lines[key]?.peak else {
                fresh.append((key, row))
                continue
            }
            lines[key]?.name = row.name
            lines[key]?.peak = max(peak, open)
            lines[key]?.values[times.count - 1] = open
        }
        admit(fresh)
    }

    private mutating func makeRoom() {
        guard times.count >= limits.points, !isProvisional else { return }
        stride *= 2
        isProvisional = false
        // Tables 0, stride, 2 * stride ... stay: the points with an even index.
        times = Self.everySecond(times)
        lines = lines.mapValues { line in
            var thin = line
            thin.values = Self.everySecond(line.values)
            return thin
        }
    }

    private static func everySecond<T>(_ list: [T]) -> [T] {
        list.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }

    /// New rows, the largest first, take free room, and then that of lines which never were as high.
    private mutating func admit(_ fresh: [(key: Key, row: Row)]) {
        func open(_ row: Row) -> Int { row.figures.stillOpen.total }
        let ordered = fresh.sorted { (open($0.row), $1.row.pid) > (open($1.row), $0.row.pid) }
        var lowest = lines.sorted { ($0.value.peak, $0.key.pid) > ($1.value.peak, $1.key.pid) }.map {
            (key: $0.key, peak: $0.value.peak)
        }
        for (key, row) in ordered {
            if lines.count >= limits.processes {
                guard let last = lowest.last, last.peak < open(row) else { return }
                lines[last.key] = nil
                lowest.removeLast()
            }
            var values = [Int?](repeating: nil, count: times.count)
            values[times.count - 1] = open(row)
            lines[key] = Line(name: row.name, pid: row.pid, values: values, peak: open(row))
        }
    }

    /// The lines with the most sockets now, or ever where none are left.
    func top(_ count: Int) -> [Line] {
        let ordered = lines.values.sorted { a, b in
            let (x, y) = ((a.last ?? 0, a.peak), (b.last ?? 0, b.peak))
            if x != y { return x > y }
            return a.name == b.name ? a.pid < b.pid : a.name.lexicographicallyPrecedes(b.name)
        }
        return Array(ordered.filter { $0.peak > 0 }.prefix(count))
    }
}
