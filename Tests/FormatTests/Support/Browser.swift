import Foundation
import TestSupport
import Testing

/// Chromium without a window, and what it makes of a report.
struct Browser {
    enum Scheme: Int, CaseIterable { case dark = 0, light = 1 }

    /// What the page shows, as `look` below finds it.
    struct Look: Decodable {
        var width: Int
        var dark: Bool
        /// How far the page is wider than the window; 0 or less where it fits.
        var overflow: Int
        /// Elements outside the table's box that reach over the edge.
        var outside: [String]
        /// The lowest contrast (WCAG 2) of any text, and whose it is.
        var contrast: Double
        var faintest: String
        var verdict: String
        var reasons: [String]
        var titles: [String]
        /// The visible text of each cell, row by row, for each family.
        var tables: [[[String]]]
        /// The same with the totals.
        var totals: [[String]]
        /// The StillOPEN column after one click on its heading, after two, and under each family.
        var sorted: [[String]]
        var elements: [String: Int]
        /// Scripts of anyone else's that ran.
        var intruders: Int
    }

    private let program: String
    private let scratch: Scratch

    init() throws {
        program = try Tool.need("chromium")
        scratch = try Scratch()
    }

    private func arguments(_ scheme: Scheme, width: Int, height: Int) -> [String] {
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-first-run", "--user-data-dir=\(scratch.file("profile"))", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update",
            "--blink-settings=preferredColorScheme=\(scheme.rawValue)", "--window-size=\(width),\(height)",
        ]
    }

    /// A window is never narrower than 500 pixels: the page goes into a frame of the width that is meant.
    private func frame(_ html: String, width: Int, height: Int, _ script: String = "") throws -> String {
        let quoted = html.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
            of: "\"", with: "&quot;")
        return try scratch.write(
            "frame.html",
            """
            <!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
            <iframe style="border:0;display:block;width:\(width)px;height:\(height)px" srcdoc="\(quoted)"></iframe>
            <pre id="look"></pre><script>\(script)</script>
            """)
    }

    func picture(_ html: String, _ name: String, _ scheme: Scheme, width: Int, height: Int) throws {
        let page = try frame(html, width: width, height: height)
        try FileManager.default.createDirectory(
            atPath: Repository.screenshots, withIntermediateDirectories: true)
        let file = "\(Repository.screenshots)/\(name)"
        try? FileManager.default.removeItem(atPath: file)
        let ran = try run(
            program,
            arguments(scheme, width: width, height: height) + ["--screenshot=\(file)", "file://\(page)"])
        let picture = FileManager.default.contents(atPath: file) ?? Data()
        #expect(picture.count > 10_000 && picture.starts(with: [0x89, 0x50, 0x4E, 0x47]), "\(ran.err)")
    }

    func look(_ html: String, _ scheme: Scheme, width: Int) throws -> Look {
        let page = try frame(html, width: width, height: 900, Self.look)
        let ran = try run(
            program,
            arguments(scheme, width: max(width, 500), height: 900) + ["--dump-dom", "file://\(page)"])
        let found = try #require(ran.out.firstMatch(of: /<pre id="look">([^<]*)<\/pre>/), "\(ran.err)")
        return try JSONDecoder().decode(
            Look.self, from: try #require(Data(base64Encoded: String(found.output.1))))
    }

    /// Runs in the page around the report, whose own policy lets no script of ours in.
    private static let look = #"""
        onload = () => {
          const frame = document.querySelector('iframe'), win = frame.contentWindow, doc = frame.contentDocument;
          for (const details of doc.querySelectorAll('details')) details.open = true;
          const root = doc.documentElement, all = [...doc.body.querySelectorAll('*')];
          const texts = cells => [...cells].map(cell => cell.innerText.trim());
          const rows = () => [...doc.querySelectorAll('tbody tr')].map(row => texts(row.cells));
          const choose = number => doc.getElementById('f' + number)?.click();
          const channel = text => text.match(/[\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
            .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
          const ground = element => {
            for (let e = element; e; e = e.parentElement) {
              const color = channel(win.getComputedStyle(e).backgroundColor);
              if (color.length < 4 || color[3] > 0) return color;
            }
            return [255, 255, 255];
          };
          let contrast = 21, faintest = '';
          for (const element of all) {
            if (element.closest('svg') || element.matches('script, input')) continue;
            if (![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
            const [a, b] = [light(channel(win.getComputedStyle(element).color)), light(ground(element))];
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < contrast) { contrast = ratio; faintest = element.outerHTML.slice(0, 120); }
          }
          const outside = all.filter(e => !e.closest('.box') && !e.matches('input, script, path') &&
            e.getBoundingClientRect().right > win.innerWidth + 1).map(e => e.outerHTML.slice(0, 120));
          const titles = texts(doc.querySelectorAll('thead th'));
          const tables = [], totals = [];
          for (const family of [0, 1, 2, 3]) {
            choose(family);
            tables.push(rows());
            totals.push(texts(doc.querySelector('tfoot tr').cells));
          }
          choose(0);
          const sorted = [], column = titles.indexOf('StillOPEN');
          const open = () => rows().map(row => row[column]);
          const heading = doc.querySelectorAll('thead th')[column].querySelector('button');
          for (const click of [1, 2]) { heading?.click(); sorted.push(open()); }
          for (const family of [1, 2, 3]) { choose(family); sorted.push(open()); }
          const elements = {};
          for (const e of doc.querySelectorAll('*')) elements[e.localName] = (elements[e.localName] ?? 0) + 1;
          const result = {
            width: win.innerWidth, dark: win.matchMedia('(prefers-color-scheme: dark)').matches,
            overflow: root.scrollWidth - root.clientWidth, outside, contrast, faintest,
            verdict: doc.querySelector('.verdict strong').innerText,
            reasons: texts(doc.querySelectorAll('.verdict li')), titles, tables, totals, sorted, elements,
            intruders: win.intruders ?? 0,
          };
          const bytes = new TextEncoder().encode(JSON.stringify(result));
          document.getElementById('look').textContent = btoa(String.fromCharCode(...bytes));
        };
        """#
}
