/// All processes of one run and what their sockets came to. Events go in, a snapshot comes out.
///
/// Pure: time comes in with the events, /proc through `probe` and ``settle(first:second:at:)``.
/// Use it from one thread.
public final class SocketLedger {
    /// Asks the live system who owns a pid now; nil when nobody does or from an input.
    public typealias Probe = (_ pid: Int32) -> ProcessProbe?

    struct Slot: Equatable, TableKey {
        var node: NameID
        var pid: Int32

        init(node: NameID, pid: Int32) {
            self.node = node
            self.pid = pid
        }

        init(word: UInt64) {
            self.init(
                node: NameID(index: UInt32(truncatingIfNeeded: word >> 32)),
                pid: Int32(truncatingIfNeeded: word))
        }

        var word: UInt64 { UInt64(node.index) << 32 | pid.word }
    }

    /// What the ledger must know of the run.
    public struct Settings: Sendable {
        /// Live: /proc is asked; from an input nothing but the records is known.
        public var live: Bool
        /// Light mode: no closes are audited, /proc says what is gone.
        public var light: Bool
        /// Ended processes kept as rows of their own; beyond it the oldest fold into `(ended)`.
        public var endedRows: Int
        /// Units and containers are asked for.
        public var units: Bool

        public init(live: Bool, light: Bool = false, units: Bool = false, endedRows: Int = 10_000) {
            self.live = live
            self.light = light
            self.units = units
            self.endedRows = endedRows
        }
    }

    public let names: NameTable
    let settings: Settings
    let scope: Scope
    let probe: Probe?
    let kin: ProcessKin?

    /// The account that a pid's next event belongs to.
    var current = KeyTable<Slot, ProcessAccount>()
    /// The latest ended accounts with something to show, oldest first, from `freshHead` on. The latest owner
    /// of a pid stays in `current` too, for records that threads write late.
    var fresh: [ProcessAccount] = []
    var freshHead = 0
    /// Sockets that they remember.
    var freshSockets = 0
    /// Those before them.
    var past = Newest<EndedProcess>()
    /// How many accounts there are when ``foldSilent()`` looks again.
    var silentCheck = 8_192
    /// Ended accounts that were folded, by name.
    var folded: [FoldKey: FoldedAccount] = [:]
    /// What processes did that had nothing on the books; bounded.
    var strangers = StrangerMemory()
    /// Children by clone3 of which nothing is known yet: threads, or processes that held nothing; bounded.
    var unborn = KeyTable<Slot, Slot>()
    /// Inodes of all live descriptors, made when a look into /proc first asks.
    var knownInodes: Set<UInt64>?
    /// Milliseconds since the epoch: processes that start later held nothing before we came.
    public var watchingSince: Int64 = .max
    /// Who and what is not audited now, and what was not at any time since the last look into /proc.
    public var gaps = AuditGaps() { didSet { recentGaps.add(gaps) } }
    public internal(set) var recentGaps = AuditGaps()
    /// Processes with an io_uring that have ended.
    var endedRingUsers = 0
    /// What the folded accounts add to ``unsure``.
    var foldedUnsure = (processes: 0, sockets: 0)
    /// Counts looks into /proc: descriptors carry the epoch in which they were opened.
    var epoch: UInt32 = 0
    /// Events that opened, closed or changed a socket of a process in scope.
    public private(set) var used = 0
    public init(
        settings: Settings, scope: Scope, names: NameTable = NameTable(), probe: Probe? = nil,
        kin: ProcessKin? = nil
    ) {
        self.settings = settings
        self.scope = scope
        self.names = names
        self.probe = probe
        self.kin = kin
    }

    // MARK: events

    /// Takes in one event. Order: by serial, apart from what ``ReorderWindow`` lets through late.
    public func apply(_ event: AuditEvent) {
        switch event.operation {
        case .socket(let fd, let family, let closeOnExec):
            let account = opener(event)
            var descriptor = Descriptor(
                family: family, origin: .socket, closeOnExec: closeOnExec, serial: event.serial,
                stamp: event.stamp, epoch: epoch)
            descriptor.kind = event.kind
            open(fd, descriptor, account, event)
        case .accept(let fd, let listener, let closeOnExec):
            let account = opener(event)
            let family = account.descriptors.live[listener]?.family ?? .other
            let descriptor = Descriptor(
                family: family, origin: .accept, closeOnExec: closeOnExec, serial: event.serial,
                stamp: event.stamp, epoch: epoch)
            open(fd, descriptor, account, event)
        case .socketPair(let first, let second, let closeOnExec):
            let account = opener(event)
            for fd in [first, second] where fd >= 0 {
                let descriptor = Descriptor(
                    family: .other, origin: .socketpair, closeOnExec: closeOnExec, serial: event.serial,
                    stamp: event.stamp, epoch: epoch)
                open(fd, descriptor, account, event)
            }
        case .close(let fd):
            guard fd >= 0 else { return }
            close(event, UInt32(fd)...UInt32(fd), single: fd)
        case .closeRange(let first, let last, let marksCloseOnExec, let unshares):
            guard first <= last else { return }
            if unshares { known(event)?.leaveShare() }
            if marksCloseOnExec {
                setCloseOnExec(event, first...last, true)
            } else {
                close(event, first...last)
            }
        case .duplicate(let from, let to, let closeOnExec):
            duplicate(event, from, to, over: false, closeOnExec)
        case .duplicateOver(let from, let to, let closeOnExec):
            duplicate(event, from, to, over: true, closeOnExec)
        case .setCloseOnExec(let fd, let flag):
            if fd >= 0 { setCloseOnExec(event, UInt32(fd)...UInt32(fd), flag) }
        case .execute:
            execute(event)
        case .fork(let child, let sharesFiles):
            fork(event, child: child, sharesFiles ? .share : .copy)
        case .clone(let child):
            fork(event, child: child, .unknown)
        case .thread:
            known(event)?.threaded = true
        case .unshareFiles:
            known(event)?.leaveShare()
        case .ring:
            opener(event).usesRing = true
        case .exitGroup:
            guard let account = known(event) else { return noteStranger(event) { $0.endedAt = event.stamp } }
            if account.descriptors.isBlank {
                noteStranger(event) {
                    $0.endedAt = event.stamp
                    $0.executedAt = account.executed ?? .min
                }
            }
            end(account, stamp: event.stamp)
            note(account)
        case .exitThread:
            break
        }
    }

    private func close(_ event: AuditEvent, _ range: ClosedRange<UInt32>, single: Int32? = nil) {
        guard !settings.light, let account = holder(event) else { return }
        if let single {
            account.descriptors.close(fd: single, stamp: event.stamp, serial: event.serial)
        } else {
            account.descriptors.closeRange(range, stamp: event.stamp, serial: event.serial)
        }
        for other in account.sharers { other.descriptors.lose(range) }
        note(account)
    }

    private func setCloseOnExec(_ event: AuditEvent, _ range: ClosedRange<UInt32>, _ flag: Bool) {
        guard !settings.light, let account = known(event) else { return }
        account.descriptors.setCloseOnExec(range, flag)
        for other in account.sharers { other.descriptors.setCloseOnExec(range, flag) }
        note(account)
    }

    /// The host of this node began anew (serials restarted): every process of before is gone.
    public func rebooted(node: NameID) {
        for (slot, account) in current where slot.node == node { end(account, stamp: account.lastStamp) }
    }

    func note(_ account: ProcessAccount) {
        if account.inScope { used += 1 }
    }

    private func open(_ fd: Int32, _ descriptor: Descriptor, _ account: ProcessAccount, _ event: AuditEvent) {
        guard fd >= 0 else { return }
        var descriptor = descriptor
        descriptor.thread = event.comm
        var owner = account
        // The number is in use: either the close is on its way, or this is another process that
        // got the pid of one killed by a signal, which leaves no record.
        if account.descriptors.live.contains(fd), let fresh = successor(of: account, event) { owner = fresh }
        owner.descriptors.open(fd: fd, descriptor)
        for other in owner.sharers { other.descriptors.lose(UInt32(fd)...UInt32(fd)) }
        // A thread's record that was written after exit_group's.
        if let ended = owner.ended { owner.descriptors.end(stamp: ended) }
        note(owner)
    }

    private func duplicate(_ event: AuditEvent, _ from: Int32, _ to: Int32, over: Bool, _ closeOnExec: Bool) {
        guard !settings.light, from >= 0, to >= 0, let account = known(event) else { return }
        let lent = account.sharers.lazy.compactMap { $0.descriptors.live[from] }.first
        account.descriptors.duplicate(
            from: from, lent: lent, to: to, over: over, closeOnExec: closeOnExec, serial: event.serial,
            stamp: event.stamp, epoch: epoch)
        account.descriptors.setThread(event.comm, fd: to, serial: event.serial)
        if from != to {
            for other in account.sharers { other.descriptors.lose(UInt32(to)...UInt32(to)) }
        }
        if let ended = account.ended { account.descriptors.end(stamp: ended) }
        note(account)
    }
}
