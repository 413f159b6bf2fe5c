/// One process as /proc shows it.
public struct ProcessScan: Equatable, Sendable {
    public enum Presence: Equatable, Sendable {
        /// No such process, a zombie, or another process under its pid.
        case gone
        /// It lives, and these are its sockets: fd to inode.
        case alive(sockets: [Int32: UInt64])
        /// It lives, but its descriptors may not be read (hidepid, no capability).
        case unreadable
    }

    public var presence: Presence
    /// Start in clock ticks since boot; 0 when gone.
    public var startTicks: UInt64
    /// The same in milliseconds since the epoch.
    public var start: Int64
    /// The main thread's name; none when it was not read.
    public var comm: NameID
    /// The program's file, asked for in the second reading only, and only where some are exempt.
    public var exe = NameID.none
    /// More than one thread.
    public var threaded: Bool
    /// It holds an io_uring, which opens and closes without any record.
    public var usesRing: Bool
    /// A thread of it runs, or waits in the kernel and cannot be disturbed (states R and D): it may be in
    /// a call whose record is not written yet. Asked for in the second reading only.
    public var isBusy = false
    /// How many descriptors of any kind it holds.
    public var descriptors = 0
    /// How many it may hold (RLIMIT_NOFILE, soft); nil when nobody asked.
    public var descriptorLimit: Int?

    public init(
        presence: Presence, startTicks: UInt64 = 0, start: Int64 = 0, comm: NameID = .none,
        threaded: Bool = false,
        usesRing: Bool = false
    ) {
        self.presence = presence
        self.startTicks = startTicks
        self.start = start
        self.comm = comm
        self.threaded = threaded
        self.usesRing = usesRing
    }
}

/// What two looks into /proc around a drained stream say about the ledger.
public struct Settlement: Equatable, Sendable {
    /// Processes that were found ended with no record of it.
    public var endedUnseen = 0
    /// Descriptors of live processes that were gone with no record.
    public var vanished = 0
    /// Sockets from socket() that /proc put right without a reason that we know.
    public var drift = 0
    /// Descriptors that were gone while a thread was in the middle of something: their record may come.
    public var waiting = 0
    /// Descriptors put back because the close we saw was another file's.
    public var resurrected = 0
    /// Processes whose descriptors could not be read.
    public var unreadable = 0
    public init() {}
}

extension SocketLedger {
    /// The processes that a look into /proc can say something about: those not known to have ended, and
    /// in scope or with sockets that may come into it (by exec).
    public func watched() -> [Int32] {
        current.values.compactMap {
            $0.hasEnded || (!$0.inScope && $0.descriptors.isBlank) ? nil : $0.pid
        }
    }

    /// Begins a look into /proc. Descriptors opened from now on are not judged by it.
    /// Call it after the stream was drained and before the first reading.
    public func beginLook() {
        epoch &+= 1
        for (_, account) in current where !account.hasEnded { account.descriptors.beginLook() }
    }

    /// Processes in scope that hold, or held, an io_uring.
    public var ringUsers: Int {
        endedRingUsers + current.values.count { $0.usesRing && $0.inScope && !$0.hasEnded }
    }

    /// Processes whose closes and releases may be mistaken for each other, and how many of them.
    public var unsure: (processes: Int, sockets: Int) {
        var sum = foldedUnsure
        func add(_ unsure: Int) {
            if unsure > 0 { sum = (sum.processes + 1, sum.sockets + unsure) }
        }
        for (_, account) in current where account.inScope && !account.hasEnded {
            add(account.descriptors.unsure)
        }
        for account in fresh.dropFirst(freshHead) where account.inScope { add(account.descriptors.unsure) }
        past.forEach { add($0.unsure) }
        return sum
    }

    /// The processes about which the records and the first reading disagree; read these again
    /// after draining the stream once more.
    public func doubtful(_ first: [Int32: ProcessScan]) -> [Int32] {
        current.values.compactMap { account in
            guard !account.hasEnded, let scan = first[account.pid] else { return nil }
            switch scan.presence {
            case .gone: return account.pid
            case .unreadable: return nil
            case .alive(let sockets):
                if isGone(account, scan) { return account.pid }
                let agrees = account.descriptors.live.allSatisfy { fd, descriptor in
                    sockets[fd].map { descriptor.inode == 0 || descriptor.inode == $0 } ?? false
                }
                return agrees && sockets.count == account.descriptors.live.count ? nil : account.pid
            }
        }
    }

    /// Settles what no record tells: believes only what both readings say, and only about
    /// descriptors that were on the books before the first.
    ///
    /// - Parameters:
    ///   - first: every watched process; `second`: the doubtful ones, read after another drain.
    ///   - at: when /proc was read, in milliseconds since the epoch.
    @discardableResult
    public func settle(
        first: [Int32: ProcessScan], second: [Int32: ProcessScan], at now: Int64,
        look: LookSettings = LookSettings()
    ) -> Settlement {
        var result = Settlement()
        knownInodes = nil
        // All that is known first, then what is strange: a socket that another process holds was sent,
        // inherited or copied.
        var strange: [(ProcessAccount, [Int32: UInt64])] = []
        for account in Array(current.values) where !account.hasEnded {
            guard let one = first[account.pid] else { continue }
            let two = second[account.pid]
            if isGone(account, one) && (two.map { isGone(account, $0) } ?? true) {
                // Another process under the pid: what it did from its start on is its own.
                if one.start > 0, account.lastStamp > one.start + Self.clockSlack,
                    !account.descriptors.isBlank
                {
                    // And some of it was taken for the dead one's.
                    account.strangeSockets += 1
                    result.drift += 1
                }
                end(account, stamp: one.start > 0 ? min(now, one.start - Self.clockSlack) : now)
                result.endedUnseen += 1
                continue
            }
            if one.comm != .none && one.comm != account.comm && !isGone(account, one) {
                account.comm = one.comm
                account.nameFromProc = true
                judgeScope(account)
            }
            if case .unreadable = one.presence { result.unreadable += 1 }
            // Whoever executes a program that is exempt leaves no record of it.
            if !recentGaps.programs.isEmpty, let two, two.exe != .none, !isGone(account, two) {
                account.exe = two.exe
            }
            let look = recentGaps.widen(look, for: account)
            if let sockets = compare(account, one, two, at: now, look, &result) {
                strange.append((account, sockets))
            }
        }
        // Parents before their children: what both hold was the parent's.
        strange.sort { ($0.0.start, $0.0.pid) < ($1.0.start, $1.0.pid) }
        for (account, sockets) in strange {
            adopt(account, sockets, recentGaps.widen(look, for: account), &result)
        }
        knownInodes = nil
        recentGaps = gaps
        for (slot, account) in current where !account.hasEnded {
            account.descriptors.settled(before: now)
            // Not in scope, and nothing to tell if it comes into it: its next event finds it again.
            guard !account.inScope && account.descriptors.isBlank else { continue }
            // Those that share a table hold each other.
            account.leaveShare()
            current[slot] = nil
        }
        return result
    }

    private func isGone(_ account: ProcessAccount, _ scan: ProcessScan) -> Bool {
        if scan.presence == .gone { return true }
        // It lives, and nothing of it can be seen: not even whether it is the same one.
        if scan.presence == .unreadable && scan.startTicks == 0 { return false }
        if account.startTicks != 0 { return scan.startTicks != account.startTicks }
        if account.bornByFork { return false }
        return scan.start > account.firstStamp + Self.clockSlack
    }
}
