/// Sees that a flood has fallen silent all at once.
///
/// A caller that finds the queue full may fall asleep after the queue was emptied and everyone was woken: it
/// then sleeps until the next record, whoever makes it, or until `backlog_wait_time` is over, which is a minute
/// (audit_log_start, kernel/audit.c). With rules that are narrowed to one program nobody else makes one.
/// Such a sleeper shows in no counter before it wakes; that the events stop at an empty queue is all there is.
struct SilenceWatch: Sendable {
    private var lastEvent: Int64 = .min / 2
    private var lastRecord: Int64 = .min / 2
    private var left = 0

    /// Milliseconds: a pause of this length is no pause of the monitor's.
    private static let silence: Int64 = 200
    /// A flood that ended makes as many records, and no more.
    private static let most = 3

    mutating func take(_ events: Int, isFlood: Bool, at now: Int64) {
        guard events > 0 else { return }
        lastEvent = now
        left = isFlood ? Self.most : 0
    }

    /// Whether a record should be made to wake whoever sleeps.
    mutating func wantsRecord(_ now: Int64, backlog: UInt32) -> Bool {
        guard left > 0, backlog == 0, now - lastEvent >= Self.silence, now - lastRecord >= Self.silence else {
            return false
        }
        left -= 1
        lastRecord = now
        return true
    }
}
