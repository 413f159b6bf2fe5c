/// Puts one node's events into the order of their serials.
///
/// Two processors write serials slightly out of order (domain.md). Events wait until one whose
/// serial is ``span`` higher has come, or until ``flush``; what comes later than that goes through
/// at once and is counted, and the ledger's rule for superseded descriptors takes care of it.
public struct ReorderWindow: Sendable {
    /// In serials. A thread may lose its processor between call and record for a time slice, in
    /// which the other processors write some thousand records.
    public static let defaultSpan: UInt64 = 4_096

    /// What the window has to say beside events.
    public enum Output: Sendable {
        case event(AuditEvent)
        /// Serials began anew: the host was booted.
        case restart
    }

    private let span: UInt64
    private var waiting: [AuditEvent] = []
    private var head = 0
    private var newest: UInt64 = 0
    private var lastOut: UInt64 = 0
    private var newestStamp: Int64 = .min
    /// Events that came after a later one had been let through.
    public private(set) var late = 0

    private let detectsRestart: Bool

    /// - Parameter detectsRestart: from an input, which may span boots; a live stream cannot.
    public init(span: UInt64 = ReorderWindow.defaultSpan, detectsRestart: Bool = true) {
        self.span = span
        self.detectsRestart = detectsRestart
    }

    /// Events that wait for their turn.
    public var depth: Int { waiting.count - head }

    public mutating func push(_ event: AuditEvent, _ emit: (Output) -> Void) {
        if isRestart(event) {
            flush(emit)
            emit(.restart)
            newest = 0
            lastOut = 0
            newestStamp = .min
        }
        newestStamp = max(newestStamp, event.stamp)
        if event.serial < lastOut {
            late += 1
            emit(.event(event))
            return
        }
        insert(event)
        newest = max(newest, event.serial)
        while head < waiting.count, waiting[head].serial &+ span <= newest { emitHead(emit) }
        compact()
    }

    /// Lets everything out that waits, in order: at a table, and at the end.
    public mutating func flush(_ emit: (Output) -> Void) {
        while head < waiting.count { emitHead(emit) }
        waiting.removeAll(keepingCapacity: true)
        head = 0
    }

    /// A serial far below the newest, or any lower one that is stamped clearly after everything
    /// seen: within one boot a lower serial was written earlier, so it was also entered earlier.
    private func isRestart(_ event: AuditEvent) -> Bool {
        guard detectsRestart, newest > 0, event.serial < newest else { return false }
        if event.stamp > newestStamp + 2_000 && newest - event.serial > 64 { return true }
        return newest - event.serial > 16 * span && event.stamp >= newestStamp
    }

    private mutating func emitHead(_ emit: (Output) -> Void) {
        let event = waiting[head]
        head += 1
        lastOut = event.serial
        emit(.event(event))
    }

    private mutating func insert(_ event: AuditEvent) {
        var index = waiting.count
        while index > head, waiting[index - 1].serial > event.serial { index -= 1 }
        waiting.insert(event, at: index)
    }

    private mutating func compact() {
        guard head > 1_024, head * 2 > waiting.count else { return }
        waiting.removeFirst(head)
        head = 0
    }
}
