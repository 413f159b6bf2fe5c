/// What the kernel says of its audit queue at one moment (AUDIT_GET, linux/audit.h).
public struct GuardCounters: Equatable, Sendable {
    /// Milliseconds of a clock that nobody sets.
    public var now: Int64
    /// Messages that wait in the queue, and how many may before callers are stopped; 0 for no limit.
    public var backlog: UInt32
    public var backlogLimit: UInt32
    /// Records lost since boot. Others may set it back to zero.
    public var lost: UInt32
    /// For how long callers have waited for room since boot, in jiffies. Others may reset it.
    public var waited: UInt32
    /// A daemon takes the records and writes them to a log.
    public var hasDaemon: Bool

    public init(
        now: Int64, backlog: UInt32 = 0, backlogLimit: UInt32 = 8_192, lost: UInt32 = 0, waited: UInt32 = 0,
        hasDaemon: Bool = true
    ) {
        self.now = now
        self.backlog = backlog
        self.backlogLimit = backlogLimit
        self.lost = lost
        self.waited = waited
        self.hasDaemon = hasDaemon
    }
}

/// Who made the events of our rules since the last such report.
public struct GuardLoad: Equatable, Sendable {
    public struct Process: Equatable, Sendable {
        public var pid: Int32
        public var events: Int
        public init(pid: Int32, events: Int) { (self.pid, self.events) = (pid, events) }
    }
    public struct Program: Equatable, Sendable {
        public var exe: [UInt8]
        public var events: Int
        /// How many processes of it made them.
        public var processes: Int
        public init(exe: [UInt8], events: Int, processes: Int) {
            (self.exe, self.events, self.processes) = (exe, events, processes)
        }
    }

    /// When it came and the time that it covers, in milliseconds of the guard's clock.
    public var at: Int64
    public var span: Int64
    public var events: Int
    /// The busiest, first.
    public var processes: [Process]
    public var programs: [Program]
    /// Exempted processes that still use the processor, and so would flood again.
    public var busy: Set<Int32>

    public init(
        at: Int64, span: Int64, events: Int, processes: [Process] = [], programs: [Program] = [],
        busy: Set<Int32> = []
    ) {
        self.at = at
        self.span = span
        self.events = events
        self.processes = processes
        self.programs = programs
        self.busy = busy
    }
}

/// How much is audited now: a mode, and who is left out.
public struct GuardState: Equatable, Sendable {
    public enum Level: Int, Comparable, Sendable {
        /// No rules; what /proc shows.
        case nothing
        /// socket() only.
        case light
        /// All that was asked for.
        case all
        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    public var level = Level.all
    public var processes: [Int32] = []
    public var programs: [[UInt8]] = []
    public init() {}

    public var exemptsAnyone: Bool { !processes.isEmpty || !programs.isEmpty }
}

/// What the guard wants, and why.
public struct GuardDecision: Equatable, Sendable {
    public enum Cause: UInt8, Equatable, Sendable {
        /// The kernel lost records.
        case lost
        /// Callers were stopped until there was room in the queue.
        case waited
        /// The queue fills.
        case backlog
        /// More events a second than the budget.
        case budget
        /// Our records would push others out of the daemon's log.
        case evidence
        /// It has been quiet for long enough, or who was exempted is.
        case quiet
        /// An exempted process has ended.
        case ended
    }
    public var state: GuardState
    public var cause: Cause
    /// Our events a second, as far as known.
    public var rate: Int
    public var backlog: UInt32
    public var backlogLimit: UInt32

    public init(state: GuardState, cause: Cause, rate: Int, backlog: UInt32, backlogLimit: UInt32) {
        self.state = state
        self.cause = cause
        self.rate = rate
        self.backlog = backlog
        self.backlogLimit = backlogLimit
    }
}
