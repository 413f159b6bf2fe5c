/// One row of the table: one process, or the folded ended ones of a name.
public struct Row: Equatable, Sendable {
    public var node: [UInt8] = []
    /// 0 on a folded row.
    public var pid: Int32 = 0
    /// Milliseconds since the epoch; 0 when unknown.
    public var start: Int64 = 0
    public var name: [UInt8] = []
    public var exe: [UInt8] = []
    /// Systemd unit or container, where `--group-by unit` asked for it.
    public var unit: [UInt8] = []
    public var uid: UInt32 = AuditEvent.unset
    public var auid: UInt32 = AuditEvent.unset
    public var session: UInt32 = AuditEvent.unset
    /// Running time in seconds.
    public var duration: Double = 0
    public var state: ProcessState = .unknown
    public var drift = 0
    /// By how many its open accepted sockets have grown since the last table; negative when they fell.
    public var acceptedGrowth = 0
    /// Descriptors of any kind that it holds, and how many it may hold; 0 when unknown.
    public var descriptors = 0
    public var descriptorLimit = 0
    /// How many processes a folded or grouped row stands for.
    public var processes = 1
    public var figures = Figures()
    /// How its sockets become more; nil where nobody follows it.
    public var growth: Growth?
    /// What it has open, where that was asked for (`--leaks`).
    public var openSockets: OpenSockets?

    public init() {}
}

/// What a table says beside its rows.
public struct SnapshotHead: Equatable, Sendable {
    public var host = ""
    public var kernel = ""
    /// Tables are counted from 1.
    public var sequence = 0
    /// The last table of the run.
    public var final = false
    /// Milliseconds since the epoch.
    public var time: Int64 = 0
    public var started: Int64 = 0
    /// Length of the interval behind SocketLAST and CloseLAST, in seconds.
    public var interval: Double = 0
    public var scope: [String] = ["all"]
    /// Where the scope was narrowed: "kernel" (by rules) or "here".
    public var scopeNote = ""
    /// What one row stands for (`--group-by`), and the sockets that are counted (`--family`).
    public var groupBy = "process"
    public var families = SocketFamily.allCases
    public var source = ""
    public var mode = ""
    public var reasons: [Reason] = []
    public var eventsSeen = 0
    public var eventsUsed = 0
    public var eventsLost = 0
    public var fromInput = false
    /// With `--leaks`, how old (seconds) the open sockets are at least that rows tell of.
    public var olderThan: Double?

    public init() {}
}

/// One finished table: immutable, and all that a renderer needs.
public struct Snapshot: Equatable, Sendable {
    public let head: SnapshotHead
    public let verdict: Verdict
    public let totals: Figures
    /// In the order to print; with `--top` only the first of them.
    public let rows: [Row]
    /// Rows that `--top` left out. The totals contain them.
    public let hidden: Int

    /// - Parameters:
    ///   - rows: all rows in scope, in the order to print. Totals are their sum.
    ///   - top: how many of them to show; nil for all.
    public init(head: SnapshotHead, rows: [Row], top: Int? = nil) {
        self.head = head
        self.rows = top.map { Array(rows.prefix($0)) } ?? rows
        hidden = rows.count - self.rows.count
        verdict = Verdict(reasons: head.reasons, fromInput: head.fromInput)
        totals = rows.reduce(into: Figures()) { $0 += $1.figures }
    }

    private init(head: SnapshotHead, verdict: Verdict, totals: Figures, rows: [Row], hidden: Int) {
        self.head = head
        self.verdict = verdict
        self.totals = totals
        self.rows = rows
        self.hidden = hidden
    }

    /// The same table with fewer rows; all else, the totals too, stays.
    func keeping(_ isShown: (Row) -> Bool) -> Snapshot {
        Snapshot(head: head, verdict: verdict, totals: totals, rows: rows.filter(isShown), hidden: hidden)
    }
}

/// The order of the rows.
public enum RowOrder: String, CaseIterable, Sendable {
    case open, socket, close, name, pid, age
}

extension Array where Element == Row {
    /// Sorts as `--sort` says; ties go by name, then pid, so that a table never flickers.
    public func sorted(by order: RowOrder) -> [Row] {
        var rows = self
        rows.sort(by: order)
        return rows
    }

    /// The same in place: rows are large.
    public mutating func sort(by order: RowOrder) {
        func ties(_ a: Row, _ b: Row) -> Bool {
            if a.name != b.name { return a.name.lexicographicallyPrecedes(b.name) }
            if a.node != b.node { return a.node.lexicographicallyPrecedes(b.node) }
            return (a.pid, a.start) < (b.pid, b.start)
        }
        func key(_ row: Row) -> Double {
            switch order {
            case .open: -Double(row.figures.stillOpen.total)
            case .socket: -Double(row.figures.socketTotal.total)
            case .close: -Double(row.figures.closeTotal.total)
            case .age: Double(row.start)
            case .pid: Double(row.pid)
            case .name: 0
            }
        }
        sort { a, b in
            let (x, y) = (key(a), key(b))
            return x == y ? ties(a, b) : x < y
        }
    }
}
