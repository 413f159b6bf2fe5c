/// How a child got its descriptor table.
enum Birth {
    case copy, share
    /// By clone3: a copy, a share, or no process at all but a thread.
    case unknown
}

/// exec and fork: how accounts change their name and beget others.
extension SocketLedger {
    /// What is kept of the unborn at most.
    private static let memory = 4_096

    func noteStranger(_ event: AuditEvent, _ change: (inout Stranger) -> Void) {
        strangers.change(Slot(node: event.node, pid: event.pid)) { stranger in
            // What came after an end is another process's.
            if stranger.endedAt != .min { stranger = Stranger() }
            stranger.comm = event.comm
            stranger.exe = event.exe
            change(&stranger)
        }
    }

    func execute(_ event: AuditEvent) {
        guard var account = holder(event) else { return noteStranger(event) { $0.executedAt = event.stamp } }
        if !account.descriptors.isEmpty, let fresh = successor(of: account, event) { account = fresh }
        account.leaveShare()
        account.descriptors.execute()
        account.executed = event.stamp
        // The record carries the new names, and the caller is the main thread from now on.
        account.comm = event.comm
        account.exe = event.exe
        account.script = .none
        if settings.live, let probed = probe?(event.pid), probed.startTicks == account.startTicks {
            account.script = probed.script
            account.unit = probed.unit
        }
        judgeScope(account)
        note(account)
    }

    func fork(_ event: AuditEvent, child: Int32, _ birth: Birth) {
        guard child > 0, !settings.light else { return }
        let parent = known(event)
        if let parent, isElsewhere(parent) { return }
        let slot = Slot(node: event.node, pid: child)
        guard let birth = certain(birth, event, slot, parent) else { return }
        if birth == .share { parent?.hasLentTable = true }
        // A process that is still on the books under the child's pid ended unseen, unless what we
        // know of it began after this call did: then it is the child itself, written first. Only one
        // record tells of a process's birth, so one that such a record made is an earlier one.
        if let old = current[slot], !old.hasEnded, old.firstStamp < event.stamp || old.bornByFork {
            // In a container that nobody told us of: another process's number here.
            if old.startTicks != 0, probe?(child)?.startTicks == old.startTicks { return }
            end(old, stamp: event.stamp)
            // A birth under its pid proves that it has written its last record.
            current[slot] = nil
        }
        // A vforked child may have come and gone before this record was written.
        let stranger = strangers[slot].flatMap { $0.isAfter(event.stamp) ? $0 : nil }
        if let gone = current[slot], gone.hasEnded, gone.firstStamp >= event.stamp, !gone.bornByFork {
            if let parent, birth == .copy { inherit(gone, from: parent, event) }
            return
        }
        guard let parent, birth == .share || !parent.descriptors.isEmpty else { return }
        var born = event
        born.pid = child
        born.ppid = event.pid
        let living = current[slot].flatMap { $0.hasEnded ? nil : $0 }
        if living == nil, let stranger {
            born.comm = stranger.comm
            born.exe = stranger.exe
        }
        let account = living ?? create(born, byFork: true)
        if living == nil, let stranger { account.executed = stranger.executed }
        if birth == .share {
            share(parent, account)
        } else {
            inherit(account, from: parent, event)
        }
        if living == nil, let ended = stranger?.ended { end(account, stamp: ended) }
    }

    /// Settles what clone3 made; nil where it made a thread, or something of which nothing is known yet.
    private func certain(
        _ birth: Birth, _ event: AuditEvent, _ slot: Slot, _ parent: ProcessAccount?
    ) -> Birth? {
        guard birth == .unknown else { return birth }
        if let isThread = kin?.isThread(slot.pid) {
            if isThread {
                parent?.threaded = true
                return nil
            }
            return kin?.shareTable(event.pid, slot.pid) == true ? .share : .copy
        }
        // Events under that pid: so it is a process's. A thread's id never stands in a record.
        if let known = current[slot], known.firstStamp >= event.stamp { return .copy }
        if strangers[slot]?.isAfter(event.stamp) == true { return .copy }
        if parent != nil {
            if unborn.count >= Self.memory { unborn.removeAll(keepingCapacity: true) }
            unborn[slot] = Slot(node: event.node, pid: event.pid)
        }
        return nil
    }

    /// In another pid namespace (a container): what fork returned there is no pid of this host. Such a
    /// child is found by its own records, and what it inherited by /proc.
    private func isElsewhere(_ account: ProcessAccount) -> Bool {
        if let known = account.inOtherNamespace { return known }
        guard let answer = kin?.isInOtherNamespace(account.pid) else { return false }
        account.inOtherNamespace = answer
        return answer
    }

    /// The child got a copy of the parent's table. Its record may come after the child's own first
    /// calls; what those opened stays.
    func inherit(_ account: ProcessAccount, from parent: ProcessAccount, _ event: AuditEvent) {
        let executed = account.executed.map { $0 >= event.stamp } ?? false
        for (fd, descriptor) in parent.descriptors.live {
            let gone = account.hasEnded || account.descriptors.live[fd] != nil
            if gone || (executed && descriptor.closeOnExec) {
                account.descriptors.passed(.inherited, descriptor.family)
                continue
            }
            var inherited = descriptor
            inherited.origin = .inherited
            inherited.serial = event.serial
            inherited.thread = event.comm
            inherited.stamp = event.stamp
            inherited.closableFrom = event.stamp
            inherited.epoch = epoch
            account.descriptors.open(fd: fd, inherited)
        }
    }

    /// Where clone is not audited: does a new process have its parent's very table?
    func findSharer(_ account: ProcessAccount) {
        guard account.startTicks != 0, let parent = current[Slot(node: account.node, pid: account.ppid)],
            !parent.hasEnded, kin?.shareTable(parent.pid, account.pid) == true
        else { return }
        share(parent, account)
    }

    /// Parent and child have one table: what either closes is gone for both, and only what its own
    /// socket() gave it is a process's own.
    private func share(_ parent: ProcessAccount, _ child: ProcessAccount) {
        // It has left the table again: what it kept of it, /proc shows.
        if child.executed != nil { return }
        let share = parent.share ?? TableShare()
        for account in [parent, child] where account.share !== share {
            account.leaveShare()
            account.share = share
            share.members.append(account)
        }
    }
}
