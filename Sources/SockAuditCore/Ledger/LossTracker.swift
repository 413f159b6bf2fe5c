/// Adds up what was lost on the way, from counters that the kernel never resets for us. Pure.
public struct LossTracker: Equatable, Sendable {
    private var lastLost: UInt32?
    /// Records that the kernel dropped since we began to watch.
    public private(set) var kernelLost = 0
    /// When the first of them was noticed (ms since the epoch).
    public private(set) var kernelSince: Int64?
    /// Times that our receive buffer was full, and messages dropped for it.
    public private(set) var overruns = 0
    public private(set) var overrunDropped = 0
    public private(set) var overrunSince: Int64?

    public init() {}

    /// The kernel's `lost` counter: 32 bits that wrap, and that someone may reset to 0
    /// (auditctl --reset-lost): what was lost between the last reading and the reset is unknown,
    /// what came after it is counted.
    public mutating func sawKernelLost(_ value: UInt32, at now: Int64) {
        defer { lastLost = value }
        guard let last = lastLost, value != last else { return }
        let wrapped = value &- last
        let delta = value > last ? Int(value - last) : wrapped < 1 << 30 ? Int(wrapped) : Int(value)
        kernelLost += delta
        if delta > 0 && kernelSince == nil { kernelSince = now }
    }

    public mutating func sawOverruns(_ count: Int, dropped: Int, at now: Int64) {
        guard count > overruns || dropped > overrunDropped else { return }
        overruns = max(overruns, count)
        overrunDropped = max(overrunDropped, dropped)
        if overrunSince == nil { overrunSince = now }
    }

    /// All that is known to be lost, in records.
    public var total: Int { kernelLost + overrunDropped }

    /// - Parameter clock: how to write a time of day.
    public func reasons(clock: (Int64) -> String) -> [Reason] {
        var reasons: [Reason] = []
        if kernelLost > 0, let since = kernelSince {
            reasons.append(
                Reason(
                    .kernelLost, count: kernelLost,
                    "the kernel lost \(Counted.text(kernelLost, "audit record", "audit records")) since \(clock(since)), and the totals are lower bounds from then on; raise the backlog limit (auditctl -b) or narrow the rules"
                ))
        }
        if overruns > 0, let since = overrunSince {
            reasons.append(
                Reason(
                    .streamOverrun, count: overrunDropped,
                    "our receive buffer was full \(Counted.times(overruns)) since \(clock(since)), \(Counted.text(overrunDropped, "message was", "messages were")) dropped, and the totals are lower bounds from then on"
                ))
        }
        return reasons
    }
}
