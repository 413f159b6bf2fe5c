/// A run as one page that needs nothing else: no network, no fonts, no files beside it.
///
/// Names are hostile. All text goes through ``Escaping/html(_:)-([UInt8])``, and should that ever fail, the
/// page's own policy (Content-Security-Policy) lets no script run but the one whose hash it names.
public enum HTMLReport {
    public struct Style: Equatable, Sendable {
        /// Seconds to add to UTC for the times shown.
        public var utcOffset = 0
        /// The sockets that are counted (`--family`).
        public var families = SocketFamily.allCases
        /// All columns: who, and the sockets that came another way (`--wide`).
        public var wide = false

        public init() {}
    }

    /// Rows beyond it are told as a number: a page of tens of thousands is no use to anyone.
    static let rowLimit = 1_000

    /// - Parameters:
    ///   - head: what the page is to say of the run,
    ///   - end: and of its tables, this one among them.
    /// - Returns: the page, with the hash of it as its last line.
    public static func render(
        _ snapshot: Snapshot, _ history: RunHistory, head: ReportHead, end: ReportEnd, style: Style
    ) -> String {
        let title = text(snapshot.head.host.isEmpty ? "sockaudit" : "sockaudit \(snapshot.head.host)")
        let page = """
            \(ReportFrame.htmlHead)
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>\(title)</title>
            <style>
            \(HTMLStyle.sheet)
            </style>
            </head>
            <body class="\(snapshot.verdict.rawValue)">
            \(heading(snapshot, head, end, style))
            \(HTMLChart.overview(history, style))
            \(HTMLRows.table(snapshot, history, style))\(LeakHTML.section(snapshot, utcOffset: style.utcOffset))
            \(footer)
            <script>\(HTMLStyle.script)</script>
            </body>
            </html>

            """
        return ReportFrame.sealed(page, .html)
    }

    private static var policy: String {
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-\(HTMLStyle.scriptHash)';"
            + " base-uri 'none'; form-action 'none'"
    }

    static func text(_ text: String) -> String { Escaping.html(text) }

    // MARK: the verdict on top

    private static func heading(
        _ snapshot: Snapshot, _ run: ReportHead, _ end: ReportEnd, _ style: Style
    ) -> String {
        let head = snapshot.head
        let scope = head.scope == ["all"] ? "all processes" : head.scope.joined(separator: " ")
        var html = "<header>\n<h1>Sockets that stay open <span>\(text(head.host))</span></h1>\n"
        html += "<section class=\"verdict\">\n"
        html +=
            "<p><strong>\(snapshot.verdict.rawValue.uppercased())</strong> \(meaning(snapshot.verdict))</p>\n"
        if !head.reasons.isEmpty {
            html += "<ul>\n"
            for reason in head.reasons {
                html +=
                    "<li>\(reason.code.verdict == nil ? "note: " : "")\(Escaping.htmlSentence(reason.text))</li>\n"
            }
            html += "</ul>\n"
        }
        if let worst = end.verdict, worst.isWorse(than: snapshot.verdict) {
            html +=
                "<p class=\"earlier\">An earlier table of this run was \(worst.rawValue.uppercased()).</p>\n"
        }
        html += "</section>\n<dl>\n"
        func fact(_ name: String, _ value: String) { html += Self.fact(name, value) }
        fact(
            "Scope",
            text(scope) + (head.scopeNote.isEmpty ? "" : Escaping.htmlSentence(" (\(head.scopeNote))")))
        fact("Table", "\(head.sequence)\(head.final ? ", the last" : "")")
        fact(
            head.fromInput ? "Span" : "Interval", text("\(TimeText.seconds(head.interval)) s"))
        fact("From", time(head.started, style))
        fact("Until", time(head.time, style))
        if !head.mode.isEmpty { fact("Mode", text(head.mode)) }
        fact("Events", "\(head.eventsSeen) seen, \(head.eventsUsed) used, \(head.eventsLost) lost")
        return html + "</dl>\n\(HTMLRun.details(run, end))\n</header>"
    }

    static func fact(_ name: String, _ value: String) -> String {
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>\n"
    }

    private static func meaning(_ verdict: Verdict) -> String {
        switch verdict {
        case .complete: "Every event in scope was seen, and /proc agrees."
        case .partial: "Something in scope could not be seen:"
        case .lossy: "Records were lost; the figures may be off:"
        case .unverified: "From a log, which cannot say what was lost before it was written."
        }
    }

    static func time(_ milliseconds: Int64, _ style: Style) -> String {
        let minutes = abs(style.utcOffset) / 60
        let (hour, minute) = ("0\(minutes / 60)".suffix(2), "0\(minutes % 60)".suffix(2))
        let zone = style.utcOffset == 0 ? " UTC" : " \(style.utcOffset < 0 ? "-" : "+")\(hour):\(minute)"
        return "<time datetime=\"\(TimeText.iso(milliseconds))\">"
            + "\(TimeText.dateAndTime(milliseconds, offset: style.utcOffset))\(zone)</time>"
    }

    private static let footer =
        "<footer>StillOPEN = SocketTOT - CloseTOT - Released. Released: gone without a close, at exit, at exec,"
        + " by dup2 over them, or found gone in /proc. Sockets that came another way (accept, fork, dup) are"
        + " in none of these figures, but in OthersOPEN. The small lines have each a scale of its own.</footer>"
}
