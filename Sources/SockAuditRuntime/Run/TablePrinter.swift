import AuditStream
import Glibc
import SockAuditCore

/// Turns rows into the table that was asked for and sends it on its way; remembers the worst.
public struct TablePrinter: ~Copyable {
    var settings: WatchSettings
    var sink: OutputSink
    /// Tables go there, and only the last one to the sink.
    var screen: LiveScreen?
    /// Its terminal until it begins: descriptors are opened first of all.
    var terminal: RawTerminal?
    /// Tables that went to the sink.
    private var printed = 0
    /// The file of `--report`; the sink is not used then.
    private var report: ReportSink?
    /// What tables say of those that are missing from it.
    private var gap: Reason?
    /// The rules of the run, for the head of a report.
    public var rules: [String]?
    private var sequence = 0
    /// What the formats that show a whole run need of the tables so far.
    private var rows: [Row] = []
    private var history: RunHistory
    private var sums = MetricSums()
    private var growth: GrowthHistory
    private var end = ReportEnd()
    /// The last attempt to replace the report failed, and that was said.
    private var isTroubled = false
    /// Some table was LOSSY or PARTIAL.
    public private(set) var sawDoubt = false
    /// `--fail-open` was reached.
    public private(set) var sawLimit = false
    /// Some table had rows.
    public private(set) var sawRows = false

    public init(settings: WatchSettings) throws(AuditError) {
        self.settings = settings
        history = RunHistory(isGrouped: settings.grouping != .process)
        growth = GrowthHistory(isGrouped: settings.grouping != .process)
        sink = OutputSink()
        Messages.neverWait()
        terminal = LiveScreen.isWanted(settings) && sink.canDraw ? RawTerminal() : nil
        guard let path = settings.report else { return }
        if settings.format.isWhole {
            var file = WholeFile(path: path, readers: settings.format.readers)
            try file.check()
            return
        }
        report = try ReportSink(
            path: path, form: settings.format.frame, messages: Messages(quiet: settings.quiet))
    }

    /// What a report says of the run in its head has changed: it gets another one.
    mutating func beginPart() { report?.beginPart() }

    /// The run goes on by other settings.
    /// - Parameter opened: the report that they name, where tables are appended to it.
    mutating func change(to new: WatchSettings, opened: Int32?) throws(AuditError) {
        if new.report == settings.report && new.format == settings.format {
            if let opened { try report?.reopen { _ in opened } }
            settings = new
            return
        }
        if let opened, new.report == settings.report, report != nil {
            try report?.reopen { _ in opened }
            report?.change(to: new.format.frame)
        } else if let opened, let path = new.report {
            let fresh = try ReportSink(
                path: path, form: new.format.frame, messages: Messages(quiet: new.quiet), opened: opened,
                isContinued: true)
            report?.leave()
            report = consume fresh
        } else {
            report?.leave()
            report = nil
        }
        gap = report?.gap
        if new.format != settings.format { history = RunHistory(isGrouped: new.grouping != .process) }
        if new.grouping != settings.grouping { growth = GrowthHistory(isGrouped: new.grouping != .process) }
        settings = new
    }

    /// The report is another file at each table.
    var replacesReport: Bool { settings.format.isWhole && settings.report != nil }

    public var tables: Int { sequence }
    /// The reader has not taken the last table yet: the next one would only pile up. A screen shows the newest.
    public var isWaiting: Bool { !hasScreen && sink.isWaiting }
    /// Poll is to tell of room.
    var wantsRoom: Bool { sink.wantsRoom }
    /// For poll: room when ``wantsRoom``; a reader that went away shows as an error.
    public var polled: Int32 { settings.report == nil ? sink.polled : -1 }
    public mutating func send() throws(AuditError) -> OutputSink.Outcome { try sink.send() }
    /// Waits for the reader to take all; a second signal on `stop` ends that.
    public mutating func finish(stop: Int32) throws(AuditError) { try sink.finish(stop: stop) }

    public mutating func reopen(_ open: (String) throws(AuditError) -> Int32) throws(AuditError) {
        try report?.reopen(open)
    }

    /// - Parameter rows: everything in scope, ungrouped and in no order.
    public mutating func snapshot(_ rows: consuming [Row], head: SnapshotHead) -> Snapshot {
        var head = head
        head.sequence = sequence + 1
        if let gap { head.reasons.append(gap) }
        if settings.format.isWhole { self.rows = copy rows }
        var shown = RowShaping.shape(consume rows, families: settings.families, grouping: grouping)
        if head.final { leaveScreen() }
        shown.sort(by: screen?.screen.order ?? settings.order)
        growth.take(&shown, head)
        if settings.leaks {
            head.olderThan = settings.olderThan
            for index in shown.indices where shown[index].openSockets == nil {
                shown[index].openSockets = OpenSockets()
            }
        }
        return Snapshot(head: head, rows: shown, top: hasScreen ? nil : settings.top)
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
        var file = WholeFile(path: settings.report ?? "", readers: settings.format.readers)
        return try print(snapshot, in: &file)
    }

    /// - Parameter folder: who makes the file where the report is replaced at each table.
    mutating func print<Folder: ReportFolder & ~Copyable>(
        _ snapshot: Snapshot, in folder: inout Folder
    ) throws(AuditError) -> OutputSink.Outcome {
        sequence += 1
        if snapshot.verdict == .lossy || snapshot.verdict == .partial { sawDoubt = true }
        if !snapshot.rows.isEmpty || snapshot.hidden > 0 { sawRows = true }
        if let limit = settings.failOpen, snapshot.totals.stillOpen.total >= limit { sawLimit = true }
        remember(snapshot)
        let isLast = snapshot.head.final
        if hasScreen {
            show(snapshot)
            return .written
        }
        // On standard output a whole run is one page, at its end.
        if settings.format.isWhole && settings.report == nil && !isLast {
            end.take(snapshot, isWritten: true)
            return .written
        }
        var written = end
        written.take(snapshot, isWritten: true)
        let text = render(snapshot, written)
        guard let path = settings.report else { return try sink.write(text) }
        guard settings.format.isWhole else {
            let head = reportHead(snapshot.head)
            try report?.write(text.joined(), of: snapshot, head: head)
            gap = report?.gap
            return .written
        }
        do {
            let fd = try folder.fresh()
            defer { close(fd) }
            try WholeFile.fill(fd, text.joined(), path: path)
            try folder.publish()
            end = written
            if isTroubled {
                Messages(quiet: settings.quiet).error(
                    "The report \(Escaping.visible(path)) is replaced again.")
            }
            isTroubled = false
        } catch {
            end.take(snapshot, isWritten: false)
            // The next table tries again, and holds all that this one would have.
            if isLast { throw error }
            if !isTroubled { Messages(quiet: settings.quiet).error(error.description) }
            isTroubled = true
            gap = Reason(
                .reportGap, count: end.missing,
                "\(Counted.text(end.missing, "earlier table", "earlier tables")) could not be written to the report: \(SystemText.error(error.errno))"
            )
        }
        return .written
    }

    private mutating func remember(_ snapshot: Snapshot) {
        switch settings.format {
        case .html:
            let all = RowShaping.shape(rows, families: settings.families, grouping: grouping)
            history.take(all, at: snapshot.head.time)
        case .prometheus: sums.take(rows)
        case .text, .json, .csv: break
        }
        rows = []
    }

    private mutating func render(_ snapshot: Snapshot, _ end: ReportEnd) -> TablePieces {
        let offset = settings.utc ? 0 : Clock.utcOffset(at: snapshot.head.time)
        switch settings.format {
        case .json: return JSONLines.pieces(snapshot)
        case .csv:
            // At the beginning of a file, which may be one that an earlier run began.
            let needsHeader: Bool
            if let holdsText = report?.holdsText {
                needsHeader = !holdsText
            } else {
                needsHeader = sequence == 1
            }
            return TablePieces((needsHeader ? CSVTable.header : "") + CSVTable.render(snapshot))
        case .html:
            var style = HTMLReport.Style()
            style.families = settings.families
            style.wide = settings.style.wide
            style.utcOffset = offset
            return TablePieces(
                HTMLReport.render(
                    snapshot, history, head: reportHead(snapshot.head), end: end, style: style))
        case .prometheus:
            return TablePieces(
                PrometheusText.report(
                    sums, snapshot, head: reportHead(snapshot.head), end: end, families: settings.families))
        case .text:
            var style = settings.style
            style.families = settings.families
            style.utcOffset = offset
            let table = TextTable.pieces(snapshot, style: style)
            printed += 1
            return printed == 1 ? table : table.prefixed("\n")
        }
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
