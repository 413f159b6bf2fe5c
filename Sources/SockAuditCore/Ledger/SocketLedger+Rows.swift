struct FoldKey: Hashable {
    var node: NameID
    var name: NameID
    var unit: NameID
}

/// Ended processes of one name, figures kept, the rest let go.
struct FoldedAccount {
    var processes = 0
    var figures = Figures()
    var first: Int64 = .max
    var drift = 0
}

extension SocketLedger {
    /// Folded names kept apart; beyond it they share one row, so that a host whose processes call
    /// themselves anything cannot grow us without end.
    private static let foldedNames = 2_000

    /// Ended processes of which threads may write late records, at most: with all that they held. The kernel
    /// ends no more of them in ``dyingMilliseconds``.
    private static let freshEnded = 2_048
    /// Sockets that those may remember, together.
    private static let freshSockets = 16_384

    /// The rows of this moment, in no order, and the start of the next interval.
    /// - Parameter now: milliseconds since the epoch; nil from an input, where a process's time
    ///   runs to its last event.
    /// - Parameter open: what rows are to tell of their open sockets; nil for nothing.
    public func takeRows(now: Int64?, open: OpenSocketRequest? = nil) -> [Row] {
        var rows: [Row] = []
        rows.reserveCapacity(past.count + current.count + folded.count)
        past.forEach { rows.append($0.row(names)) }
        past.change { $0.startInterval() }
        for account in fresh.dropFirst(freshHead) { collect(account, now, open, &rows) }
        for (_, account) in current where !account.hasEnded { collect(account, now, open, &rows) }
        for (key, fold) in folded { rows.append(row(key, fold)) }
        for key in folded.keys {
            folded[key]?.figures.socketLast = FamilyCounts()
            folded[key]?.figures.closeLast = FamilyCounts()
        }
        return rows
    }

    /// Whether any event of this process has come: then it is audited.
    public func hasSeen(pid: Int32, startTicks: UInt64) -> Bool {
        current[Slot(node: .none, pid: pid)].map { $0.sawEvents && $0.startTicks == startTicks } ?? false
    }

    private func collect(
        _ account: ProcessAccount, _ now: Int64?, _ open: OpenSocketRequest?, _ rows: inout [Row]
    ) {
        defer { account.startInterval() }
        guard account.inScope, !account.descriptors.isBlank else { return }
        var row = Row()
        row.node = names[account.node]
        row.pid = account.pid
        row.start = account.start
        row.name = names[account.comm]
        row.exe = names[account.exe]
        row.unit = names[account.unit]
        row.uid = account.uid
        row.auid = account.auid
        row.session = account.session
        let until = account.ended ?? now ?? account.lastStamp
        row.duration = Double(max(0, until - account.start)) / 1_000
        row.state = !account.hasEnded && gaps.leavesOut(account) ? .exempt : account.state
        row.drift = account.drift
        row.acceptedGrowth = account.accepted.grown
        row.figures = account.figures
        if let open { row.openSockets = openSockets(account, open) }
        rows.append(row)
    }

    private func row(_ key: FoldKey, _ fold: FoldedAccount) -> Row {
        var row = Row()
        row.node = names[key.node]
        row.name = (key.name == .none ? [] : names[key.name] + [UInt8(ascii: " ")]) + Array("(ended)".utf8)
        row.unit = names[key.unit]
        row.start = fold.first == .max ? 0 : fold.first
        row.state = .exited
        row.drift = fold.drift
        row.processes = fold.processes
        row.figures = fold.figures
        return row
    }

    /// Books an ended account. Of older ones only the figures are kept, and the oldest fold.
    func keepEnded(_ account: ProcessAccount) {
        fresh.append(account)
        freshSockets += account.descriptors.remembered
        let most = min(settings.endedRows, Self.freshEnded)
        while fresh.count - freshHead > most
            || (freshSockets > Self.freshSockets && fresh.count - freshHead > 1)
        {
            let oldest = fresh[freshHead]
            freshHead += 1
            freshSockets = max(0, freshSockets - oldest.descriptors.remembered)
            let slot = Slot(node: oldest.node, pid: oldest.pid)
            if current[slot] === oldest { current[slot] = nil }
            guard oldest.inScope else { continue }
            if let gone = past.add(EndedProcess(oldest), most: settings.endedRows - most) { fold(gone) }
        }
        if freshHead * 2 > fresh.count {
            fresh.removeFirst(freshHead)
            freshHead = 0
        }
    }

    private func fold(_ process: EndedProcess) {
        var key = FoldKey(node: process.node, name: process.comm, unit: process.unit)
        if folded[key] == nil && folded.count >= Self.foldedNames { (key.name, key.unit) = (.none, .none) }
        var fold = folded[key] ?? FoldedAccount()
        if process.unsure > 0 {
            foldedUnsure.processes += 1
            foldedUnsure.sockets += process.unsure
        }
        fold.processes += 1
        fold.figures += process.figures
        fold.first = min(fold.first, process.start)
        fold.drift += process.drift
        folded[key] = fold
    }

    /// Processes that hold nothing are kept so many, where nobody can tell whether they still run.
    private static let quiet = 4_096

    /// From an input alone: a process that was killed leaves no record of its end. Those that hold nothing
    /// and have been silent for the longest are taken for ended, before the memory is full of them.
    func foldSilent() {
        guard !settings.live, current.count >= silentCheck else { return }
        var silent: [ProcessAccount] = []
        for (_, account) in current where !account.hasEnded && account.share == nil {
            if account.descriptors.isEmpty { silent.append(account) }
        }
        if silent.count > Self.quiet {
            silent.sort { ($0.lastStamp, $0.pid) < ($1.lastStamp, $1.pid) }
            for account in silent.dropLast(Self.quiet / 2) {
                current[Slot(node: account.node, pid: account.pid)] = nil
                guard account.inScope, !account.descriptors.isBlank else { continue }
                if account.usesRing { endedRingUsers += 1 }
                fold(EndedProcess(account))
            }
        }
        silentCheck = max(2 * Self.quiet, current.count + current.count / 2)
    }

    /// The names that some account bears, or something that is remembered.
    public func markNames(_ mark: (NameID) -> Void) {
        func markAll(_ account: ProcessAccount) {
            for id in [
                account.node, account.comm, account.exe, account.script, account.otherComm, account.unit,
            ] {
                mark(id)
            }
            for (_, descriptor) in account.descriptors.live { mark(descriptor.thread) }
        }
        for (_, account) in current { markAll(account) }
        for account in fresh.dropFirst(freshHead) { markAll(account) }
        past.forEach {
            mark($0.node)
            mark($0.comm)
            mark($0.exe)
            mark($0.unit)
        }
        for key in folded.keys {
            mark(key.node)
            mark(key.name)
            mark(key.unit)
        }
        strangers.markNames(mark)
        for id in gaps.programs { mark(id) }
        for id in recentGaps.programs { mark(id) }
    }
}
