/// What a screen is told at its start.
public struct ScreenSettings: Sendable {
    /// Of the run; the screen shows it until there is a table.
    public var head = SnapshotHead()
    public var order = RowOrder.open
    public var wide = false
    public var families = SocketFamily.allCases
    public var top: Int?
    public var isGrouped = false
    /// The terminal reads UTF-8 (locale(7)).
    public var isUnicode = true
    /// Unset by NO_COLOR (no-color.org).
    public var hasColours = true
    /// Somebody can press keys.
    public var hasKeys = true

    public init() {}
}

/// A process whose sockets are asked for.
public struct ScreenProcess: Equatable, Sendable {
    public var node: [UInt8]
    public var pid: Int32
    /// Milliseconds since the epoch.
    public var start: Int64
}

/// The live screen: tables and keys in, frames out. No clock and no terminal: whoever has those drives it.
///
/// A table is one consistent snapshot: whatever is pressed, the figures stay those of the last one that came,
/// or, in a pause, of the one before it.
public struct Screen: Sendable {
    enum View: Equatable { case table, leaks, verdict, help }

    struct Table: Sendable {
        var snapshot: Snapshot
        /// In which its rows are.
        var order: RowOrder
        var utcOffset: Int
        var recent: RecentOpen
    }

    struct Leaks {
        var row: Row
        /// When it was asked (ms since the epoch); nil as long as there is no answer.
        var at: Int64?
        var open: OpenSockets?
    }

    /// What a key brings about.
    public enum Effect: Equatable, Sendable { case nothing, redraw, repaint, quit }

    let settings: ScreenSettings
    private let keyed: RunHistory
    public private(set) var order: RowOrder
    public private(set) var wide: Bool
    /// The table that is shown, and the last one that came: another one in a pause.
    private(set) var shown: Table?
    private(set) var latest: Table?
    public private(set) var isPaused = false
    private(set) var filter = ""
    private(set) var isTyping = false
    private(set) var view = View.table
    /// Lines that were scrolled past: rows of the table, lines of another view.
    var scroll = 0
    /// So many go by with a page; known from the last frame.
    var page = 10
    /// Rows that are to be seen, in order: all of the table but what the filter, `--top` and its own rules
    /// leave out.
    private(set) var rows: [Row] = []
    private(set) var nameWidth = 0
    /// The place in ``rows``, and whose it is once somebody has chosen it.
    private(set) var place = 0
    private var chosen: RunHistory.Key?
    private(set) var leaks: Leaks?
    private var isAsking = false
    /// What would stand on standard error. Shown until a key is pressed, or for two tables.
    public var message: String? { didSet { messageTables = 0 } }
    private var messageTables = 0
    /// The last table is being made.
    public var isEnding = false

    public init(_ settings: ScreenSettings) {
        self.settings = settings
        order = settings.order
        wide = settings.wide
        keyed = RunHistory(isGrouped: settings.isGrouped)
    }

    // MARK: what comes

    /// - Parameter snapshot: all rows, in ``order``; `--top` is the screen's own.
    public mutating func take(_ snapshot: Snapshot, utcOffset: Int) {
        var recent = latest?.recent ?? RecentOpen()
        recent.take(snapshot.rows, total: snapshot.totals.stillOpen.total, key: keyed.key)
        latest = Table(snapshot: snapshot, order: order, utcOffset: utcOffset, recent: recent)
        messageTables += 1
        if messageTables > 2 { message = nil }
        if !isPaused { showLatest() }
    }

    private mutating func showLatest() {
        shown = latest
        rebuild()
        guard view == .leaks, let row = leaks?.row else { return }
        let key = keyed.key(row)
        if let now = shown?.snapshot.rows.first(where: { keyed.key($0) == key }) { ask(now) }
    }

    /// The process whose open sockets are to be looked for now; nil where none is, or they are known.
    public var wanted: ScreenProcess? {
        guard isAsking, let row = leaks?.row, row.pid > 0 else { return nil }
        return ScreenProcess(node: row.node, pid: row.pid, start: row.start)
    }

    /// The answer to ``wanted``.
    /// - Parameter at: milliseconds since the epoch.
    public mutating func take(_ open: OpenSockets?, at: Int64) {
        isAsking = false
        leaks?.open = open ?? OpenSockets()
        leaks?.at = at
    }

    private mutating func ask(_ row: Row) {
        isAsking = row.openSockets == nil && row.pid > 0 && row.state != .exited
        // What is known stays until there is an answer.
        leaks =
            isAsking
            ? Leaks(row: row, at: leaks?.at, open: leaks?.open)
            : Leaks(row: row, at: shown?.snapshot.head.time, open: row.openSockets)
    }

    /// Which rows there are to see, and where the chosen one is among them.
    private mutating func rebuild() {
        guard let shown else { return }
        let all = shown.snapshot.rows
        // Rows without a socket() of their own have only zeros in the plain columns.
        var kept = wide ? all : all.filter { !$0.figures.socketTotal.isZero }
        if order != shown.order { kept.sort(by: order) }
        if let top = settings.top { kept = Array(kept.prefix(top)) }
        if !filter.isEmpty {
            let wanted = filter.lowercased()
            kept = kept.filter { Escaping.visible($0.name).lowercased().contains(wanted) }
        }
        rows = kept
        nameWidth = kept.prefix(Self.measured).map { Escaping.displayWidth(name($0)) }.max() ?? 0
        if let chosen, let found = kept.firstIndex(where: { keyed.key($0) == chosen }) {
            place = found
        } else {
            place = chosen == nil ? 0 : max(0, min(place, kept.count - 1))
        }
    }

    /// Names that are measured for the width of their column: those far below may be cut.
    private static let measured = 400

    func name(_ row: Row) -> String { plain(Escaping.visible(row.name)) }
    /// What the terminal can show of it.
    func plain(_ text: String) -> String { settings.isUnicode ? text : Escaping.ascii(text) }
    func recent(_ row: Row) -> [Int] { shown?.recent.of(keyed.key(row)) ?? [] }
    /// The row that keys are about.
    var selected: Row? { rows.indices.contains(place) ? rows[place] : nil }

    // MARK: keys

    public mutating func press(_ key: ScreenKey) -> Effect {
        if key == .repaint { return .repaint }
        if isTyping { return type(key) }
        message = nil
        if view != .table { return pressInPage(key) }
        switch key {
        case .character("q"): return .quit
        case .character(" "): pause()
        case .character("s"):
            let all = RowOrder.allCases
            order = all[((all.firstIndex(of: order) ?? 0) + 1) % all.count]
            rebuild()
        case .character("w"):
            wide.toggle()
            rebuild()
        case .character("/"): isTyping = true
        case .escape: setFilter("")
        case .character("l"), .enter:
            guard let row = selected else { return .nothing }
            leaks = nil
            ask(row)
            open(.leaks)
        case .character("v"): open(.verdict)
        case .character("h"), .character("?"): open(.help)
        default: return move(key)
        }
        return .redraw
    }

    private mutating func pause() {
        isPaused.toggle()
        if !isPaused { showLatest() }
    }

    private mutating func open(_ view: View) {
        self.view = view
        scroll = 0
    }

    private mutating func move(_ key: ScreenKey) -> Effect {
        let step: Int
        switch key {
        case .up, .character("k"): step = -1
        case .down, .character("j"): step = 1
        case .pageUp: step = -page
        case .pageDown: step = page
        case .home, .character("g"): step = -rows.count
        case .end, .character("G"): step = rows.count
        default: return .nothing
        }
        guard !rows.isEmpty else { return .nothing }
        place = max(0, min(place + step, rows.count - 1))
        // Who is at the top stays there, whoever comes there.
        chosen = place == 0 ? nil : keyed.key(rows[place])
        return .redraw
    }

    private mutating func pressInPage(_ key: ScreenKey) -> Effect {
        switch key {
        case .up, .character("k"): scroll -= 1
        case .down, .character("j"): scroll += 1
        case .pageUp: scroll -= page
        case .pageDown, .character(" "): scroll += page
        case .home, .character("g"): scroll = 0
        case .end, .character("G"): scroll = .max / 2
        case .character("q"), .escape, .enter, .character("l"), .character("v"), .character("h"),
            .character("?"):
            view = .table
            leaks = nil
            isAsking = false
            scroll = 0
        default: return .nothing
        }
        return .redraw
    }

    private mutating func type(_ key: ScreenKey) -> Effect {
        switch key {
        case .character(let scalar):
            if Escaping.isHidden(scalar) || filter.unicodeScalars.count >= 60 { return .nothing }
            filter.unicodeScalars.append(scalar)
            setFilter(filter)
        case .backspace:
            if filter.isEmpty { isTyping = false }
            setFilter(String(String.UnicodeScalarView(filter.unicodeScalars.dropLast())))
        case .clearLine: setFilter("")
        case .enter: isTyping = false
        case .escape:
            isTyping = false
            setFilter("")
        case .up, .down, .pageUp, .pageDown: return move(key)
        case .home, .end, .repaint: return .nothing
        }
        return .redraw
    }

    private mutating func setFilter(_ text: String) {
        filter = text
        rebuild()
    }
}
