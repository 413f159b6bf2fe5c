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

    /// The rows of this moment, in no order, and the start of the next interval.
    /// - Parameter now: milliseconds since the epoch; nil from an input, where a process's time
    ///   runs to its last event.
    /// - Parameter open: what rows are to tell of their open sockets; nil for nothing.
    public func takeRows(now: Int64?, open: OpenSocketRequest? = nil) -> [Row] {
        var rows: [Row] = []
        for account in ended.dropFirst(endedHead) { collect(account, now, open, &rows) }
        for account in current.values where !account.hasEnded { collect(account, now, open, &rows) }
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

    /// Books an ended account, and folds the oldest ones beyond the bound.
    func keepEnded(_ account: ProcessAccount) {
        ended.append(account)
        while ended.count - endedHead > settings.endedRows {
            let oldest = ended[endedHead]
            endedHead += 1
            let slot = Slot(node: oldest.node, pid: oldest.pid)
            if current[slot] === oldest { current[slot] = nil }
            if oldest.inScope { fold(oldest) }
        }
        if endedHead > 1_024 && endedHead * 2 > ended.count {
            ended.removeFirst(endedHead)
            endedHead = 0
        }
    }

    private func fold(_ account: ProcessAccount) {
        var key = FoldKey(node: account.node, name: account.comm, unit: account.unit)
        if folded[key] == nil && folded.count >= Self.foldedNames { (key.name, key.unit) = (.none, .none) }
        var fold = folded[key] ?? FoldedAccount()
        if account.descriptors.unsure > 0 {
            foldedUnsure.processes += 1
            foldedUnsure.sockets += account.descriptors.unsure
        }
        fold.processes += 1
        fold.figures += account.figures
        fold.first = min(fold.first, account.start)
        fold.drift += account.drift
        folded[key] = fold
    }
}
