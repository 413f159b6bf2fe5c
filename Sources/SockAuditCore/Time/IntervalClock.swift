/// Cuts the records' own time into intervals for `--every`. Pure.
///
/// Intervals end where the clock on the wall shows a multiple of their length: at full hours, at
/// midnight. The first begins with the first record. An event belongs to the interval in which it is
/// stamped; when that is over, to the one that has begun: stamps are those of a call's entry, and a call
/// may take hours.
public struct IntervalClock {
    /// Milliseconds since the epoch; `end` is no part of it.
    public struct Interval: Equatable, Sendable {
        public var start: Int64
        public var end: Int64
    }

    private let every: Int64
    private let time: LocalTime
    /// The interval that has begun; nil before the first event.
    public private(set) var current: Interval?
    /// By how much the clock was set back (ms) when the present interval began; 0 when it was not.
    public private(set) var setBack: Int64 = 0
    /// The newest stamp of the present interval.
    public private(set) var newest: Int64 = .min
    /// By node: its newest stamp, and how many events in a row were older than the interval.
    private var nodes: [NameID: (newest: Int64, behind: Int)] = [:]

    /// So many events in a row that are older than the interval are no slow calls: the clock was set.
    static let patience = 32

    /// - Parameters:
    ///   - every: seconds.
    ///   - utcOffset: seconds east of UTC at a time.
    public init(every: Double, utcOffset: @escaping (Int64) -> Int) {
        self.every = max(1, Int64(every * 1_000))
        time = LocalTime(utcOffset: utcOffset)
    }

    /// An event is about to be counted.
    /// - Parameter start: where the first interval begins, if not with this event.
    /// - Returns: the interval that is over with it, if one is; ``current`` is the next then.
    public mutating func saw(_ stamp: Int64, node: NameID, start: Int64? = nil) -> Interval? {
        guard let now = current else {
            let whole = interval(of: stamp)
            let first = start.map { max($0, whole.start) } ?? stamp
            current = Interval(start: min(first, stamp), end: whole.end)
            note(stamp, node)
            return nil
        }
        if stamp >= now.end {
            current = interval(of: stamp)
            setBack = 0
            newest = .min
            note(stamp, node)
            return now
        }
        if stamp >= now.start {
            note(stamp, node)
            return nil
        }
        // A node whose clock is behind the others' was never in this interval, and stays behind.
        guard var seen = nodes[node], seen.newest >= now.start else {
            nodes[node] = (stamp, 0)
            return nil
        }
        seen.behind += 1
        nodes[node] = seen
        guard seen.behind >= Self.patience else { return nil }
        nodes[node] = (stamp, 0)
        // The others' clocks go on: this one's events are counted with theirs.
        guard !nodes.values.contains(where: { $0.newest >= now.start }) else { return nil }
        let over = Interval(start: now.start, end: max(now.start, newest))
        setBack = newest - stamp
        current = Interval(start: stamp, end: interval(of: stamp).end)
        newest = stamp
        return over
    }

    /// How many whole intervals lie between two times.
    public func count(from: Int64, to: Int64) -> Int {
        Int(max(0, (Double(to - from) / Double(every)).rounded()))
    }

    private mutating func note(_ stamp: Int64, _ node: NameID) {
        newest = max(newest, stamp)
        nodes[node] = (max(stamp, nodes[node]?.newest ?? .min), 0)
    }

    private func interval(of stamp: Int64) -> Interval {
        let local = LocalTime.floor(time.local(stamp), every) * every
        var found = Interval(start: time.utc(local), end: time.utc(local + every))
        // Where the clock is put forward or back a border may fall on the wrong side.
        if found.start > stamp { found.start = stamp }
        if found.end <= stamp { found.end = stamp + every }
        return found
    }
}
