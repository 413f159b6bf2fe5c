import AuditStream
import SockAuditCore

/// Everything that `watch` was asked for.
public struct WatchSettings: Sendable {
    public enum Source: String, CaseIterable, Sendable { case auto, multicast, unicast }
    public enum Format: String, CaseIterable, Sendable { case text, json, csv, html, prometheus }
    /// auto: the lane, and libauparse for what is odd; auparse: libauparse for everything.
    public enum Decoder: String, CaseIterable, Sendable { case auto, auparse }
    public enum Grouping: String, CaseIterable, Sendable { case process, name, exe, auid, node, unit }

    public var scope = Scope.all
    public var interval = 7.0
    public var count: Int?
    public var duration: Double?
    /// Seconds after which a run ends that nobody watches and that nobody gave an end: rules that were
    /// forgotten would cost the host for ever. Nil where someone did.
    public var lifetime: Double?
    public static let defaultLifetime = 86_400.0
    public var report: String?
    /// What a report says it was written by.
    public var version = ""
    public var format = Format.text
    public var style = TextTable.Style()
    public var order = RowOrder.open
    public var top: Int?
    public var grouping = Grouping.process
    public var families = SocketFamily.allCases
    public var mode = AuditMode.standard
    /// Nobody insists on the mode: the guard may go below it.
    public var modeIsAuto = true
    /// `--budget`, in events a second.
    public var budget: Int?
    public var source = Source.auto
    public var decoder = Decoder.auto
    public var failOpen: Int?
    /// Rows tell of the sockets that they have open, those that are at least so many seconds old.
    public var leaks = false
    public var olderThan = 0.0
    public var clears = true
    public var quiet = false
    public var utc = false
    public var force = false
    public var inputs: [String] = []
    /// Of an input, milliseconds since the epoch: the figures are those of what happened in between.
    public var from: Int64?
    public var to: Int64?
    /// Seconds of the records' own time from table to table; nil for one table over all.
    public var every: Double?
    /// Go on when the input's end is reached, as it grows.
    public var follow = false

    public init() {}
}

/// Exit codes of interface.md.
public enum ExitStatus {
    public static let done: Int32 = 0
    public static let noMatches: Int32 = 1
    public static let failed: Int32 = 2
    public static let cannotAudit: Int32 = 3
    public static let doubtful: Int32 = 4
    public static let limitReached: Int32 = 5
}
