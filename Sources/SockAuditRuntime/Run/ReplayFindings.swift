import AuditStream
import SockAuditCore

/// What the reading of inputs came to beside events: the part of a table's head that speaks of it.
struct ReplayFindings {
    var lines: LineSplitter.Counters
    var events: EventDecoder.Counters
    var failures: [AuditError] = []
    /// How often a log that grows had been written over, or rotated away, before all of it was read.
    var gaps = 0

    private var damaged: Int { lines.damaged + events.malformed }

    func head(_ settings: WatchSettings) -> SnapshotHead {
        var head = SnapshotHead()
        head.host = HostInfo.name()
        head.kernel = HostInfo.kernel()
        head.fromInput = true
        head.scope = settings.scope.labels
        head.groupBy = settings.grouping.rawValue
        head.families = settings.families
        head.source = "input"
        head.mode = ""
        head.eventsSeen = events.events
        head.reasons = reasons
        return head
    }

    private var reasons: [Reason] {
        var reasons: [Reason] = []
        func add(_ code: Reason.Code, _ count: Int, _ text: String) {
            if count > 0 { reasons.append(Reason(code, count: count, text)) }
        }
        add(.malformed, damaged, damagedRecords)
        add(
            .kernelLost, events.torn,
            Counted.text(events.torn, "call lacks", "calls lack")
                + " a record that the kernel writes with each: it lost records when this log was written, and the totals are lower bounds"
        )
        add(
            .kernelLost, lines.lost,
            "the kernel's log says that \(Counted.text(lines.lost, "record was", "records were")) lost or left out of it, and the totals are lower bounds"
        )
        add(
            .inputDamaged, gaps,
            "\(Counted.times(gaps)) a log was rotated away or emptied before all of it was read, and the totals are lower bounds"
        )
        let others = lines.foreign + lines.unstamped
        add(.skippedLines, others, Self.noRecords(others))
        for failure in failures {
            add(failure.code == .inputDamaged ? .inputDamaged : .unreadable, 1, failure.description)
        }
        add(
            .archUnseen, events.foreign,
            Counted.text(events.foreign, "event is", "events are")
                + " of an architecture that this libaudit does not know")
        return reasons
    }

    /// The same for standard error, where the table may be JSON.
    func report(_ messages: Messages) {
        if lines.foreign > 0 {
            messages.note(Self.noRecords(lines.foreign) + ".")
        }
        if lines.unstamped > 0 {
            messages.note(
                "\(Counted.text(lines.unstamped, "line has a record without stamp and serial and was", "lines have records without stamp and serial and were")) left out; `journalctl -o export` keeps both."
            )
        }
        if damaged > 0 { messages.note(damagedRecords + ".") }
    }

    private var damagedRecords: String {
        Counted.text(
            damaged, "record is cut or damaged and was left out",
            "records are cut or damaged and were left out")
    }

    private static func noRecords(_ count: Int) -> String {
        Counted.text(
            count, "line is no audit record and was left out", "lines are no audit records and were left out")
    }
}
