/// What the guard may do, and when. Times in milliseconds.
public struct GuardSettings: Equatable, Sendable {
    /// Beside a daemon: half of the 17,000 events a second that auditd was measured to take (ENRICHED,
    /// default flush), so that the other half is there for what the host's own rules want.
    public static let budgetBesideDaemon = 8_000

    /// `--mode` insists: the level stays, whatever comes.
    public var mayStep = true
    /// Processes may be left out.
    public var mayExempt = true
    /// The rules are narrowed to programs: to leave one of those out would be to watch nothing.
    public var isNarrowed = false
    /// `--budget`, in events a second; nil for the default: ``budgetBesideDaemon``, none without one.
    public var budget: Int?
    /// What our records may take of the daemon's log; nil where they push nothing out of it.
    public var evidence: EvidenceAllowance?

    /// A tick of the kernel (1/HZ), in which it counts how long callers wait.
    public var tick = 4.0
    /// So long may callers, all together, have waited in the last ``waitWindow``: less is a burst, which with
    /// the kernel's default queue of 64 places every compiler makes.
    public var longestWait = 100
    public static let waitWindow: Int64 = 250
    /// A backlog of fewer places than this is no flood, whatever the limit.
    public var leastBacklog: UInt32 = 512
    /// How long after a step its effect is waited for.
    public var settling: Int64 = 300
    /// For how long a full queue may take to empty after a step, while it does.
    public var draining: Int64 = 2_000
    /// A load report older than this says nothing of now.
    public var freshness: Int64 = 500
    /// Without a daemon nothing is pushed out of a log, and its small queue makes callers wait in any
    /// burst (64 messages; 22 ms at worst): only what goes on for so long is a flood.
    public var patienceWithoutDaemon: Int64 = 2_000
    /// The first quiet time before a step up is tried, and the longest.
    public var firstHold: Int64 = 10_000
    public var longestHold: Int64 = 600_000
    /// Who makes fewer events a second than this floods nobody.
    public var floodRate = 500
    /// As many processes as may be left out: a rule has 64 fields.
    public var mostProcesses = 32
    /// And programs: a rule takes one (audit_data_to_entry, kernel/auditfilter.c).
    public var mostPrograms = 1

    public init() {}
}

/// How much of the daemon's log our records may take: a tank that fills slowly and that bursts draw on.
///
/// A log that rotates keeps what fits in it; every event of ours pushes as many bytes of the oldest
/// evidence out.
public struct EvidenceAllowance: Equatable, Sendable {
    /// Events that may be written at once.
    public var burst: Double
    /// Events a second for ever.
    public var rate: Double

    public init(burst: Double, rate: Double) { (self.burst, self.rate) = (burst, rate) }

    /// How long (hours) it should take our records to push out all that was in the log before them.
    public static let hours = 24.0

    /// A quarter of the log at once, and what fills it in a day: what was in the log when we came is there
    /// for most of a day, however long we run.
    public init(capacity: Double, bytesPerEvent: Double) {
        let events = capacity / max(1, bytesPerEvent)
        self.init(burst: events / 4, rate: events / (Self.hours * 3_600))
    }

    /// How many hours it takes to push all of the log out.
    public static func hours(capacity: Double, bytesPerEvent: Double, rate: Double) -> Double {
        rate > 0 ? capacity / (bytesPerEvent * rate * 3_600) : .infinity
    }
}
