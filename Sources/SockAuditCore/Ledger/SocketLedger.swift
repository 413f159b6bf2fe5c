/// All processes of one run and what their sockets came to. Events go in, a snapshot comes out.
///
/// Pure: time comes in with the events, /proc through `probe` and ``settle(first:second:at:)``.
/// Use it from one thread.
public final class SocketLedger {
    /// Asks the live system who owns a pid now; nil when nobody does or from an input.
    public typealias Probe = (_ pid: Int32) -> ProcessProbe?

    struct Slot: Hashable {
        var node: NameID
        var pid: Int32
    }

    /// What the ledger must know of the run.
    public struct Settings: Sendable {
        /// Live: /proc is asked; from an input nothing but the records is known.
        public var live: Bool
        /// Light mode: no closes are audited, /proc says what is gone.
        public var light: Bool
        /// Ended processes kept as rows of their own; beyond it the oldest fold into `(ended)`.
        public var endedRows: Int

        public init(live: Bool, light: Bool = false, endedRows: Int = 10_000) {
            self.live = live
            self.light = light
            self.endedRows = endedRows
        }
    }

    public let names: NameTable
    let settings: Settings
    let scope: Scope
    let probe: Probe?
    let kin: ProcessKin?

    /// The account that a pid's next event belongs to.
    var current: [Slot: ProcessAccount] = [:]
    /// Ended accounts with something to show, oldest first, from `endedHead` on. The latest owner
    /// of a pid stays in `current` too, for records that threads write late.
    var ended: [ProcessAccount] = []
    var endedHead = 0
    /// Ended accounts that were folded, by name.
    var folded: [FoldKey: FoldedAccount] = [:]
    /// What processes did that had nothing on the books; bounded.
    var strangers: [Slot: Stranger] = [:]
    /// Children by clone3 of which nothing is known yet: threads, or processes that held nothing; bounded.
    var unborn: [Slot: Slot] = [:]
    /// Inodes of all live descriptors, made when a look into /proc first asks.
    var knownInodes: Set<UInt64>?
    /// Milliseconds since the epoch: processes that start later held nothing before we came.
    public var watchingSince: Int64 = .max
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
            guard let account = known(event) else { return noteStranger(event) { $0.ended = event.stamp } }
            if account.descriptors.isBlank {
                noteStranger(event) {
                    $0.ended = event.stamp
                    $0.executed = account.executed
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
        var owner = account
        // The number is in use: either the close is on its way, or this is another process that
        // got the pid of one killed by a signal, which leaves no record.
        if account.descriptors.live[fd] != nil, let fresh = successor(of: account, event) { owner = fresh }
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
        if from != to {
            for other in account.sharers { other.descriptors.lose(UInt32(to)...UInt32(to)) }
        }
        if let ended = account.ended { account.descriptors.end(stamp: ended) }
        note(account)
    }

    // MARK: whose event it is

    /// The account of a call that a process without sockets makes as well. Live it gets one all the
    /// same: it may have inherited some, which only /proc can tell, and /proc is asked about those on
    /// the books. So does one that clone3 made. As long as nothing is found it has no row, and it is forgotten when it ends.
    func holder(_ event: AuditEvent) -> ProcessAccount? {
        if let account = known(event) { return account }
        let isBorn = unborn[Slot(node: event.node, pid: event.pid)] != nil
        return isBorn || (settings.live && !settings.light) ? create(event) : nil
    }

    /// The account of a call that opens something; made when there is none.
    private func opener(_ event: AuditEvent) -> ProcessAccount {
        known(event) ?? create(event)
    }

    /// The account of the event's process, brought up to date; nil when nothing of it is on the books.
    func known(_ event: AuditEvent) -> ProcessAccount? {
        guard var account = current[Slot(node: event.node, pid: event.pid)] else { return nil }
        if account.hasEnded {
            // Threads write their last records after exit_group; anything entered later than that
            // is a new process with the same pid.
            let ended = account.ended ?? 0
            // From records alone a second thread must have shown itself; live, /proc decides.
            let grace = account.threaded || settings.live ? Self.dyingMilliseconds : 0
            guard event.stamp <= ended + grace else { return nil }
            if event.stamp >= ended, let probed = probe?(event.pid),
                probed.startTicks != account.startTicks
            {
                return nil
            }
            return account
        }
        // Another parent, another login, or a while without a call: is it the same process still?
        let mayBeAnother =
            event.ppid != account.ppid && event.ppid != 0 || event.auid != account.auid
            || event.session != account.session || event.stamp - account.lastStamp >= Self.quietMilliseconds
        if mayBeAnother, let fresh = successor(of: account, event) { account = fresh }
        account.ppid = event.ppid
        account.sawEvents = true
        // One thread's calls follow each other: an entry before the last one is another thread's.
        if event.stamp < account.lastStamp { account.threaded = true }
        account.lastStamp = max(account.lastStamp, event.stamp)
        if event.script != .none && event.script != account.script {
            account.script = event.script
            judgeScope(account)
        }
        if event.exe != account.exe || event.comm != account.comm { rename(account, event) }
        return account
    }

    /// - Parameter byFork: the event is the parent's call, entered before the process began.
    func create(_ event: AuditEvent, byFork: Bool = false) -> ProcessAccount {
        let slot = Slot(node: event.node, pid: event.pid)
        if let old = current[slot] { end(old, stamp: old.lastStamp) }
        let account = ProcessAccount(event: event, state: settings.live ? .running : .unknown)
        account.bornByFork = byFork
        account.script = event.script
        if let probed = probe?(event.pid) {
            let before = probed.start <= event.stamp + Self.clockSlack
            let after = probed.start + Self.clockSlack >= event.stamp
            if byFork ? after : before { adopt(account, probed) }
        }
        account.sawEvents = true
        account.startedHere = account.start > watchingSince
        current[slot] = account
        judgeScope(account)
        if let parent = unborn.removeValue(forKey: slot).flatMap({ current[$0] }) {
            inherit(account, from: parent, event)
        }
        findSharer(account)
        return account
    }

    /// Another process that took the pid over without a record of the old one's end; nil when the
    /// account still owns it.
    func successor(of account: ProcessAccount, _ event: AuditEvent) -> ProcessAccount? {
        guard let probed = probe?(event.pid) else { return nil }
        if account.startTicks != 0 {
            guard probed.startTicks > account.startTicks else { return nil }
        } else if probed.start <= account.firstStamp + Self.clockSlack {
            adopt(account, probed)
            return nil
        }
        guard event.stamp + Self.clockSlack >= probed.start else { return nil }
        end(account, stamp: min(event.stamp, probed.start))
        return create(event)
    }

    func adopt(_ account: ProcessAccount, _ probed: ProcessProbe) {
        account.startTicks = probed.startTicks
        account.start = probed.start
        account.comm = probed.comm
        account.script = probed.script
        account.nameFromProc = true
        if probed.threaded { account.threaded = true }
    }

    /// Records carry the calling thread's name. Without /proc the one that looks like the
    /// program's file is taken for the main thread's.
    private func rename(_ account: ProcessAccount, _ event: AuditEvent) {
        if event.exe != account.exe {
            account.exe = event.exe
            judgeScope(account)
        }
        guard event.comm != account.comm else { return }
        if account.nameFromProc { return askName(account, event) }
        guard looksLikeMain(event.comm, event.exe) else { return }
        account.comm = event.comm
        judgeScope(account)
    }

    /// A name that is not the main thread's as we know it: another thread's, or prctl(2) gave it a new one.
    private func askName(_ account: ProcessAccount, _ event: AuditEvent) {
        guard event.comm != account.otherComm else { return }
        account.otherComm = event.comm
        if let probed = probe?(event.pid), probed.startTicks == account.startTicks {
            account.comm = probed.comm
        } else if !account.threaded {
            // It has ended since; it had no other thread.
            account.comm = event.comm
        }
        judgeScope(account)
    }

    private func looksLikeMain(_ comm: NameID, _ exe: NameID) -> Bool {
        let file = names[exe].split(separator: UInt8(ascii: "/")).last ?? []
        return !file.isEmpty && file.prefix(15).elementsEqual(names[comm])
    }

    /// Once in scope, always in scope: names change, rows stay.
    func judgeScope(_ account: ProcessAccount) {
        if scope.isAll || (account.inScope && !account.descriptors.isBlank) { return }
        account.inScope = scope.contains(
            comm: names[account.comm], exe: names[account.exe], script: names[account.script])
    }

    func end(_ account: ProcessAccount, stamp: Int64) {
        guard !account.hasEnded else { return }
        if account.usesRing && account.inScope { endedRingUsers += 1 }
        account.end(stamp: max(stamp, account.start))
        if account.descriptors.isBlank {
            let slot = Slot(node: account.node, pid: account.pid)
            if current[slot] === account { current[slot] = nil }
        } else {
            keepEnded(account)
        }
    }

    /// Between one thread's entry into exit_group and the end of the others they may enter calls
    /// (ms); no pid is used again that fast.
    static let dyingMilliseconds: Int64 = 50

    /// No pid comes round in less (ms), not even where someone sees to it; and /proc is not asked more
    /// often about one process.
    static let quietMilliseconds: Int64 = 200

    /// /proc gives start times in ticks of 10 ms, audit stamps in ticks of the coarse clock (ms).
    static let clockSlack: Int64 = 20
}
