/// What the page says of the run behind it: all that other formats have in their first and last lines.
enum HTMLRun {
    static func details(_ head: ReportHead, _ end: ReportEnd) -> String {
        var html = "<details class=\"run\">\n<summary>Host, kernel and rules of this run</summary>\n<dl>\n"
        func fact(_ name: String, _ value: String) { html += HTMLReport.fact(name, value) }
        fact("Host", HTMLReport.text(head.host))
        fact("Kernel", HTMLReport.text(head.kernel))
        if !head.boot.isEmpty { fact("Boot id", "<code>\(HTMLReport.text(head.boot))</code>") }
        fact("Version", "sockaudit \(HTMLReport.text(head.version))")
        fact("Source", HTMLReport.text(head.source))
        fact("Tables", "\(end.tables)" + (end.missing > 0 ? ", \(end.missing) could not be written" : ""))
        if let verdict = end.verdict { fact("Worst verdict", verdict.rawValue.uppercased()) }
        if let rules = head.rules, let hash = head.rulesHash {
            fact("Rules as installed", "\(rules.count), SHA-256 <code>\(hash)</code>")
            html += "</dl>\n<ol>\n"
            for rule in rules { html += "<li><code>\(Escaping.htmlSentence(rule))</code></li>\n" }
            html += "</ol>\n"
        } else {
            fact("Rules", "none were put in")
            html += "</dl>\n"
        }
        return html
            + "<p class=\"quiet\">The last line of this file is a SHA-256 of all above it:"
            + " <code>sockaudit verify FILE</code> says whether it is as it was written.</p>\n</details>"
    }
}
