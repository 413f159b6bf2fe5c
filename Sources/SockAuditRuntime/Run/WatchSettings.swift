import AuditStream
import SockAuditCore

/// Everything that `watch` was asked for.
public struct WatchSettings: Sendable {
    public enum Source: String, CaseIterable, Sendable { case auto, multicast, unicast }
    public enum Format: String, CaseIterable, Sendable { case text, json, csv, html, prometheus }
    public enum Grouping: String, CaseIterable, Sendable { case process, name, exe, auid }

    public var scope = Scope.all
    public var interval = 7.0
    public var count: Int?
    public var duration: Double?
    /// Seconds after which a run ends that nobody watches and that nobody gave an end: rules that were
    /// forgotten would cost the host for ever. Nil where someone did.
    public var lifetime: Double?
    public static let defaultLifetime = 86_400.0
    public var report: String?
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
    public var failOpen: Int?
    public var clears = true
    public var quiet = false
    public var utc = false
    public var force = false
    public var inputs: [String] = []

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
