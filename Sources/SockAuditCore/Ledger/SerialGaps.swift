/// Counts events that never arrive: serials that stay missing while later ones come.
///
/// Two processors write serials slightly out of order (domain.md), so a gap is loss only when it has
/// stayed open for ``patience``, or when the window has moved past it. For a stream that carries a
/// message of every event; a filtered one has gaps that mean nothing. Pure.
public struct SerialGaps: Equatable, Sendable {
    /// How long (ms) a record may be on its way.
    public static let patience: Int64 = 3_000
    /// Serials that are kept in view.
    static let window: UInt64 = 1 << 16

    private var arrived = [UInt64](repeating: 0, count: Int(SerialGaps.window / 64))
    /// All below this are decided.
    private var undecided: UInt64 = 0
    private var newest: UInt64?
    /// The newest serial at some moments of the past (ms), oldest first.
    private var marks: [(at: Int64, newest: UInt64)] = []
    /// Events that never came.
    public private(set) var missing = 0
    /// When that was first decided (ms).
    public private(set) var since: Int64?

    public init() {}

    public static func == (a: SerialGaps, b: SerialGaps) -> Bool {
        a.newest == b.newest && a.undecided == b.undecided && a.missing == b.missing && a.arrived == b.arrived
    }

    public mutating func saw(_ serial: UInt64) {
        guard let last = newest else { return begin(serial) }
        // Serials have 32 bits in the kernel and begin again.
        if last > serial, last - serial > 1 << 31 { return begin(serial) }
        guard serial >= undecided else { return }
        if serial - undecided >= Self.window { decide(upTo: serial - Self.window + 1) }
        arrived[Self.word(serial)] |= Self.bit(serial)
        newest = max(last, serial)
    }

    /// Call now and then, after reading: what has been missing for long enough is counted.
    public mutating func settle(at now: Int64) {
        guard let newest else { return }
        let before = missing
        while let mark = marks.first, now - mark.at >= Self.patience {
            decide(upTo: mark.newest)
            marks.removeFirst()
        }
        if marks.last.map({ now - $0.at >= Self.patience / 4 }) ?? true { marks.append((now, newest)) }
        if missing > before && since == nil { since = now }
    }

    private mutating func begin(_ serial: UInt64) {
        arrived = [UInt64](repeating: 0, count: arrived.count)
        arrived[Self.word(serial)] |= Self.bit(serial)
        undecided = serial
        newest = serial
        marks = []
    }

    private mutating func decide(upTo end: UInt64) {
        guard end > undecided else { return }
        // Beyond the window nothing can have arrived.
        let judged = min(end, undecided + Self.window)
        missing += Int(clamping: end - judged)
        for serial in undecided..<judged {
            if arrived[Self.word(serial)] & Self.bit(serial) == 0 { missing += 1 }
            arrived[Self.word(serial)] &= ~Self.bit(serial)
        }
        undecided = end
    }

    private static func word(_ serial: UInt64) -> Int { Int(serial % window / 64) }
    private static func bit(_ serial: UInt64) -> UInt64 { 1 << (serial % 64) }
}
