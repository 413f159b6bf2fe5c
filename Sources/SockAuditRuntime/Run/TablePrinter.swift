import AuditStream
import SockAuditCore

/// Turns rows into the table that was asked for and sends it on its way; remembers the worst.
public struct TablePrinter: ~Copyable {
    private let settings: WatchSettings
    private var sink: OutputSink
    private var sequence = 0
    /// Some table was LOSSY or PARTIAL.
    public private(set) var sawDoubt = false
    /// `--fail-open` was reached.
    public private(set) var sawLimit = false
    /// Some table had rows.
    public private(set) var sawRows = false

    public init(settings: WatchSettings) throws(AuditError) {
        self.settings = settings
        sink = try OutputSink(path: settings.report, redraws: settings.clears && settings.format == .text)
    }

    public var tables: Int { sequence }
    /// The reader has not taken the last table yet: the next one would only pile up.
    public var isWaiting: Bool { sink.isWaiting }
    /// For poll: room when ``isWaiting``; a reader that went away shows as an error.
    public var polled: Int32 { sink.polled }
    public mutating func send() throws(AuditError) -> OutputSink.Outcome { try sink.send() }
    /// Waits for the reader to take all; a second signal on `stop` ends that.
    public mutating func finish(stop: Int32) throws(AuditError) { try sink.finish(stop: stop) }

    public mutating func reopen(_ open: (String) throws(AuditError) -> Int32) throws(AuditError) {
        try sink.reopen(open)
    }

    /// - Parameter rows: everything in scope, ungrouped and in no order.
    public func snapshot(_ rows: consuming [Row], head: SnapshotHead) -> Snapshot {
        var head = head
        head.sequence = sequence + 1
        var shown = RowShaping.shape(consume rows, families: settings.families, grouping: grouping)
        shown.sort(by: settings.order)
        return Snapshot(head: head, rows: shown, top: settings.top)
    }

    private var grouping: RowShaping.Grouping {
        switch settings.grouping {
        case .process: .process
        case .name: .name
        case .exe: .exe
        case .auid: .auid
        case .node: .node
        }
    }

    public mutating func print(_ snapshot: Snapshot) throws(AuditError) -> OutputSink.Outcome {
        sequence += 1
        if snapshot.verdict == .lossy || snapshot.verdict == .partial { sawDoubt = true }
        if !snapshot.rows.isEmpty || snapshot.hidden > 0 { sawRows = true }
        if let limit = settings.failOpen, snapshot.totals.stillOpen.total >= limit { sawLimit = true }
        return try sink.write(render(snapshot), whole: snapshot.head.final)
    }

    private func render(_ snapshot: Snapshot) -> TablePieces {
        switch settings.format {
        case .json: return JSONLines.pieces(snapshot)
        case .text:
            var style = settings.style
            style.families = settings.families
            style.utcOffset = settings.utc ? 0 : Clock.utcOffset(at: snapshot.head.time)
            let table = TextTable.pieces(snapshot, style: style)
            return sink.redraws || sequence == 1 ? table : table.prefixed("\n")
        }
    }
}
