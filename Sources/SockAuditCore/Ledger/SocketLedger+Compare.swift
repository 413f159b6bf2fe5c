/// What the kernel says about one socket that no record told of.
public struct SocketInfo: Equatable, Sendable {
    public var family: SocketFamily
    /// A TCP connection whose local port is also listened on: it came by accept.
    public var looksAccepted: Bool

    public init(family: SocketFamily, looksAccepted: Bool = false) {
        self.family = family
        self.looksAccepted = looksAccepted
    }
}

/// How a look into /proc is to be read.
public struct LookSettings {
    /// Records have been lost: a socket that nobody knows is one whose socket() we missed.
    public var lossy: Bool
    /// Closes are not all in the stream (light mode, rules narrowed to one program, exempted).
    public var closesUnseen: Bool
    /// Asks the kernel about a process's socket, by fd and inode; nil where it does not say.
    public var info: (_ pid: Int32, _ fd: Int32, _ inode: UInt64) -> SocketInfo?

    public init(
        lossy: Bool = false, closesUnseen: Bool = false,
        info: @escaping (Int32, Int32, UInt64) -> SocketInfo? = { _, _, _ in nil }
    ) {
        self.lossy = lossy
        self.closesUnseen = closesUnseen
        self.info = info
    }
}

extension SocketLedger {
    /// Holds one account against what both readings say of its process.
    func compare(
        _ account: ProcessAccount, _ one: ProcessScan, _ two: ProcessScan?, at now: Int64,
        _ look: LookSettings, _ result: inout Settlement
    ) {
        guard case .alive(let before) = one.presence else { return }
        if account.startTicks == 0 { account.startTicks = one.startTicks }
        let after: [Int32: UInt64]
        switch two?.presence {
        case .alive(let sockets): after = sockets
        case nil: after = before
        default: return
        }
        let explained = look.closesUnseen || one.usesRing || settings.light
        if settings.light { dropDuplicates(account, before, after, at: now) }
        for (fd, descriptor) in account.descriptors.live where descriptor.epoch < epoch {
            let (was, still) = (before[fd], after[fd])
            let gone = was == nil && still == nil
            let another = was != nil && was == still && descriptor.inode != 0 && descriptor.inode != was
            guard gone || another else {
                if let was, was == still { account.descriptors.setInode(was, fd: fd) }
                continue
            }
            account.descriptors.vanish(fd: fd, at: now)
            result.vanished += 1
            if descriptor.origin == .socket && !explained {
                account.drift += 1
                result.drift += 1
            }
        }
        adopt(account, before, after, threaded: one.threaded, look, &result)
        account.looked = true
    }

    /// Books sockets that are there and that no record told of.
    private func adopt(
        _ account: ProcessAccount, _ before: [Int32: UInt64], _ after: [Int32: UInt64], threaded: Bool,
        _ look: LookSettings, _ result: inout Settlement
    ) {
        for (fd, inode) in before where after[fd] == inode && account.descriptors.live[fd] == nil {
            if account.descriptors.wasClosedDuringLook(fd) { continue }
            let copy = before.contains {
                $0.key != fd && $0.value == inode && account.descriptors.live[$0.key] != nil
            }
            if (threaded || account.threaded) && !copy && account.descriptors.resurrect(fd: fd, inode: inode)
            {
                result.resurrected += 1
                continue
            }
            let info = look.info(account.pid, fd, inode)
            var origin: Origin = account.looked || account.startedHere ? .unseen : .earlier
            if copy {
                origin = .dup
            } else if look.lossy && (account.looked || account.startedHere) && info?.looksAccepted != true
                && !isKnown(inode)
            {
                // The record of its socket() is among the lost ones.
                origin = .socket
                account.drift += 1
                result.drift += 1
            }
            var descriptor = Descriptor(
                family: info?.family ?? .other, origin: origin, closeOnExec: false, serial: 0,
                stamp: account.lastStamp, epoch: epoch &- 1)
            descriptor.inode = inode
            account.descriptors.open(fd: fd, descriptor)
        }
    }

    /// Some other process holds this socket: it was inherited, sent or copied.
    private func isKnown(_ inode: UInt64) -> Bool {
        if knownInodes == nil {
            knownInodes = Set(current.values.flatMap { $0.descriptors.live.values.map(\.inode) })
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
    /// - Returns: how many of them were taken for ones whose record is lost.
    @discardableResult
    public func adoptProcess(
        _ process: AuditEvent, probe: ProcessProbe, scan: ProcessScan, look: LookSettings
    ) -> Int {
        guard case .alive(let sockets) = scan.presence, !sockets.isEmpty,
            current[Slot(node: .none, pid: process.pid)] == nil
        else { return 0 }
        let account = ProcessAccount(event: process, state: .running)
        account.startTicks = probe.startTicks
        account.start = probe.start
        account.comm = probe.comm
        account.script = probe.script
        account.nameFromProc = true
        current[Slot(node: .none, pid: process.pid)] = account
        judgeScope(account)
        var result = Settlement()
        account.startedHere = account.start > watchingSince
        adopt(account, sockets, sockets, threaded: false, look, &result)
        account.looked = true
        return result.drift
    }
}
