import AuditStream
import SockAuditCore

/// Turns rows into the table that was asked for and sends it on its way; remembers the worst.
public struct TablePrinter: ~Copyable {
    private let settings: WatchSettings
    private var sink: OutputSink
    /// The file of `--report`; the sink is not used then.
    private var report: ReportSink?
    /// What tables say of those that are missing from it.
    private var gap: Reason?
    /// The rules of the run, for the head of a report.
    public var rules: [String]?
    private var sequence = 0
    /// Some table was LOSSY or PARTIAL.
    public private(set) var sawDoubt = false
    /// `--fail-open` was reached.
    public private(set) var sawLimit = false
    /// Some table had rows.
    public private(set) var sawRows = false

    public init(settings: WatchSettings) throws(AuditError) {
        self.settings = settings
        sink = OutputSink(redraws: settings.clears && settings.format == .text && settings.report == nil)
        if let path = settings.report {
            report = try ReportSink(
                path: path, form: settings.format == .json ? .json : .comments,
                messages: Messages(quiet: settings.quiet))
        }
    }

    public var tables: Int { sequence }
    /// The reader has not taken the last table yet: the next one would only pile up.
    public var isWaiting: Bool { sink.isWaiting }
    /// For poll: room when ``isWaiting``; a reader that went away shows as an error.
    public var polled: Int32 { settings.report == nil ? sink.polled : -1 }
    public mutating func send() throws(AuditError) -> OutputSink.Outcome { try sink.send() }
    /// Waits for the reader to take all; a second signal on `stop` ends that.
    public mutating func finish(stop: Int32) throws(AuditError) { try sink.finish(stop: stop) }

    public mutating func reopen(_ open: (String) throws(AuditError) -> Int32) throws(AuditError) {
        try report?.reopen(open)
    }

    /// - Parameter rows: everything in scope, ungrouped and in no order.
    public func snapshot(_ rows: [Row], head: SnapshotHead) -> Snapshot {
        var head = head
        head.sequence = sequence + 1
        if let gap { head.reasons.append(gap) }
        let shown = RowShaping.shape(rows, families: settings.families, grouping: grouping).sorted(
            by: settings.order)
        return Snapshot(head: head, rows: shown, top: settings.top)
    }

    private var grouping: RowShaping.Grouping {
        switch settings.grouping {
        case .process: .process
        case .name: .name
        case .exe: .exe
        case .auid: .auid
        case .node: .node
        case .unit: .unit
        }
    }

    public mutating func print(_ snapshot: Snapshot) throws(AuditError) -> OutputSink.Outcome {
        sequence += 1
        if snapshot.verdict == .lossy || snapshot.verdict == .partial { sawDoubt = true }
        if !snapshot.rows.isEmpty || snapshot.hidden > 0 { sawRows = true }
        if let limit = settings.failOpen, snapshot.totals.stillOpen.total >= limit { sawLimit = true }
        let text: String
        switch settings.format {
        case .json: text = JSONLines.render(snapshot)
        case .text:
            var style = settings.style
            style.families = settings.families
            style.utcOffset = settings.utc ? 0 : Clock.utcOffset(at: snapshot.head.time)
            let table = TextTable.render(snapshot, style: style)
            text = sink.redraws || sequence == 1 ? table : "\n" + table
        }
        guard settings.report == nil else {
            let head = reportHead(snapshot.head)
            try report?.write(text, of: snapshot, head: head)
            gap = report?.gap
            return .written
        }
        return try sink.write(text, whole: snapshot.head.final)
    }

    private func reportHead(_ table: SnapshotHead) -> ReportHead {
        var head = ReportHead()
        head.host = table.host
        head.kernel = table.kernel
        head.boot = table.fromInput ? "" : HostInfo.boot()
        head.version = settings.version
        head.scope = table.scope
        head.source = table.source
        head.mode = table.mode
        head.started = table.started
        head.rules = rules
        return head
    }
}
