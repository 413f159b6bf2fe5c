/// Whose event it is: a pid is used again, names change, and threads bear names of their own.
extension SocketLedger {
    /// The account of a call that a process without sockets makes as well. Live it gets one all the
    /// same: it may have inherited some, which only /proc can tell, and /proc is asked about those on
    /// the books. So does one that clone3 made. As long as nothing is found it has no row, and it is
    /// forgotten when it ends.
    func holder(_ event: AuditEvent) -> ProcessAccount? {
        if let account = known(event) { return account }
        let isBorn = !unborn.isEmpty && unborn[Slot(node: event.node, pid: event.pid)] != nil
        return isBorn || (settings.live && !settings.light) ? create(event) : nil
    }

    /// The account of a call that opens something; made when there is none.
    func opener(_ event: AuditEvent) -> ProcessAccount {
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
        // A login comes once (pam_loginuid): who is asked for in reports is who it is now.
        account.auid = event.auid
        account.session = event.session
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
        foldSilent()
        let account = ProcessAccount(event: event, state: settings.live ? .running : .unknown)
        account.bornByFork = byFork
        account.script = event.script
        if let probed = probe?(event.pid) {
            let before = probed.start <= event.stamp + Self.clockSlack
            let after = probed.start + Self.clockSlack >= event.stamp
            if byFork ? after : before { adopt(account, probed) }
        }
        // It is gone already; a child is born into its parent's unit.
        if settings.units, account.unit == .none { account.unit = probe?(event.ppid)?.unit ?? .none }
        account.sawEvents = true
        account.startedHere = account.start > watchingSince
        current[slot] = account
        judgeScope(account)
        if !unborn.isEmpty, let parent = unborn.removeValue(forKey: slot).flatMap({ current[$0] }) {
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
        account.unit = probed.unit
        account.nameFromProc = true
        if probed.threaded { account.threaded = true }
    }

    /// Records carry the calling thread's name. Without /proc the one that looks like the
    /// program's file is taken for the main thread's.
    func rename(_ account: ProcessAccount, _ event: AuditEvent) {
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
    func askName(_ account: ProcessAccount, _ event: AuditEvent) {
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

    func looksLikeMain(_ comm: NameID, _ exe: NameID) -> Bool {
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
