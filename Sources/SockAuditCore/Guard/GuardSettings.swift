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

    /// Bytes of one event of ours in auditd's log (ENRICHED: SYSCALL and PROCTITLE).
    public static let bytesPerEvent = 600.0

    /// A tenth of the log at once, and the rest of a day for the next tenth: what was in the log when we
    /// came is there for `hours` at least.
    public init(capacity: Int, hours: Double) {
        let events = Double(capacity) / Self.bytesPerEvent
        self.init(burst: events / 10, rate: events / (hours * 3_600))
    }
}
