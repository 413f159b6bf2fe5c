import AuditStream
import Glibc
import SockAuditCore

/// What one table's look into /proc found.
struct TableLook {
    var first: [Int32: ProcessScan] = [:]
    var second: [Int32: ProcessScan] = [:]
    /// When the first reading was done (ms).
    var at: Int64 = 0
    var behind = false
    var settlement = Settlement()
    /// Each network namespace is read once.
    let tables = SocketTables()
}

/// The report's folder by the keeper's hand, which a monitor may be without.
private struct KeptFolder: ~Copyable, ReportFolder {
    var keeper: KeeperLink?

    mutating func fresh() throws(AuditError) -> Int32 { try keeper?.fresh() ?? -1 }
    mutating func publish() throws(AuditError) { try keeper?.publish() }
}

extension Monitor {
    /// How long a table may wait for the stream, in milliseconds.
    private static let patience: Int64 = 1_500

    /// Takes a table at its moment: drains the stream, looks into /proc, drains, looks again where
    /// they disagree, and believes what both looks say.
    mutating func table(final: Bool, at moment: Int64) throws(AuditError) -> OutputSink.Outcome {
        var look = TableLook()
        look.behind = try !catchUp()
        pipeline.settleOrder()
        // What is lost from here on may be a socket that this look is too early to show.
        _ = try takeCounters()
        let lostBefore = losses.total
        if isLocal { try readProc(&look) }
        let lackedRules = host.lacksRules
        let moment = Clock.moment(of: moment)
        var head = try head(at: moment, final: final)
        if isLocal { settle(&look, lostBefore, lackedRules: lackedRules) }
        // Ages go by a clock that nobody sets.
        let now = scanner.clock.even()
        let tables = look.tables
        var rows = ledger.takeRows(
            now: isLocal ? now : nil,
            open: isLocal
                ? settings.openSockets(at: now) { tables.endpoint(pid: $0, fd: $1, inode: $2) }
                : settings.openSockets(at: now))
        for index in rows.indices where rows[index].state != .exited {
            guard let scan = look.second[rows[index].pid] ?? look.first[rows[index].pid] else { continue }
            rows[index].descriptors = scan.descriptors
            rows[index].descriptorLimit =
                scan.descriptorLimit ?? (settings.leaks ? ProcScanner.descriptorLimit(rows[index].pid) : nil)
                ?? 0
        }
        head.reasons += reasons(look.settlement, rows, behind: look.behind)
        driftBefore = rows.reduce(0) { $0 + $1.drift }
        if let plugin = source.plugin { rows += pluginRows(plugin, &head) }
        // A reader that hangs must not keep the rules in: they go before the last table does.
        if final {
            if settings.source == .unicast { source.end() }
            for failure in keeper?.remove() ?? [] { messages.error(failure.description) }
        }
        lastTable = moment
        let snapshot = printer.snapshot(consume rows, head: head)
        let outcome = try print(snapshot)
        if lackedRules && !host.lacksRules { try beginWithRules() }
        if final && outcome == .waiting { try printer.finish(stop: signals.descriptor) }
        return outcome
    }

    mutating func print(_ snapshot: Snapshot) throws(AuditError) -> OutputSink.Outcome {
        // Where there is one, only it can make files.
        if keeper == nil { return try printer.print(snapshot) }
        var folder = KeptFolder(keeper: keeper.take())
        defer { keeper = folder.keeper.take() }
        return try printer.print(snapshot, in: &folder)
    }

    /// The first half: what /proc shows, once where it agrees with the records, else twice.
    private mutating func readProc(_ look: inout TableLook) throws(AuditError) {
        ledger.beginLook()
        scanner.beginLook()
        let watched = ledger.watched()
        look.first.reserveCapacity(watched.count)
        for (index, pid) in watched.enumerated() {
            if index % ProcScanner.chunk == 0 {
                scanner.prepare(watched[index...].prefix(ProcScanner.chunk))
            }
            look.first[pid] = scanner.scan(pid)
            // Thousands of them take a while, in which our buffer must not overflow.
            if index % 256 == 255 { _ = try read() }
        }
        ProcFiles.drop()
        look.at = scanner.clock.even()
        look.behind = try !catchUp() || look.behind
        pipeline.settleOrder()
        for round in 0..<Self.rounds {
            look.second = [:]
            for pid in ledger.doubtful(look.first) {
                look.second[pid] = scanner.scan(pid, afresh: true)
                if !ledger.recentGaps.programs.isEmpty {
                    look.second[pid]?.exe = ledger.names.intern(scanner.executable(pid))
                }
            }
            if look.second.isEmpty { break }
            if round > 0 { Self.sleep(milliseconds: 4) }
            look.behind = try !catchUp() || look.behind
            pipeline.settleOrder()
            // Who is in the middle of a call may be about to write the record that explains it.
            if !look.second.values.contains(where: \.isBusy) { break }
        }
    }

    /// The second half: what both say is believed.
    private mutating func settle(_ look: inout TableLook, _ lostBefore: Int, lackedRules: Bool) {
        let tables = look.tables
        let settings = LookSettings(
            lossy: losses.total > adoptedAtLoss, closesUnseen: host.isNarrowed || lackedRules,
            callsUnseen: settings.mode == .proc,
            info: { tables.info(pid: $0, fd: $1, inode: $2) })
        // Also what ended before this table: who began meanwhile has left no record.
        let unaudited = ledger.recentGaps
        look.settlement = ledger.settle(
            first: look.first, second: look.second, at: look.at, look: settings)
        if self.settings.mode == .proc || !unaudited.programs.isEmpty || unaudited.nothing {
            adoptRunning(settings, unaudited)
        }
        if losses.total > adoptedAtLoss {
            adoptedAtLoss = lostBefore
            adoptRunning(settings)
        }
    }

    /// Books processes that hold sockets and of which no record has come: those of before our
    /// start, and, after a loss, those whose every record is among the lost ones.
    func adoptRunning(_ look: LookSettings, _ unaudited: AuditGaps = AuditGaps()) {
        let ours = [getpid(), keeperPid]
        var rest = scanner.running().filter {
            !ours.contains($0.pid) && settings.scope.contains(comm: $0.comm, exe: $0.exe, script: $0.script)
        }[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(ProcScanner.chunk)
            rest = rest.dropFirst(chunk.count)
            adopt(chunk, look, unaudited)
        }
        ProcFiles.drop()
    }

    private func adopt(
        _ processes: ArraySlice<ProcScanner.Running>, _ look: LookSettings, _ unaudited: AuditGaps
    ) {
        let pids = processes.map(\.pid)
        ProcFiles.prefetch(
            pids.flatMap { pid in ["stat", "cmdline", "loginuid", "sessionid"].map { "/proc/\(pid)/\($0)" } })
        let found = processes.map { ($0, scanner.probe($0.pid), ProcScanner.identity($0.pid)) }
        scanner.prepare(pids[...])
        for (process, probe, who) in found {
            guard let probe else { continue }
            let event = AuditEvent(
                serial: 0, stamp: scanner.clock.even(), pid: process.pid, uid: who.uid, auid: who.auid,
                session: who.session, comm: probe.comm, exe: ledger.names.intern(process.exe),
                operation: .execute)
            ledger.adoptProcess(
                event, probe: probe, scan: scanner.scan(process.pid), look: look,
                unaudited: unaudited)
        }
    }

    /// Reads until everything that happened before this call has been read.
    ///
    /// The kernel's queue being empty says so; under a flood it never is, and then an event that
    /// was entered well after the call began says it: serials are given when a call ends, so what
    /// ended before has a lower one, and a thread that lost the processor on the way to its record
    /// has had it back since. Behind an audit daemon the daemon too must have read all, and be done.
    /// - Returns: false when time ran out first.
    private mutating func catchUp() throws(AuditError) -> Bool {
        let asked = scanner.clock.even()
        let limit = Clock.steady() + Self.patience
        let calm = source.plugin == nil ? 0 : PluginSource.calm
        var lastRead = Clock.steady()
        while true {
            while try read() > 0 {
                if pipeline.newestStamp > asked + Self.writingTime { return true }
                lastRead = Clock.steady()
            }
            // Without the kernel's word, what is here is all that can be known.
            if source.hasEnded || keeper == nil { return true }
            let now = Clock.steady()
            if now > limit { return false }
            if now - lastRead < calm {
                Self.sleep(milliseconds: 5)
            } else if try isQueueEmpty() {
                // One record may be between the queue and our socket.
                Self.sleep(milliseconds: 2)
                if try read() == 0 { return true }
                lastRead = Clock.steady()
            } else {
                Self.sleep(milliseconds: 1)
            }
        }
    }

    private mutating func isQueueEmpty() throws(AuditError) -> Bool {
        guard let status = try keeper?.status() else { return true }
        if status.backlog > 0 { return false }
        return source.plugin == nil || NetlinkTable.unread(port: status.daemon) ?? 0 == 0
    }

    /// How often doubtful processes that are in the middle of something are looked at again.
    private static let rounds = 5

    /// How long a call's record may be on its way when others overtake it, in milliseconds.
    private static let writingTime: Int64 = 100

    private static func sleep(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }

    /// What was lost up to now.
    private mutating func takeCounters() throws(AuditError) -> KernelStatus? {
        let now = Clock.wall()
        let status = try keeper?.status()
        if let status, source.hasEnded {
            var after = losses
            after.sawKernelLost(status.lost, at: now)
            lostAtEnd = after.kernelLost - losses.kernelLost
        } else if let status {
            losses.sawKernelLost(status.lost, at: now)
        }
        losses.sawOverruns(source.overruns, dropped: source.dropped, at: now)
        return status
    }

    private mutating func head(at moment: Int64, final: Bool) throws(AuditError) -> SnapshotHead {
        let now = Clock.wall()
        let status = try takeCounters()
        let changes = pipeline.takeChanges()
        if let status, let inspection = try keeper?.inspect() {
            host.update(status, inspection, changes, at: now)
        }
        host.checkFiles(settings, scanner, at: now)
        pipeline.settleGaps(at: Clock.steady())
        var head = SnapshotHead()
        head.host = HostInfo.name()
        head.kernel = HostInfo.kernel()
        head.final = final
        head.time = now
        head.started = startedWall
        head.interval = Double(moment - lastTable) / 1_000
        head.scope = settings.scope.labels
        head.groupBy = settings.grouping.rawValue
        head.families = settings.families
        head.scopeNote = host.scopeNote
        head.source = source.plugin != nil ? "plugin" : settings.source == .unicast ? "unicast" : "multicast"
        head.mode = guardLog.mode.rawValue
        head.eventsSeen = pipeline.counters.events
        head.eventsUsed = ledger.used
        head.eventsLost = losses.total
        head.fromInput = !isLocal
        return head
    }
}
