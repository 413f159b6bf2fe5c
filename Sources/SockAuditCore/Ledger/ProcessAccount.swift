/// What the rest of the system knows about a live process, asked when the ledger must know whose
/// events it sees. Injected, so that the ledger itself reads no file.
public struct ProcessProbe: Equatable, Sendable {
    /// Start in clock ticks since boot (/proc/PID/stat field 22): the identity of a live process.
    public var startTicks: UInt64
    /// The same in milliseconds since the epoch.
    public var start: Int64
    /// Name of the main thread.
    public var comm: NameID
    /// Script name when the process is an interpreter; none otherwise.
    public var script: NameID
    /// It has more than one thread.
    public var threaded = false
    /// Its systemd unit or container; none when nobody asked for it.
    public var unit = NameID.none

    public init(startTicks: UInt64, start: Int64, comm: NameID, script: NameID = .none) {
        self.startTicks = startTicks
        self.start = start
        self.comm = comm
        self.script = script
    }
}

/// Whether a process still runs, as far as it is known.
public enum ProcessState: String, Sendable {
    case running, exited, exempt, unknown
}

/// What the system knows of how live processes belong together. Injected like ``ProcessProbe``.
public struct ProcessKin: Sendable {
    /// Whether this id is a thread's of another process; nil when nobody has it any more.
    public var isThread: @Sendable (_ id: Int32) -> Bool?
    /// Whether two processes have one descriptor table; nil when that cannot be told.
    public var shareTable: @Sendable (_ a: Int32, _ b: Int32) -> Bool?
    /// Whether a process lives in another pid namespace than we do; nil when it is gone.
    public var isInOtherNamespace: @Sendable (_ pid: Int32) -> Bool?

    public init(
        isThread: @escaping @Sendable (Int32) -> Bool?,
        shareTable: @escaping @Sendable (Int32, Int32) -> Bool?,
        isInOtherNamespace: @escaping @Sendable (Int32) -> Bool?
    ) {
        self.isThread = isThread
        self.shareTable = shareTable
        self.isInOtherNamespace = isInOtherNamespace
    }
}

/// The processes that share one descriptor table.
final class TableShare {
    var members: [ProcessAccount] = []
}

/// One process and all that was counted for it. A class: the ledger changes it in place.
final class ProcessAccount {
    let node: NameID
    let pid: Int32
    /// 0 until /proc has told it.
    var startTicks: UInt64 = 0
    /// Milliseconds since the epoch.
    var start: Int64
    let firstStamp: Int64
    var lastStamp: Int64
    var ppid: Int32
    var uid: UInt32
    var auid: UInt32
    var session: UInt32
    var comm: NameID
    var exe: NameID
    var script: NameID = .none
    /// Its systemd unit or container.
    var unit: NameID = .none
    /// The name came from /proc, which knows the main thread's name; records know the caller's.
    var nameFromProc = false
    /// The last other name in a record, about which /proc has been asked.
    var otherComm = NameID.none
    var state: ProcessState
    /// When it ended (ms), for the duration; nil while it lives.
    var ended: Int64?
    var inScope = true
    var descriptors = DescriptorTable()
    /// Made by its parent's record: its first stamp is the parent's, before it began.
    var bornByFork = false
    /// An event of it has come, so the kernel does audit it.
    var sawEvents = false
    /// /proc has been read for it: what it held before we came is on the books.
    var looked = false
    /// Its start was seen (or is later than ours): it held nothing before we came but what it inherited.
    var startedHere = false
    /// It has, or had, more than one thread.
    var threaded: Bool {
        get { descriptors.threaded }
        set { descriptors.threaded = newValue }
    }
    /// It holds, or held, an io_uring: sockets may have come and gone without a record.
    var usesRing = false
    /// The processes with which it shares one descriptor table (CLONE_FILES), itself included.
    var share: TableShare?
    /// A child has, or had, the same table and may have closed what is in it with no record that tells.
    var hasLentTable = false
    /// When its last execve was entered (ms).
    var executed: Int64?
    /// It lives in another pid namespace: what its fork returns is no pid of this host. Nil: not asked.
    var inOtherNamespace: Bool?
    /// How far /proc has put StillOPEN right against the records.
    var drift: Int { descriptors.drift + strangeSockets }
    /// That part of it: sockets that were there and whose socket() no record told.
    var strangeSockets = 0
    /// Baselines of the last table, for SocketLAST and CloseLAST.
    var openedAtTable = FamilyCounts()
    var closedAtTable = FamilyCounts()
    /// Accepted sockets that were open at the last table.
    var acceptedAtTable = 0

    init(event: AuditEvent, state: ProcessState) {
        node = event.node
        pid = event.pid
        start = event.stamp
        firstStamp = event.stamp
        lastStamp = event.stamp
        ppid = event.ppid
        uid = event.uid
        auid = event.auid
        session = event.session
        comm = event.comm
        exe = event.exe
        self.state = state
    }

    var hasEnded: Bool { ended != nil }

    var figures: Figures {
        var figures = Figures()
        figures.socketTotal = descriptors.opened
        figures.closeTotal = descriptors.closed
        figures.released = descriptors.released
        figures.stillOpen = descriptors.open
        figures.socketLast = descriptors.opened - openedAtTable
        figures.closeLast = descriptors.closed - closedAtTable
        // A close that an earlier table counted and that turned out to be another file's: CloseTOT
        // falls, but no interval has fewer than no closes.
        for family in SocketFamily.allCases { figures.closeLast[family] = max(0, figures.closeLast[family]) }
        figures.others = descriptors.others
        return figures
    }

    func end(stamp: Int64) {
        guard ended == nil else { return }
        ended = stamp
        state = .exited
        leaveShare()
        // Other threads may enter closes for a moment more.
        descriptors.end(stamp: stamp + SocketLedger.dyingMilliseconds)
    }

    func leaveShare() {
        share?.members.removeAll { $0 === self }
        share = nil
    }

    /// Everyone else whose table is this one.
    var sharers: [ProcessAccount] { share?.members.filter { $0 !== self } ?? [] }

    /// Accepted sockets that are open, and how many more than at the last table.
    var accepted: (open: Int, grown: Int) {
        let open = descriptors.others.open(.accept).total
        return (open, open - acceptedAtTable)
    }

    func startInterval() {
        acceptedAtTable = descriptors.others.open(.accept).total
        openedAtTable = descriptors.opened
        closedAtTable = descriptors.closed
    }
}
