import SockAuditCore

/// `--from`, `--to` and, for old records, `--duration`: which events count. Pure.
///
/// A node's window begins with its first event that is stamped in it. From there on its events count in
/// the order of their serials, slow calls of before too; what is stamped after the end never does.
struct ReplayWindow {
    enum Judgement { case before, begins, inside, after }

    /// Milliseconds since the epoch.
    let from: Int64?
    private(set) var end: Int64?
    private let duration: Int64?
    /// Nodes whose window has begun, and those that have only been heard of.
    private var begun: Set<NameID> = []
    private(set) var waiting: Set<NameID> = []
    /// The first and the newest stamp inside.
    var first: Int64? { seen > 0 ? oldestStamp : nil }
    var newest: Int64? { seen > 0 ? newestStamp : nil }
    private var oldestStamp = Int64.max
    private var newestStamp = Int64.min
    private let hasBorders: Bool
    /// Events inside.
    private(set) var seen = 0
    /// There were events before it, so it begins where it was asked to, and not with its first event.
    private var hadBefore = false

    init(from: Int64?, to: Int64?, duration: Double?) {
        self.from = from
        end = to
        self.duration = duration.map { Int64($0 * 1_000) }
        hasBorders = from != nil || to != nil || duration != nil
    }

    /// Nothing was asked for.
    var isOpen: Bool { from == nil && end == nil }

    /// When it begins; nil when with its first event.
    var start: Int64? { hadBefore ? from : nil }

    @inline(__always)
    mutating func judge(_ event: AuditEvent) -> Judgement {
        if hasBorders { return judgeByBorders(event) }
        count(event.stamp)
        return .inside
    }

    @inline(__always)
    private mutating func count(_ stamp: Int64) {
        oldestStamp = min(oldestStamp, stamp)
        newestStamp = max(newestStamp, stamp)
        seen += 1
    }

    private mutating func judgeByBorders(_ event: AuditEvent) -> Judgement {
        let stamp = event.stamp
        if let from, stamp < from, !begun.contains(event.node) {
            hadBefore = true
            waiting.insert(event.node)
            return .before
        }
        if let end, stamp > end { return .after }
        if let duration, first == nil {
            let last = (start ?? stamp) + duration
            end = min(end ?? last, last)
        }
        count(stamp)
        guard from != nil, !begun.contains(event.node) else { return .inside }
        begun.insert(event.node)
        return waiting.remove(event.node) == nil ? .inside : .begins
    }
}
