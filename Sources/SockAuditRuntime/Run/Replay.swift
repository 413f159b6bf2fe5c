import AuditStream
import Glibc
import SockAuditCore

/// The table from old records: no rules, no root, no /proc.
public enum Replay {
    private static let block = 262_144

    /// - Returns: the exit code.
    public static func run(_ settings: WatchSettings) throws(AuditError) -> Int32 {
        let messages = Messages(quiet: settings.quiet)
        let files = try InputSet.expand(settings.inputs)
        try checkReadable(files)
        let signals = try Signals()
        var printer = try TablePrinter(settings: settings)
        let ledger = SocketLedger(settings: .init(live: false), scope: settings.scope)
        let pipeline = try EventPipeline(
            ledger: ledger, ownPid: 0, wantsScripts: !settings.scope.isAll, live: false)
        var splitter = LineSplitter()
        var failures: [AuditError] = []
        var stopped = false
        for path in files where !stopped {
            do {
                stopped = try read(path, into: pipeline, &splitter, signals)
            } catch {
                failures.append(error)
                messages.error(error.description)
            }
        }
        pipeline.settleOrder()
        let head = head(settings, pipeline, splitter.counters, failures, ledger)
        let rows = ledger.takeRows(now: nil)
        report(splitter.counters, pipeline.counters, messages)
        guard !rows.isEmpty else {
            messages.error("<no matches>")
            return failures.isEmpty ? ExitStatus.noMatches : ExitStatus.failed
        }
        let table = printer.snapshot(rows, head: head)
        _ = try printer.print(table)
        try printer.finish(stop: signals.descriptor)
        if !failures.isEmpty { return ExitStatus.failed }
        if printer.sawLimit { return ExitStatus.limitReached }
        return printer.sawDoubt ? ExitStatus.doubtful : ExitStatus.done
    }

    /// Says at once that a named file is not there, before hours are spent on the others.
    private static func checkReadable(_ files: [String]) throws(AuditError) {
        for path in files where path != "-" && access(path, R_OK) != 0 {
            throw AuditError(
                .inputFailed, errno: errno,
                "The input \(path) cannot be read; check the path and its permissions.")
        }
    }

    /// - Returns: true when a signal asked us to stop.
    private static func read(
        _ path: String, into pipeline: EventPipeline, _ splitter: inout LineSplitter,
        _ signals: borrowing Signals
    ) throws(AuditError) -> Bool {
        let file = try InputFile(path: path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: block, alignment: 16)
        defer { buffer.deallocate() }
        var stopped = false
        while true {
            if try file.waitReadable(or: signals.descriptor) == false {
                stopped = true
                break
            }
            let count = try file.read(into: buffer)
            if count == 0 { break }
            let bytes = UnsafeBufferPointer(
                start: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), count: count)
            splitter.push(bytes) { pipeline.push(line: $0) }
        }
        splitter.finish { pipeline.push(line: $0) }
        pipeline.pump()
        if !stopped { try file.finish() }
        return stopped
    }

    private static func head(
        _ settings: WatchSettings, _ pipeline: EventPipeline, _ lines: LineSplitter.Counters,
        _ failures: [AuditError], _ ledger: SocketLedger
    ) -> SnapshotHead {
        var head = SnapshotHead()
        head.host = HostInfo.name()
        head.kernel = HostInfo.kernel()
        head.final = true
        head.fromInput = true
        head.started = pipeline.firstStamp ?? 0
        head.time = pipeline.firstStamp == nil ? 0 : pipeline.newestStamp
        head.interval = Double(head.time - head.started) / 1_000
        head.scope = settings.scope.labels
        head.source = "input"
        head.mode = ""
        head.eventsSeen = pipeline.counters.events
        head.eventsUsed = ledger.used
        let damaged = lines.damaged + pipeline.counters.malformed
        if damaged > 0 {
            head.reasons.append(
                Reason(.malformed, count: damaged, "\(damaged) records are cut or damaged and were left out"))
        }
        let torn = pipeline.counters.torn
        if torn > 0 {
            head.reasons.append(
                Reason(
                    .kernelLost, count: torn,
                    "\(torn) calls lack a record that the kernel writes with each: it lost records when this log was written, and the totals are lower bounds"
                ))
        }
        if lines.lost > 0 {
            head.reasons.append(
                Reason(
                    .kernelLost, count: lines.lost,
                    "the kernel's log says that \(lines.lost) records were lost or left out of it, and the totals are lower bounds"
                ))
        }
        if lines.foreign + lines.unstamped > 0 {
            let count = lines.foreign + lines.unstamped
            head.reasons.append(
                Reason(.skippedLines, count: count, "\(count) lines are no audit records and were left out"))
        }
        for failure in failures {
            let code = failure.code == .inputDamaged ? Reason.Code.inputDamaged : .unreadable
            head.reasons.append(Reason(code, count: 1, failure.description))
        }
        if pipeline.counters.foreign > 0 {
            let count = pipeline.counters.foreign
            head.reasons.append(
                Reason(
                    .archUnseen, count: count,
                    "\(count) events are of an architecture that this libaudit does not know"))
        }
        return head
    }

    private static func report(
        _ lines: LineSplitter.Counters, _ events: EventDecoder.Counters, _ messages: Messages
    ) {
        if lines.foreign > 0 {
            messages.note("\(lines.foreign) lines are no audit records and were left out.")
        }
        if lines.unstamped > 0 {
            messages.note(
                "\(lines.unstamped) lines have records without stamp and serial and were left out; `journalctl -o export` keeps both."
            )
        }
        let damaged = lines.damaged + events.malformed
        if damaged > 0 { messages.note("\(damaged) records are cut or damaged and were left out.") }
    }
}
