/// The clock on the wall is set while a live run goes on. Pure.
///
/// Stamps of records come from that clock, and so do start times of processes as /proc gives them, but those
/// from what it showed at our start. Once it is set the two no longer belong together: a process that began
/// after its own records would be taken for another one. So each stamp is brought back to the clock as it was
/// at the start, which then goes on evenly: the even clock.
public struct ClockShifts: Equatable, Sendable {
    /// What the clock on the wall was ahead of the even one by, from a moment of the even one on.
    private struct Shift: Equatable, Sendable {
        var since: Int64
        var ahead: Int64
    }

    private var shifts: [Shift] = []
    private var lastSeen: Int64 = .min
    /// Seen with both clocks read within this (ms): who lost the processor in between knows nothing.
    private static let together: Int64 = 2
    /// Corrections of less (ms) leave no process before its own records.
    private static let least: Int64 = 10
    /// A stamp may be read before the tick that it is of is over (ms).
    private static let slack: Int64 = 20
    /// Of a clock that is set every other second the last ones are enough.
    private static let most = 64

    /// How often the clock was set.
    public private(set) var count = 0
    /// By how much it was set last (ms): forward, or back where negative.
    public private(set) var lastStep: Int64 = 0

    public init() {}

    /// - Parameters:
    ///   - wall: milliseconds since the epoch, read between the two others.
    ///   - before: the even clock (ms), read before that.
    ///   - after: and once more after it.
    public mutating func saw(wall: Int64, before: Int64, after: Int64) {
        guard after - before <= Self.together else { return }
        let known = shifts.last?.ahead ?? 0
        let step = wall - before - known
        if abs(step) >= Self.least {
            // It was set at some time since we last looked.
            shifts.append(Shift(since: lastSeen == .min ? before : lastSeen, ahead: known + step))
            if shifts.count > Self.most { shifts.removeFirst() }
            count += 1
            lastStep = step
        }
        lastSeen = before
    }

    /// A stamp by the even clock.
    /// - Parameter now: the even clock (ms); nothing that has been read is stamped later.
    public func even(_ stamp: Int64, now: Int64) -> Int64 {
        if shifts.isEmpty { return stamp }
        // The newest setting under which it can have been made: after that began, and before now.
        for shift in shifts.reversed() {
            let even = stamp - shift.ahead
            if even >= shift.since - Self.slack && even <= now + Self.slack { return even }
        }
        return min(stamp, now)
    }
}
