/// StillOPEN over time as lines of inline SVG. The drawing stretches with the page and holds no text: text
/// would stretch with it, so numbers, times and names stand beside it as HTML.
enum HTMLChart {
    /// Lines in the overview, as many as there are colours that can be told apart.
    private static let shown = 8
    private static let (width, height) = (1_000.0, 250.0)

    static func overview(_ history: RunHistory, _ style: HTMLReport.Style) -> String {
        let lines = history.top(shown)
        var html = "<section>\n<h2>StillOPEN over time</h2>\n"
        guard let first = history.times.first, let last = history.times.last, !lines.isEmpty else {
            return html + "<p class=\"quiet\">No process has held a socket of its own.</p>\n</section>"
        }
        guard history.times.count > 1 else {
            return html + "<p class=\"quiet\">One table so far: lines need two.</p>\n</section>"
        }
        let ticks = scale(lines.map(\.peak).max() ?? 0)
        html += "<figure class=\"chart\" aria-hidden=\"true\">\n<div class=\"ticks\">"
        html += ticks.reversed().map { "<span>\($0)</span>" }.joined()
        html += "</div>\n<svg viewBox=\"0 0 1000 250\" preserveAspectRatio=\"none\">"
        for index in ticks.indices {
            let y = height - height * Double(index) / Double(ticks.count - 1)
            html += "<path class=\"grid\" d=\"M0 \(number(y))H1000\"/>"
        }
        let top = Double(ticks.last ?? 1)
        for (index, line) in lines.enumerated() {
            html += "<path class=\"l\(index)\" d=\"\(path(line, history.times, top, width, height))\"/>"
        }
        html +=
            "</svg>\n<div class=\"span\">\(HTMLReport.time(first, style))\(HTMLReport.time(last, style))</div>\n</figure>\n<ul class=\"legend\">\n"
        for (index, line) in lines.enumerated() {
            let pid = line.pid == 0 ? "" : " <small>\(line.pid)</small>"
            html += "<li><svg viewBox=\"0 0 24 8\"><path class=\"l\(index)\" d=\"M1 4H23\"/></svg>"
            html += "<span><bdi>\(Escaping.html(line.name))</bdi>\(pid)"
            html +=
                " <small>\(line.last.map { "now \($0)" } ?? "gone"), peak \(line.peak)</small></span></li>\n"
        }
        return html + "</ul>\n</section>"
    }

    /// A small line for a row, to a scale of its own; empty where the process has none.
    static func spark(_ line: RunHistory.Line?, _ times: [Int64]) -> String {
        guard let line, line.peak > 0 else { return "" }
        let thin = thinned(line, times)
        let path = path(thin.line, thin.times, Double(line.peak), 100, 20)
        return
            "<svg class=\"spark\" viewBox=\"0 0 100 20\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
            + "<path d=\"\(path)\"/></svg>"
    }

    /// What the width of a small line can show: of each few points the last.
    private static func thinned(
        _ line: RunHistory.Line, _ times: [Int64]
    ) -> (line: RunHistory.Line, times: [Int64]) {
        let step = (times.count + 59) / 60
        guard step > 1 else { return (line, times) }
        let kept = times.indices.filter { (times.count - 1 - $0) % step == 0 }
        var thin = line
        thin.values = kept.map { line.values[$0] }
        return (thin, kept.map { times[$0] })
    }

    private static func path(
        _ line: RunHistory.Line, _ times: [Int64], _ top: Double, _ width: Double, _ height: Double
    ) -> String {
        guard let first = times.first, let last = times.last else { return "" }
        let span = Double(max(1, last - first))
        var path = ""
        var isDown = false
        for (value, time) in zip(line.values, times) {
            guard let value else {
                isDown = false
                continue
            }
            // Half a line's width away from the edges, where it would be cut.
            let x = Double(time - first) / span * (width - 4) + 2
            let y = height - 1 - Double(value) / max(1, top) * (height - 2)
            // A lone point is a line of no length, which a round cap makes a dot.
            path += isDown ? "L\(number(x)) \(number(y))" : "M\(number(x)) \(number(y))h0"
            isDown = true
        }
        return path
    }

    /// Round numbers from 0 to at least the highest value: never more than six.
    static func scale(_ peak: Int) -> [Int] {
        var (unit, step) = (1, 1)
        while step * 5 < peak {
            for factor in [2, 5, 10] where step * 5 < peak { step = unit * factor }
            unit *= 10
        }
        let count = max(1, (max(1, peak) + step - 1) / step)
        return (0...count).map { $0 * step }
    }

    /// Tenths are enough for a coordinate.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
    }
}
