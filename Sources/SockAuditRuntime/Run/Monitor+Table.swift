import AuditStream
import Glibc
import SockAuditCore

extension Monitor {
    /// How long a table may wait for the stream, in milliseconds.
    private static let patience: Int64 = 1_500

    /// Takes a table at its moment: drains the stream, looks into /proc, drains, looks again where
    /// they disagree, and believes what both looks say.
    mutating func table(final: Bool, at moment: Int64) throws(AuditError) -> OutputSink.Outcome {
        var behind = try !catchUp()
        pipeline.settleOrder()
        // What is lost from here on may be a socket that this look is too early to show.
        _ = try takeCounters()
        let lostBefore = losses.total
        ledger.beginLook()
        scanner.beginLook()
        let watched = ledger.watched()
        var first = [Int32: ProcessScan](minimumCapacity: watched.count)
        for (index, pid) in watched.enumerated() {
            first[pid] = scanner.scan(pid)
            // Thousands of them take a while, in which our buffer must not overflow.
            if index % 256 == 255 { _ = try read() }
        }
        let looked = Clock.wall()
        behind = try !catchUp() || behind
        pipeline.settleOrder()
        var second: [Int32: ProcessScan] = [:]
        for round in 0..<Self.rounds {
            second = [:]
            for pid in ledger.doubtful(first) {
                second[pid] = scanner.scan(pid, afresh: true)
                if !ledger.recentGaps.programs.isEmpty {
                    second[pid]?.exe = ledger.names.intern(scanner.executable(pid))
                }
            }
            if second.isEmpty { break }
            if round > 0 { Self.sleep(milliseconds: 4) }
            behind = try !catchUp() || behind
            pipeline.settleOrder()
            // Who is in the middle of a call may be about to write the record that explains it.
            if !second.values.contains(where: \.isBusy) { break }
        }
        var head = try head(at: moment, final: final)
        let tables = SocketTables()
        let look = LookSettings(
            lossy: losses.total > adoptedAtLoss, closesUnseen: host.isNarrowed,
            callsUnseen: settings.mode == .proc,
            info: { tables.info(pid: $0, fd: $1, inode: $2) })
        // Also what ended before this table: who began meanwhile has left no record.
        let unaudited = ledger.recentGaps
        let settlement = ledger.settle(first: first, second: second, at: looked, look: look)
        if settings.mode == .proc || !unaudited.programs.isEmpty || unaudited.nothing {
            adoptRunning(look, unaudited)
        }
        if losses.total > adoptedAtLoss {
            adoptedAtLoss = lostBefore
            adoptRunning(look)
        }
        let now = Clock.wall()
        var rows = ledger.takeRows(
            now: now, open: settings.openSockets(at: now) { tables.endpoint(pid: $0, fd: $1, inode: $2) })
        for index in rows.indices where rows[index].state != .exited {
            guard let scan = second[rows[index].pid] ?? first[rows[index].pid] else { continue }
            rows[index].descriptors = scan.descriptors
            rows[index].descriptorLimit =
                scan.descriptorLimit ?? (settings.leaks ? ProcScanner.descriptorLimit(rows[index].pid) : nil)
                ?? 0
        }
        head.reasons += reasons(settlement, rows, behind: behind)
        // A reader that hangs must not keep the rules in: they go before the last table does.
        if final {
            if settings.source == .unicast { source.end() }
            for failure in keeper.remove() { messages.error(failure.description) }
        }
        lastTable = moment
        let snapshot = printer.snapshot(consume rows, head: head)
        let outcome = try printer.print(snapshot, in: &keeper)
        if final && outcome == .waiting { try printer.finish(stop: signals.descriptor) }
        return outcome
    }

    /// Books processes that hold sockets and of which no record has come: those of before our
    /// start, and, after a loss, those whose every record is among the lost ones.
    func adoptRunning(_ look: LookSettings, _ unaudited: AuditGaps = AuditGaps()) {
        for process in scanner.running() where process.pid != getpid() && process.pid != keeper.process {
            guard settings.scope.contains(comm: process.comm, exe: process.exe, script: process.script),
                let probe = scanner.probe(process.pid)
            else { continue }
            let who = ProcScanner.identity(process.pid)
            let event = AuditEvent(
                serial: 0, stamp: Clock.wall(), pid: process.pid, uid: who.uid, auid: who.auid,
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
    /// has had it back since.
    /// - Returns: false when time ran out first.
    private mutating func catchUp() throws(AuditError) -> Bool {
        let asked = Clock.wall()
        let limit = Clock.steady() + Self.patience
        while true {
            while try read() > 0 { if pipeline.newestStamp > asked + Self.writingTime { return true } }
            if Clock.steady() > limit { return false }
            if try keeper.status().backlog == 0 {
                // One record may be between the queue and our socket.
                Self.sleep(milliseconds: 2)
                if try read() == 0 { return true }
            } else {
                Self.sleep(milliseconds: 1)
            }
        }
    }

    /// How often doubtful processes that are in the middle of something are looked at again.
    private static let rounds = 5

    /// How long a call's record may be on its way when others overtake it, in milliseconds.
    private static let writingTime: Int64 = 100

    private static func sleep(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }

    /// What was lost up to now.
    private mutating func takeCounters() throws(AuditError) -> KernelStatus {
        let now = Clock.wall()
        let status = try keeper.status()
        losses.sawKernelLost(status.lost, at: now)
        losses.sawOverruns(source.overruns, dropped: source.dropped, at: now)
        return status
    }

    private mutating func head(at moment: Int64, final: Bool) throws(AuditError) -> SnapshotHead {
        let now = Clock.wall()
        let status = try takeCounters()
        host.update(status, try keeper.inspect(), pipeline.takeChanges(), at: now)
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
        head.scopeNote = host.scopeNote
        head.source = settings.source == .unicast ? "unicast" : "multicast"
        head.mode = guardLog.mode.rawValue
        head.eventsSeen = pipeline.counters.events
        head.eventsUsed = ledger.used
        head.eventsLost = losses.total
        return head
    }

    private func reasons(_ settlement: Settlement, _ rows: [Row], behind: Bool) -> [Reason] {
        let offset = settings.utc ? 0 : Clock.utcOffset(at: Clock.wall())
        let clock = { (time: Int64) in TimeText.timeOfDay(time, offset: offset) }
        var reasons = losses.reasons(clock: clock)
        if pipeline.gaps.missing > 0 {
            let count = pipeline.gaps.missing
            reasons.append(
                Reason(
                    .missingSerials, count: count,
                    "\(count) events never arrived: their serials are missing from the stream"))
        }
        let malformed = pipeline.counters.malformed
        if malformed > 0 {
            reasons.append(
                Reason(.malformed, count: malformed, "\(malformed) records could not be understood"))
        }
        switch settings.mode {
        case .light:
            reasons.append(
                Reason(
                    .lightMode, count: 1,
                    "light mode audits no closes: Released is all that is gone, closed or not"))
        case .proc:
            reasons.append(
                Reason(
                    .procMode, count: 1,
                    "proc mode has no rules in: sockets that come and go between two tables are not seen, and all figures but StillOPEN are lower bounds"
                ))
        case .standard, .full: break
        }
        reasons += guardLog.reasons(clock: clock)
        reasons += host.reasons(scanner: scanner, ledger: ledger, clock: clock)
        if let growth = AcceptedGrowth.note(rows) { reasons.append(growth) }
        if let near = NearLimit.note(rows) { reasons.append(near) }
        let drift = rows.reduce(0) { $0 + $1.drift }
        if drift > 0 {
            reasons.append(
                Reason(
                    .procDrift, count: drift,
                    "/proc put \(drift) sockets right that no record explains; see Drift"))
        }
        if behind {
            reasons.append(
                Reason(
                    .behind, count: 1,
                    "records come faster than they can be read; what was queued first is in"))
        }
        let rings = ledger.ringUsers
        if rings > 0 {
            reasons.append(
                Reason(
                    .ioUring, count: rings,
                    "\(rings) processes use or used io_uring, whose sockets leave no audit record"))
        }
        let unsure = ledger.unsure
        if unsure.sockets > 0 {
            reasons.append(
                Reason(
                    .threadOrder, count: unsure.sockets,
                    "threads of \(unsure.processes) processes used numbers twice within one clock tick: up to \(unsure.sockets) of their closes may be releases"
                ))
        }
        if settlement.waiting > 0 {
            reasons.append(
                Reason(
                    .behind, count: settlement.waiting,
                    "\(settlement.waiting) sockets are gone whose process is in the middle of a call: the records may still come"
                ))
        }
        if settlement.unreadable > 0 {
            let count = settlement.unreadable
            reasons.append(
                Reason(
                    .unreadable, count: count,
                    "the descriptors of \(count) processes cannot be read in /proc (hidepid?)"))
        }
        return reasons
    }
}
