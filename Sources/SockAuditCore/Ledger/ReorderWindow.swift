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
    /// A ring: events come and go a few thousand apart, and would else be moved once each.
    private var ring: ContiguousArray<(key: UInt64, event: AuditEvent)> = []
    /// What waits is from `head` to before `tail`, each modulo the ring's size.
    private var head = 0
    private var tail = 0
    /// Added to serials, which have 32 bits in the kernel and begin again after 4294967295.
    private var wraps: UInt64 = 0
    private var newest: UInt64 = 0
    private var lastOut: UInt64 = 0
    private var newestStamp: Int64 = .min
    /// The newest serial at the last ``age(_:)``.
    private var aged: UInt64 = 0
    /// Events that came after a later one had been let through.
    public private(set) var late = 0

    private let detectsRestart: Bool

    /// - Parameter detectsRestart: from an input, which may span boots; a live stream cannot.
    public init(span: UInt64 = ReorderWindow.defaultSpan, detectsRestart: Bool = true) {
        self.span = span
        self.detectsRestart = detectsRestart
    }

    /// Events that wait for their turn.
    public var depth: Int { tail - head }

    /// What waits, in its order.
    public func forEach(_ body: (AuditEvent) -> Void) {
        for index in head..<tail { body(ring[place(index)].event) }
    }

    @inline(__always)
    private func place(_ index: Int) -> Int { index & (ring.count - 1) }

    public mutating func push(_ event: AuditEvent, _ emit: (Output) -> Void) {
        // Most come in order.
        if wraps == 0, event.serial >= newest {
            newestStamp = max(newestStamp, event.stamp)
            newest = event.serial
            append(newest, event)
        } else {
            guard sort(event, emit) else { return }
        }
        // No more serials than that are within the span: a log that repeats itself must not pile up here.
        while head < tail, ring[place(head)].key &+ span <= newest || depth > span { emitHead(emit) }
    }

    /// Puts an event where it belongs among those that wait.
    /// - Returns: false when its place has gone out already, and so it has too.
    private mutating func sort(_ event: AuditEvent, _ emit: (Output) -> Void) -> Bool {
        var key = event.serial &+ wraps
        if newest > key, newest - key > Self.wrap - Self.nearWrap, newest >= Self.wrap - Self.nearWrap {
            wraps += Self.wrap
            key += Self.wrap
        } else if wraps > 0, key > newest, key - newest > Self.wrap - Self.nearWrap {
            // A late one of before the wrap.
            key -= Self.wrap
        }
        if isRestart(key, event.stamp) {
            flush(emit)
            emit(.restart)
            wraps = 0
            key = event.serial
            newest = 0
            aged = 0
            lastOut = 0
            newestStamp = .min
        }
        newestStamp = max(newestStamp, event.stamp)
        if key < lastOut {
            late += 1
            emit(.event(event))
            return false
        }
        insert(key, event)
        newest = max(newest, key)
        return true
    }

    private mutating func append(_ key: UInt64, _ event: AuditEvent) {
        if depth == ring.count { grow(event) }
        ring[place(tail)] = (key, event)
        tail += 1
    }

    /// Lets out what has waited since the last call of this: on a quiet stream nothing newer comes that
    /// would. Live, /proc must be asked about a process while it is there.
    public mutating func age(_ emit: (Output) -> Void) {
        while head < tail, ring[place(head)].key <= aged { emitHead(emit) }
        aged = newest
    }

    /// Lets out what was entered before a time (ms), as far as nothing younger stands before it.
    public mutating func release(before time: Int64, _ emit: (Output) -> Void) {
        while head < tail, ring[place(head)].event.stamp < time { emitHead(emit) }
    }

    /// Lets everything out that waits, in order: at a table, and at the end.
    public mutating func flush(_ emit: (Output) -> Void) {
        while head < tail { emitHead(emit) }
    }

    /// A serial far below the newest, or any lower one that is stamped clearly after everything
    /// seen: within one boot a lower serial was written earlier, so it was also entered earlier.
    private func isRestart(_ key: UInt64, _ stamp: Int64) -> Bool {
        guard detectsRestart, newest > 0, key < newest else { return false }
        if stamp > newestStamp + 2_000 && newest - key > 64 { return true }
        return newest - key > 16 * span && stamp >= newestStamp
    }

    private static let wrap: UInt64 = 1 << 32
    /// How near to the wrap both serials must be to take it for one, and not for a boot.
    private static let nearWrap: UInt64 = 1 << 24

    private mutating func emitHead(_ emit: (Output) -> Void) {
        let place = place(head)
        head += 1
        lastOut = ring[place].key
        emit(.event(ring[place].event))
    }

    private mutating func insert(_ key: UInt64, _ event: AuditEvent) {
        if depth == ring.count { grow(event) }
        var index = tail
        while index > head, ring[place(index - 1)].key > key {
            ring[place(index)] = ring[place(index - 1)]
            index -= 1
        }
        ring[place(index)] = (key, event)
        tail += 1
    }

    /// - Parameter filler: for places that hold nothing yet.
    private mutating func grow(_ filler: AuditEvent) {
        var larger = ContiguousArray(
            repeating: (key: UInt64(0), event: filler), count: max(64, ring.count * 2))
        for index in head..<tail { larger[index - head] = ring[place(index)] }
        tail -= head
        head = 0
        ring = larger
    }
}
