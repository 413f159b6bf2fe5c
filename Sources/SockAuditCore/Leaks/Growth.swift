/// A line through points that a few of them, however wild, do not move (Theil and Sen): the median of the
/// slopes between all pairs.
public enum RobustSlope {
    public struct Point: Equatable, Sendable {
        public var x: Double
        public var y: Double

        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// - Returns: nil for fewer than three points: two always lie on a line.
    public static func slope(_ points: [Point]) -> Double? {
        guard points.count > 2, let first = points.first else { return nil }
        if points.allSatisfy({ $0.y == first.y }) { return 0 }
        var slopes: [Double] = []
        slopes.reserveCapacity(points.count * (points.count - 1) / 2)
        eachPair(points) { a, b in if b.x > a.x { slopes.append((b.y - a.y) / (b.x - a.x)) } }
        guard !slopes.isEmpty else { return nil }
        slopes.sort()
        let middle = slopes.count / 2
        return slopes.count % 2 == 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2
    }

    /// How much the points rise, from -1 (each is lower than all before it) to 1 (higher): Kendall's tau, where
    /// a pair of equals counts for nothing.
    public static func tendency(_ points: [Point]) -> Double {
        guard points.count > 1 else { return 0 }
        var sum = 0
        eachPair(points) { a, b in sum += b.y > a.y ? 1 : b.y < a.y ? -1 : 0 }
        return Double(sum) / Double(points.count * (points.count - 1) / 2)
    }

    private static func eachPair(_ points: [Point], _ body: (Point, Point) -> Void) {
        for (index, a) in points.enumerated() {
            for b in points[(index + 1)...] { body(a, b) }
        }
    }
}

/// How a row's sockets become more, over the run so far.
public struct Growth: Equatable, Sendable {
    /// Of StillOPEN, a minute; nil as long as there are fewer than three tables.
    public var perMinute: Double?
    /// Of the open sockets that came another way.
    public var othersPerMinute: Double?
    /// Of all, a minute.
    public var allPerMinute: Double?
    /// They have become more from table to table, with few exceptions.
    public var isSteady = false
    /// Seconds from the first table that it is taken from.
    public var span = 0.0
    /// Until no descriptor is left at this pace; nil where that does not come, or the limit is not known.
    public var secondsToLimit: Double?

    public init() {}
}

/// The points that growth is told from, for each row a bounded number of them: when there is no more room,
/// every second one goes, and only every second table is taken from then on.
public struct GrowthHistory: Sendable {
    struct Sample: Equatable, Sendable {
        var x: Double
        var own: Int
        var others: Int
    }

    private struct Line: Sendable {
        var samples: [Sample] = []
        var tables = 0
        var stride = 1
        /// The newest stands for now only: the next table takes its place.
        var isProvisional = false

        mutating func take(_ sample: Sample) {
            if isProvisional { samples.removeLast() }
            if !isProvisional && samples.count >= GrowthHistory.points {
                samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
                stride *= 2
            }
            isProvisional = tables % stride != 0
            tables += 1
            samples.append(sample)
        }
    }

    static let points = 24
    /// Rows with the most sockets are followed; a host has few that leak.
    static let rows = 4_096
    /// Fewer points are no steady growth, whatever they do.
    private static let fewest = 4
    /// A pool that fills and then stays is below it soon, a leak of a socket in many tables is not.
    private static let steady = 0.7

    private let keyed: RunHistory
    private var lines: [RunHistory.Key: Line] = [:]
    private var elapsed = 0.0
    private var lastTime = Int64.min

    /// Of the row that has the most.
    var mostPoints: Int { lines.values.map(\.samples.count).max() ?? 0 }

    /// - Parameter isGrouped: rows are groups (`--group-by`), known by their names.
    public init(isGrouped: Bool = false) { keyed = RunHistory(isGrouped: isGrouped) }

    /// Takes a table in, and tells each of its living rows how it has grown.
    public mutating func take(_ rows: inout [Row], _ head: SnapshotHead) {
        if head.fromInput {
            // Records' own time; where that was set back nothing can be told from what was before.
            if head.time < lastTime { lines = [:] }
            lastTime = head.time
            elapsed = Double(head.time) / 1_000
        } else {
            // The interval is of the monotonic clock.
            elapsed += head.interval
        }
        for index in rows.indices { rows[index].growth = Growth() }
        var fresh: [RunHistory.Key: Line] = [:]
        for index in followed(rows) {
            let key = keyed.key(rows[index])
            var line = lines[key] ?? Line()
            let figures = rows[index].figures
            line.take(
                Sample(x: elapsed, own: figures.stillOpen.total, others: figures.others.open.total))
            fresh[key] = line
            rows[index].growth = Self.growth(line.samples, rows[index])
        }
        lines = fresh
    }

    private func followed(_ rows: [Row]) -> [Int] {
        let living = rows.indices.filter { rows[$0].state != .exited }
        guard living.count > Self.rows else { return living }
        func held(_ row: Row) -> Int { row.figures.stillOpen.total + row.figures.others.open.total }
        return Array(living.sorted { held(rows[$0]) > held(rows[$1]) }.prefix(Self.rows))
    }

    static func growth(_ samples: [Sample], _ row: Row) -> Growth {
        func points(_ pick: (Sample) -> Int) -> [RobustSlope.Point] {
            samples.map { RobustSlope.Point($0.x, Double(pick($0))) }
        }
        let all = points { $0.own + $0.others }
        let slope = RobustSlope.slope(all)
        var growth = Growth()
        growth.perMinute = RobustSlope.slope(points(\.own)).map { $0 * 60 }
        growth.othersPerMinute = RobustSlope.slope(points(\.others)).map { $0 * 60 }
        growth.allPerMinute = slope.map { $0 * 60 }
        if let first = samples.first, let last = samples.last { growth.span = last.x - first.x }
        guard let slope, slope > 0 else { return growth }
        growth.isSteady = all.count >= fewest && RobustSlope.tendency(all) >= steady
        if row.descriptorLimit > 0, row.descriptors > 0 {
            growth.secondsToLimit = Double(max(0, row.descriptorLimit - row.descriptors)) / slope
        }
        return growth
    }
}

extension Row {
    /// Its sockets become more and more.
    var grows: Bool { growth?.isSteady == true }

    /// Beside the name: what is not as usual about it. A row that grows is marked here.
    var mark: String {
        let state = state == .running || state == .unknown ? [] : [state.rawValue]
        return (state + (grows ? ["grows"] : [])).joined(separator: " ")
    }
}

/// Under the table: the rows that are marked, how fast they grow and until when.
public enum GrowthNote {
    /// Rows that are named; of more only the number is told.
    private static let named = 3

    /// - Returns: nil where none grows.
    public static func line(_ snapshot: Snapshot) -> String? {
        let growing = snapshot.rows.filter(\.grows).sorted { a, b in
            let (x, y) = (a.growth?.secondsToLimit ?? .infinity, b.growth?.secondsToLimit ?? .infinity)
            if x != y { return x < y }
            let (p, q) = (a.growth?.allPerMinute ?? 0, b.growth?.allPerMinute ?? 0)
            return p == q ? a.pid < b.pid : p > q
        }
        guard !growing.isEmpty else { return nil }
        var parts = growing.prefix(named).map { row in
            Escaping.short(row.name) + (row.pid > 0 ? " (\(row.pid))" : "") + " " + pace(row)
        }
        if growing.count > named { parts.append("and \(growing.count - named) more rows") }
        return "grows: " + parts.joined(separator: "; ") + "\n"
    }

    /// `24.0 sockets more a minute over 00:01:10, 56 of 1024 descriptors: none left in 00:40:20`
    static func pace(_ row: Row) -> String {
        guard let growth = row.growth, let minute = growth.allPerMinute else { return "" }
        var text = "\(tenths(minute)) sockets more a minute over \(TimeText.duration(growth.span))"
        if row.descriptorLimit > 0, row.descriptors > 0 {
            text += ", \(row.descriptors) of \(row.descriptorLimit) descriptors"
            if let seconds = growth.secondsToLimit {
                text += seconds < 1 ? ": none left" : ": none left in \(TimeText.duration(seconds))"
            }
        }
        return text
    }

    static func tenths(_ value: Double) -> String {
        let rounded = Int((min(max(value, -1e12), 1e12) * 10).rounded())
        return (rounded < 0 ? "-" : "") + "\(abs(rounded) / 10).\(abs(rounded) % 10)"
    }
}
