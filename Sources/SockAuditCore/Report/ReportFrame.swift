/// What a report file says of a run before its first table.
public struct ReportHead: Equatable, Sendable {
    public var host = ""
    public var kernel = ""
    /// Of the boot in which the run was made; empty for a log, which may be of any.
    public var boot = ""
    public var version = ""
    public var scope = ["all"]
    public var source = ""
    public var mode = ""
    /// Milliseconds since the epoch.
    public var started: Int64 = 0
    /// The rules of the run in auditctl's words; nil where none were put in, as for a log.
    public var rules: [String]?
    /// The run began in a file that was moved away.
    public var isContinued = false

    public init() {}

    /// What anyone gets who hashes the rules, each with a newline behind it.
    public var rulesHash: String? { rules.map { SHA256.hex($0.map { $0 + "\n" }.joined()) } }
}

/// What it says after the last one.
public struct ReportEnd: Equatable, Sendable {
    public private(set) var from: Int64 = 0
    public private(set) var to: Int64 = 0
    public private(set) var tables = 0
    /// Tables that could not be written.
    public var missing = 0
    public private(set) var seen = 0
    public private(set) var used = 0
    public private(set) var lost = 0
    /// The worst of its tables, written or not; nil when there was none.
    public private(set) var verdict: Verdict?
    /// The run goes on in another file.
    public var continues = false

    public init() {}

    public mutating func take(_ snapshot: Snapshot, isWritten: Bool) {
        let head = snapshot.head
        if from == 0 { from = head.started }
        to = head.time
        (seen, used, lost) = (head.eventsSeen, head.eventsUsed, head.eventsLost)
        if isWritten { tables += 1 } else { missing += 1 }
        verdict =
            verdict.map { $0.isWorse(than: snapshot.verdict) ? $0 : snapshot.verdict } ?? snapshot.verdict
    }
}

extension Verdict {
    /// How little it promises.
    private var doubt: Int {
        switch self {
        case .complete: 0
        case .unverified: 1
        case .partial: 2
        case .lossy: 3
        }
    }

    public func isWorse(than other: Verdict) -> Bool { doubt > other.doubt }
}

/// The lines around the tables of one run in a report file.
///
/// Readers of tables pass over them: in JSON Lines they have a schema of their own, elsewhere they begin
/// with `# `. The first and the last are known by the whole line, so that no name in a table can be one:
/// in a row figures follow.
public enum ReportFrame {
    public enum Form: Sendable {
        /// Lines that begin with `# `: text, and comments of Prometheus' text format.
        case comments
        /// The same for what splits lines at commas.
        case csv
        case json
        /// A page: what it says of the run is part of it (``HTMLReport``); its first and last lines are ours.
        case html
    }

    public static let schema = "sockaudit.report/1"
    static let jsonStart = "{\"schema\":\"\(schema)\",\"part\":"
    static let commentHead = "# sockaudit report 1"
    /// The line by which a run begins.
    public static let jsonHead = jsonStart + "\"begin\"}"
    static let htmlHead = "<!DOCTYPE html><!-- sockaudit report 1 -->"
    static let commentSeal = (before: "# sha256 ", after: "")
    static let jsonSeal = (before: jsonStart + "\"seal\",\"sha256\":\"", after: "\"}")
    static let htmlSeal = (before: "<!-- sha256 ", after: " -->")

    public static func head(_ head: ReportHead, _ form: Form) -> String {
        switch form {
        case .json: jsonHead(head)
        case .comments: headComments(head).map { $0 + "\n" }.joined()
        case .csv: headComments(head).map { Escaping.csvComment($0) + "\n" }.joined()
        case .html: ""
        }
    }

    private static func jsonHead(_ head: ReportHead) -> String {
        var line = jsonHead + "\n" + jsonStart
        line += "\"head\",\"host\":\(Escaping.json(head.host)),\"kernel\":\(Escaping.json(head.kernel))"
        line += ",\"boot_id\":\(text(head.boot)),\"version\":\(Escaping.json(head.version))"
        line += ",\"scope\":\(list(head.scope)),\"source\":\(Escaping.json(head.source))"
        line += ",\"mode\":\(Escaping.json(head.mode)),\"started\":\"\(TimeText.iso(head.started))\""
        line += ",\"continued\":\(head.isContinued),\"rules\":\(head.rules.map(list) ?? "null")"
        return line + ",\"rules_sha256\":\(head.rulesHash.map { "\"\($0)\"" } ?? "null")}\n"
    }

    private static func headComments(_ head: ReportHead) -> [String] {
        var lines = [commentHead]
        if head.isContinued { lines.append("# continued: the run began in an earlier file") }
        lines += ["# host: \(Escaping.visible(head.host))", "# kernel: \(Escaping.visible(head.kernel))"]
        if !head.boot.isEmpty { lines.append("# boot id: \(Escaping.visible(head.boot))") }
        lines += [
            "# version: sockaudit \(Escaping.visible(head.version))",
            "# scope: \(head.scope.map { Escaping.visible($0) }.joined(separator: " "))",
            "# source: \(Escaping.visible(head.source))",
        ]
        if !head.mode.isEmpty { lines.append("# mode: \(Escaping.visible(head.mode))") }
        lines.append("# started: \(TimeText.iso(head.started))")
        if let rules = head.rules, let hash = head.rulesHash {
            lines.append("# rules: \(rules.count), SHA-256 \(hash)")
            lines += rules.map { "#   \(Escaping.sentence($0))" }
        } else {
            lines.append("# rules: none were put in")
        }
        return lines
    }

    public static func end(_ end: ReportEnd, _ form: Form) -> String {
        switch form {
        case .json:
            var line = jsonStart + "\"end\",\"from\":\"\(TimeText.iso(end.from))\""
            line += ",\"to\":\"\(TimeText.iso(end.to))\",\"continues\":\(end.continues)"
            line += ",\"tables\":\(end.tables),\"missing\":\(end.missing)"
            line += ",\"events\":{\"seen\":\(end.seen),\"used\":\(end.used),\"lost\":\(end.lost)}"
            return line + ",\"verdict\":\(end.verdict.map { "\"\($0.rawValue)\"" } ?? "null")}\n"
        case .comments, .csv:
            var lines = [
                end.continues ? "# end of this file; the run continues in another" : "# end",
                "# from: \(TimeText.iso(end.from))", "# to: \(TimeText.iso(end.to))",
                "# tables: \(end.tables)" + (end.missing > 0 ? ", \(end.missing) could not be written" : ""),
                "# events: \(end.seen) seen, \(end.used) used, \(end.lost) lost",
            ]
            if let verdict = end.verdict { lines.append("# verdict: \(verdict.rawValue.uppercased())") }
            return lines.map { $0 + "\n" }.joined()
        case .html: return ""
        }
    }

    /// - Parameter hash: of all from the head's first byte to here, in hexadecimal.
    public static func seal(_ hash: String, _ form: Form) -> String {
        let around =
            switch form {
            case .json: jsonSeal
            case .html: htmlSeal
            case .comments, .csv: commentSeal
            }
        return around.before + hash + around.after + "\n"
    }

    /// A report that is written whole, with its last line.
    public static func sealed(_ whole: String, _ form: Form) -> String {
        whole + seal(SHA256.hex(whole), form)
    }
    private static func text(_ text: String) -> String { text.isEmpty ? "null" : Escaping.json(text) }
    private static func list(_ texts: [String]) -> String {
        "[\(texts.map(Escaping.json).joined(separator: ","))]"
    }
}

extension ReportFrame.Form {
    /// Whether a file that begins so is a report of this form, as far as it is replaced as a whole: a page,
    /// or Prometheus' text, which begins as reports do that are appended to.
    public func begins(_ bytes: [UInt8]) -> Bool {
        switch self {
        case .html: return bytes.starts(with: (ReportFrame.htmlHead + "\n").utf8)
        case .comments:
            let metric = Array(PrometheusText.firstWords.utf8)
            // Up to there all lines are the head's; earlier versions wrote none.
            let head = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).prefix {
                $0.starts(with: "# ".utf8) && !$0.starts(with: metric)
            }
            let isHead = head.first.map { $0.elementsEqual(ReportFrame.commentHead.utf8) } ?? true
            let length = head.reduce(0) { $0 + $1.count + 1 }
            return isHead && bytes.dropFirst(length).starts(with: metric)
        case .csv, .json: return false
        }
    }
}
