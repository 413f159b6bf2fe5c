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
    private(set) var first: Int64?
    private(set) var newest: Int64?
    /// Events inside.
    private(set) var seen = 0
    /// There were events before it, so it begins where it was asked to, and not with its first event.
    private var hadBefore = false

    init(from: Int64?, to: Int64?, duration: Double?) {
        self.from = from
        end = to
        self.duration = duration.map { Int64($0 * 1_000) }
    }

    /// Nothing was asked for.
    var isOpen: Bool { from == nil && end == nil }

    /// When it begins; nil when with its first event.
    var start: Int64? { hadBefore ? from : nil }

    mutating func judge(_ event: AuditEvent) -> Judgement {
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
        first = min(first ?? stamp, stamp)
        newest = max(newest ?? stamp, stamp)
        seen += 1
        guard from != nil, !begun.contains(event.node) else { return .inside }
        begun.insert(event.node)
        return waiting.remove(event.node) == nil ? .inside : .begins
    }
}
