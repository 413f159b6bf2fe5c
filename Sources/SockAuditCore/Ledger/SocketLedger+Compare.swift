/// What the kernel says about one socket that no record told of.
public struct SocketInfo: Equatable, Sendable {
    public var family: SocketFamily
    public var kind: SocketKind
    /// A connection whose local address is also listened on: it came by accept.
    public var looksAccepted: Bool

    public init(family: SocketFamily, kind: SocketKind = .unknown, looksAccepted: Bool = false) {
        self.family = family
        self.kind = kind
        self.looksAccepted = looksAccepted
    }
}

/// How a look into /proc is to be read.
public struct LookSettings {
    /// Records have been lost: a socket that nobody knows is one whose socket() we missed.
    public var lossy: Bool
    /// Closes are not all in the stream (light mode, rules narrowed to one program, exempted).
    public var closesUnseen: Bool
    /// Only socket() is in the stream: copies of a descriptor go unseen as well.
    public var light = false
    /// No call is audited (proc mode): what /proc shows is all that is known.
    public var callsUnseen: Bool
    /// Asks the kernel about a process's socket, by fd and inode; nil where it does not say.
    public var info: (_ pid: Int32, _ fd: Int32, _ inode: UInt64) -> SocketInfo?

    public init(
        lossy: Bool = false, closesUnseen: Bool = false, callsUnseen: Bool = false,
        info: @escaping (Int32, Int32, UInt64) -> SocketInfo? = { _, _, _ in nil }
    ) {
        self.lossy = lossy
        self.closesUnseen = closesUnseen
        self.callsUnseen = callsUnseen
        self.info = info
    }
}

extension SocketLedger {
    /// Holds one account against what both readings say of its process.
    /// - Returns: what both readings show; nil where they say nothing for sure.
    func compare(
        _ account: ProcessAccount, _ one: ProcessScan, _ two: ProcessScan?, at now: Int64,
        _ look: LookSettings, _ result: inout Settlement
    ) -> [Int32: UInt64]? {
        guard case .alive(let before) = one.presence else { return nil }
        if account.startTicks == 0 { account.startTicks = one.startTicks }
        let after: [Int32: UInt64]
        switch two?.presence {
        case .alive(let sockets): after = sockets
        case nil: after = before
        default: return nil
        }
        if one.usesRing { account.usesRing = true }
        if one.threaded { account.threaded = true }
        let unseen = look.closesUnseen || look.callsUnseen || settings.light
        let explained = unseen || account.usesRing || account.hasLentTable
        account.hasLentTable = account.share != nil
        if settings.light || look.light { dropDuplicates(account, before, after, at: now) }
        for (fd, descriptor) in account.descriptors.live where descriptor.epoch < epoch {
            let (was, still) = (before[fd], after[fd])
            let gone = was == nil && still == nil
            guard
                gone || (was == still && isAnother(account, fd, descriptor, was, unseen || look.lossy, look))
            else {
                if let was, was == still { account.descriptors.setInode(was, fd: fd) }
                continue
            }
            // A thread in the middle of something may be about to write the record of just this close.
            if two?.isBusy == true && !explained { result.waiting += 1 }
            let drifts = descriptor.origin == .socket && !explained && two?.isBusy != true
            account.descriptors.vanish(fd: fd, at: now, drifts: drifts)
            result.vanished += 1
            if drifts { result.drift += 1 }
        }
        return two == nil ? before : before.filter { after[$0.key] == $0.value }
    }

    /// The number shows another socket than the one on the books. Where closes leave no record, or theirs
    /// may be lost, its protocol tells that the first time; afterwards, and everywhere else, the inode does.
    private func isAnother(
        _ account: ProcessAccount, _ fd: Int32, _ descriptor: Descriptor, _ inode: UInt64?, _ unseen: Bool,
        _ look: LookSettings
    ) -> Bool {
        guard let inode else { return false }
        if descriptor.inode != 0 { return descriptor.inode != inode }
        guard unseen, descriptor.origin == .socket, let info = look.info(account.pid, fd, inode) else {
            return false
        }
        return info.looksAccepted || !info.kind.mayBe(descriptor.kind)
    }

    /// Books sockets that are there and that no record told of.
    func adopt(
        _ account: ProcessAccount, _ sockets: [Int32: UInt64], _ look: LookSettings,
        _ result: inout Settlement
    ) {
        defer { account.looked = true }
        let strange = sockets.filter { account.descriptors.live[$0.key] == nil }
        guard !strange.isEmpty else { return }
        var held = Set(account.descriptors.live.values.lazy.map(\.inode))
        for (fd, inode) in strange where !account.descriptors.wasClosedDuringLook(fd) {
            let info = look.info(account.pid, fd, inode)
            let copy = !held.insert(inode).inserted
            if account.threaded && !copy && info?.looksAccepted != true && !isKnown(inode),
                account.descriptors.resurrect(fd: fd, inode: inode, kind: info?.kind ?? .unknown)
            {
                result.resurrected += 1
                continue
            }
            let origin = copy ? .dup : origin(account, inode, info, look)
            // The record of its socket() is among the lost ones.
            if origin == .socket && !look.callsUnseen {
                account.strangeSockets += 1
                result.drift += 1
            }
            var descriptor = Descriptor(
                family: info?.family ?? .other, origin: origin, closeOnExec: false, serial: 0,
                stamp: account.lastStamp, epoch: epoch &- 1)
            descriptor.inode = inode
            account.descriptors.open(fd: fd, descriptor)
            knownInodes?.insert(inode)
        }
    }

    /// How a socket came that no record told of.
    private func origin(
        _ account: ProcessAccount, _ inode: UInt64, _ info: SocketInfo?, _ look: LookSettings
    ) -> Origin {
        guard account.looked || account.startedHere else { return .earlier }
        if !account.looked && parentHolds(account, inode) { return .inherited }
        let unaudited = look.lossy || look.callsUnseen
        guard unaudited || settings.light, !isKnown(inode), let info else { return .unseen }
        if info.looksAccepted { return .accept }
        return unaudited ? .socket : .unseen
    }

    private func parentHolds(_ account: ProcessAccount, _ inode: UInt64) -> Bool {
        guard let parent = current[Slot(node: account.node, pid: account.ppid)] else { return false }
        return parent.descriptors.live.values.contains { $0.inode == inode }
    }

    /// Some process on the books holds this socket: it was inherited, sent or copied.
    private func isKnown(_ inode: UInt64) -> Bool {
        if knownInodes == nil {
            knownInodes = Set(current.values.lazy.flatMap { $0.descriptors.live.values.lazy.map(\.inode) })
        }
        return knownInodes?.contains(inode) ?? false
    }

    /// Light mode hears of no dup: of several numbers with one inode the first opened is the one
    /// that socket() gave, and the others are copies that landed on numbers it had given before.
    private func dropDuplicates(
        _ account: ProcessAccount, _ before: [Int32: UInt64], _ after: [Int32: UInt64], at now: Int64
    ) {
        var seen: Set<UInt64> = []
        for (fd, _) in account.descriptors.live.sorted(by: { $0.value.serial < $1.value.serial }) {
            guard let inode = before[fd], inode == after[fd] else { continue }
            if !seen.insert(inode).inserted { account.descriptors.vanish(fd: fd, at: now) }
        }
    }

    /// Books a process that was there before we came, with the sockets it holds.
    public func adoptProcess(
        _ process: AuditEvent, probe: ProcessProbe, scan: ProcessScan, look: LookSettings,
        unaudited: AuditGaps = AuditGaps()
    ) {
        guard case .alive(let sockets) = scan.presence, !sockets.isEmpty || scan.usesRing,
            current[Slot(node: .none, pid: process.pid)] == nil
        else { return }
        let account = ProcessAccount(event: process, state: .running)
        account.startTicks = probe.startTicks
        account.start = probe.start
        account.comm = probe.comm
        account.script = probe.script
        account.unit = probe.unit
        account.nameFromProc = true
        current[Slot(node: .none, pid: process.pid)] = account
        judgeScope(account)
        account.usesRing = scan.usesRing
        account.threaded = scan.threaded
        var result = Settlement()
        account.startedHere = account.start > watchingSince
        adopt(account, sockets, unaudited.widen(look, for: account), &result)
    }
}
