import Testing

@testable import SockAuditCore

/// Names that somebody who is watched may choose to get out of a cell, a page, a label or a line.
enum Hostile {
    static let names: [[UInt8]] = [
        Array("=1+1".utf8), Array("@SUM(A1)".utf8), Array("+cmd|' /C calc'!A0".utf8), Array("-2,3".utf8),
        Array("'quoted".utf8), Array("\t=1".utf8), Array("\r\n=1".utf8), Array("a;=1".utf8),
        Array("  =1 ".utf8),
        Array("\u{FF1D}1".utf8), Array("a,\"b\"".utf8), Array("</script><script>alert(1)</script>".utf8),
        Array("\"><img src=x onerror=alert(1)>".utf8), Array("' onmouseover='alert(1)".utf8),
        Array("<!--".utf8), Array("&lt;&#60;".utf8), Array("]]>".utf8), Array("a\"} 1\nb{c=\"".utf8),
        Array("\\\"} 9".utf8), Array("\\n".utf8), Array("\u{202E}gpj.exe\u{2066}".utf8),
        Array("\u{1B}]0;x\u{07}".utf8), [0xFF, 0x00, 0x41], [0x80], Array("\u{80}".utf8), [0xC3, 0x28], [],
        Array("日本語🦀".utf8), Array("\u{85}\u{2028}\u{2029}".utf8),
    ]

    static func rows(_ names: [[UInt8]] = names) -> [Row] {
        names.enumerated().map { index, name in
            var row = Samples.hostile(name, pid: Int32(index + 1), exe: Array("/x/".utf8) + name)
            row.node = name
            return row
        }
    }

    static func head() -> SnapshotHead {
        var head = Samples.head()
        head.host = "<b>\u{202E}\"\n"
        head.scope = ["<i>\u{1B}*"]
        head.scopeNote = "'\"&"
        head.reasons = [Reason(.behind, count: 1, "<s>\r\n\u{2066}")]
        return head
    }

    /// Every rendering of one table there is.
    static func renderings(_ snapshot: Snapshot) -> [String: String] {
        var history = RunHistory()
        history.take(snapshot.rows, at: snapshot.head.started)
        history.take(snapshot.rows, at: snapshot.head.time)
        var sums = MetricSums()
        sums.take(snapshot.rows)
        var wide = TextTable.Style()
        wide.wide = true
        var end = ReportEnd()
        end.take(snapshot, isWritten: true)
        var run = ReportHead()
        run.host = snapshot.head.host
        run.scope = snapshot.head.scope
        run.rules = snapshot.rows.map { String(decoding: $0.exe, as: UTF8.self) }
        return [
            "text": TextTable.render(snapshot, style: wide), "json": JSONLines.render(snapshot),
            "csv": CSVTable.header + CSVTable.render(snapshot),
            "csv report": ReportFrame.head(run, .csv) + ReportFrame.end(end, .csv),
            "html": HTMLReport.render(snapshot, history, head: run, end: end, style: HTMLReport.Style()),
            "prometheus": PrometheusText.report(sums, snapshot, head: run, end: end),
        ]
    }

    /// Shows as itself in one place, or is a line's end.
    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\n" { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .nonspacingMark, .enclosingMark, .spacingMark:
            return false
        case .spaceSeparator: return scalar == " "
        default: return true
        }
    }
}
