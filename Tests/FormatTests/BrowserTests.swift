import Foundation
import SockAuditCore
import TestSupport
import Testing

/// The HTML report in a real browser: `make screenshot` runs these and leaves the pictures in .build.
@Suite(.serialized) struct BrowserTests {
    private static let figures = [
        "StillOPEN": "still_open", "SocketTOT": "socket_tot", "SocketLAST": "socket_last",
        "CloseTOT": "close_tot", "CloseLAST": "close_last", "Released": "released",
    ]
    private static let families = ["total", "tcp", "udp", "other"]

    /// Every figure that the page shows, for each choice of family, is the one in JSON.
    private func expect(_ look: Browser.Look, isOf line: String) throws {
        let table = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let rows = try #require(table["rows"] as? [[String: Any]])
        #expect(look.verdict == (table["verdict"] as? String)?.uppercased())
        let reasons = try #require(table["reasons"] as? [[String: Any]]).compactMap { $0["text"] as? String }
        #expect(look.reasons.map { $0.replacingOccurrences(of: "note: ", with: "") } == reasons)
        let pids = try #require(look.titles.firstIndex(of: "PID"))
        for (family, name) in Self.families.enumerated() {
            #expect(look.tables[family].map { $0[pids] } == rows.map { "\($0["pid"] as? Int ?? -1)" })
            for (title, key) in Self.figures {
                let column = try #require(look.titles.firstIndex(of: title), "\(title)")
                let shown = look.tables[family].map { Int($0[column]) }
                #expect(shown == rows.map { ($0[key] as? [String: Int])?[name] }, "\(title) \(name)")
                let totals = try #require(table["totals"] as? [String: Any])
                #expect(Int(look.totals[family][column]) == (totals[key] as? [String: Int])?[name])
            }
        }
        let drift = rows.map { $0["drift"] as? Int ?? 0 }
        if let column = look.titles.firstIndex(of: "Drift") {
            #expect(look.tables[0].map { Int($0[column]) } == drift)
        } else {
            #expect(drift.allSatisfy { $0 == 0 })
        }
    }

    private func expectFits(_ look: Browser.Look, _ scheme: Browser.Scheme, width: Int) {
        #expect(look.width == width && look.dark == (scheme == .dark), "the browser shows what was asked for")
        #expect(look.overflow <= 0, "the page is \(look.overflow) pixels wider than its window of \(width)")
        #expect(look.outside.isEmpty, "reach over the edge: \(look.outside)")
        #expect(look.contrast >= 4.5, "hard to read, \(look.contrast): \(look.faintest)")
    }

    @Test(arguments: [1_280, 390], Browser.Scheme.allCases)
    func aLongRun(_ width: Int, _ scheme: Browser.Scheme) throws {
        let browser = try Browser()
        let sample = SampleRun()
        let html = sample.page()
        try browser.picture(
            html, "report-\(width)-\(scheme).png", scheme, width: width, height: width < 500 ? 2_100 : 1_500)
        let look = try browser.look(html, scheme, width: width)
        expectFits(look, scheme, width: width)
        try expect(look, isOf: JSONLines.render(sample.last))
        // Sorting: the script is the one that the page's policy names.
        let open = look.sorted.map { $0.compactMap(Int.init) }
        #expect(open.allSatisfy { $0.count == sample.last.rows.count })
        #expect(open[0] == open[0].sorted(by: >) && open[1] == open[1].sorted(), "down, then up")
        #expect(open[2...].allSatisfy { $0 == $0.sorted() }, "the order follows the family")
        #expect(Set(open[2]).count > 2, "there is something to sort")
        // One script, ours; no element of a name's making.
        #expect(look.elements["script"] == 1 && look.intruders == 0)
        #expect((look.elements["path"] ?? 0) > 20, "lines are drawn")
    }

    /// The columns of `--wide` make the table broader, and not the page.
    @Test(arguments: [1_280, 390])
    func allColumns(_ width: Int) throws {
        let browser = try Browser()
        let sample = SampleRun(tables: 20)
        let html = sample.page(wide: true)
        try browser.picture(html, "wide-\(width).png", .light, width: width, height: 1_500)
        let look = try browser.look(html, .light, width: width)
        expectFits(look, .light, width: width)
        try expect(look, isOf: JSONLines.render(sample.last))
        for (title, shown) in [
            ("OthersOPEN", "150"), ("Accepted", "150"), ("FDs", "173/1024"), ("AUID", "-"),
        ] {
            let column = try #require(look.titles.firstIndex(of: title), "\(title)")
            #expect(look.tables[0].first { $0[0].hasPrefix("nginx") }?[column] == shown)
        }
    }

    @Test func theProductItself() throws {
        let browser = try Browser()
        let scratch = try Scratch()
        for name in ["r.html", "r.json"] {
            let ran = try run(
                Repository.sockaudit,
                ["all", "--input", Repository.sample, "--report", scratch.file(name), "--utc"])
            #expect(ran.code == 0, "\(ran.err)")
        }
        let look = try browser.look(try scratch.read("r.html"), .light, width: 390)
        expectFits(look, .light, width: 390)
        try expect(look, isOf: try scratch.table("r.json"))
    }

    /// Should escaping ever fail, the policy still lets no script of a name's run.
    @Test func thePolicyHolds() throws {
        let browser = try Browser()
        let sample = SampleRun(tables: 2)
        let html = sample.page()
        let attack = "<script>window.intruders = 1</script><img src=x onerror='window.intruders = 2'>"
        let broken = html.replacingOccurrences(of: "<footer>", with: attack + "<footer>")
        let look = try browser.look(broken, .light, width: 1_280)
        #expect(look.elements["script"] == 2, "the script is there")
        #expect(look.intruders == 0, "and does not run")
        #expect(!look.sorted[0].isEmpty && look.sorted[0] != look.sorted[1], "while ours does")
        // It would run without: the test sees an intruder where there is one.
        let policy = try #require(broken.firstMatch(of: /<meta http-equiv="Content-Security-Policy"[^>]*>/))
        let open = try browser.look(broken.replacing(policy.output, with: ""), .light, width: 1_280)
        #expect(open.intruders > 0)
    }
}
