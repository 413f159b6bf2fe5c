import AuditStream
import SockAuditCore

extension Monitor {
    /// What bears on a table's verdict, and what its reader should know.
    func reasons(_ settlement: Settlement, _ rows: [Row], behind: Bool) -> [Reason] {
        let offset = settings.utc ? 0 : Clock.utcOffset(at: Clock.wall())
        let clock = { (time: Int64) in TimeText.timeOfDay(time, offset: offset) }
        var reasons = losses.reasons(clock: clock)
        if pipeline.gaps.missing > 0 {
            let count = pipeline.gaps.missing
            reasons.append(
                Reason(
                    .missingSerials, count: count,
                    Counted.text(
                        count, "event never arrived: its serial is", "events never arrived: their serials are"
                    )
                        + " missing from the stream"))
        }
        let malformed = pipeline.counters.malformed
        if malformed > 0 {
            reasons.append(
                Reason(
                    .malformed, count: malformed,
                    Counted.text(malformed, "record", "records") + " could not be understood"))
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
        if let set = Self.clockSet(pipeline.shifts) { reasons.append(set) }
        if let growth = AcceptedGrowth.note(rows) { reasons.append(growth) }
        if let near = NearLimit.note(rows) { reasons.append(near) }
        if lostAtEnd > 0 {
            reasons.append(
                Reason(
                    .behind, count: lostAtEnd,
                    "the kernel lost \(Counted.text(lostAtEnd, "record", "records")) about when the audit daemon ended, which nobody took any more"
                ))
        }
        var drift = rows.reduce(0) { $0 + $1.drift }
        if source.hasEnded && drift > driftBefore {
            // Their records were on their way when the daemon ended: nobody lost them, and nobody has them.
            let late = drift - driftBefore
            drift = driftBefore
            reasons.append(
                Reason(
                    .behind, count: late,
                    "the audit daemon ended before the records of \(Counted.text(late, "socket", "sockets")) had come; /proc tells of them"
                ))
        }
        if drift > 0 {
            reasons.append(
                Reason(
                    .procDrift, count: drift,
                    "/proc put \(Counted.text(drift, "socket", "sockets")) right that no record explains; see Drift"
                ))
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
                    Counted.text(rings, "process uses", "processes use")
                        + " or used io_uring, whose sockets leave no audit record"))
        }
        let unsure = ledger.unsure
        if unsure.sockets > 0 {
            reasons.append(
                Reason(
                    .threadOrder, count: unsure.sockets,
                    "threads of \(Counted.text(unsure.processes, "process", "processes")) used numbers twice within one clock tick: up to \(unsure.sockets) of their closes may be releases"
                ))
        }
        if settlement.waiting > 0 {
            reasons.append(
                Reason(
                    .behind, count: settlement.waiting,
                    Counted.text(settlement.waiting, "socket is", "sockets are")
                        + " gone whose process is in the middle of a call: the records may still come"
                ))
        }
        if let unreadable = Self.unreadable(settlement) { reasons.append(unreadable) }
        return reasons
    }

    private static func clockSet(_ shifts: ClockShifts) -> Reason? {
        guard shifts.count > 0 else { return nil }
        let step = TimeText.seconds(Double((abs(shifts.lastStep) + 5) / 10) / 100)
        return Reason(
            .clockSet, count: shifts.count,
            "the clock was set \(Counted.times(shifts.count)) since the start, last \(shifts.lastStep < 0 ? "back" : "forward") by \(step) s: intervals and durations do not go by it"
        )
    }

    /// What /proc does not show of those that we know of; all of it, where it cannot be read at all.
    private static func unreadable(_ settlement: Settlement) -> Reason? {
        let count = settlement.unreadable
        if let trouble = ProcAccess.trouble() {
            return Reason(
                .unreadable, count: max(1, count),
                "/proc cannot be read: \(trouble); what \(Counted.text(count, "process holds", "processes hold")) is as the records tell it"
            )
        }
        guard count > 0 else { return nil }
        return Reason(
            .unreadable, count: count,
            "the descriptors of \(Counted.text(count, "process", "processes")) cannot be read in /proc (hidepid?)"
        )
    }
}
