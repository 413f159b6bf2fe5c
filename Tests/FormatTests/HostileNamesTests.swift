import Foundation
import TestSupport
import Testing

@testable import SockAuditCore

/// Names from a seed, in every format, read by readers that are not ours: Python's csv, html.parser and json, the
/// C library's wcwidth, promtool. What docs/names.md tells readers to do gives the bytes back.
@Suite struct HostileNamesTests {
    /// The functions of docs/names.md, as they stand there.
    private static func documented() throws -> String {
        let text = try String(contentsOfFile: Repository.path + "/docs/names.md", encoding: .utf8)
        let blocks = text.components(separatedBy: "```python\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(blocks.count == 2)
        return blocks.joined()
    }

    private static let checker = #"""
        import csv, ctypes, html.parser, io, json, locale, re, sys
        given = json.load(sys.stdin)
        names = [bytes.fromhex(name) for name in given["names"]]

        # Text: what the C library knows as printable, a line for each line, all columns in their places.
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        wcwidth = ctypes.CDLL(None).wcwidth
        def width(line):
            cells = [wcwidth(ord(c)) for c in line]
            assert all(n > 0 or ord(c) > 0xFFF and n == -1 for n, c in zip(cells, line)), ascii(line)
            # (A character that is newer than the C library has no width there.)
            return None if -1 in cells else sum(cells)
        for text, rows in (given["text"], len(names)), (given["wide"], len(names)):
            lines = text.split("\n")
            assert lines.pop() == ""
            for line in lines: width(line)
            first = next(i for i, line in enumerate(lines) if re.search("  PROCESS  ", line)) + 1
            table = lines[first:first + 4 * (rows + 1)]
            assert len(table) == 4 * (rows + 1), len(table)
            # (The wide table's last column is of rows only.)
            firsts = {width(line) for line in table[:-4:4]} - {None}
            assert len(firsts) == 1, firsts
            ends = {width(line) for line in table if "[UDP]" in line} - {None}
            assert len(ends) == 1 and sum("[UDP]" in line for line in table) == rows + 1, ends

        # CSV
        table = list(csv.reader(io.StringIO(given["csv"], newline=""), strict=True))
        assert len(table) == len(names) + 1
        assert {len(line) for line in table} == {len(table[0])}
        for line, name in zip(table[1:], names):
            row = dict(zip(table[0], line))
            for key in "node", "name", "exe":
                cell = row[key]
                assert cell.lstrip(" \"")[:1] not in ("=", "+", "-", "@", "\t", "\r", "\uFF1D", "\uFF0B") or cell == "", cell
                shown = cell[1:] if cell.startswith("'") else cell
                assert name_bytes(shown) == (b"/opt/" + name if key == "exe" else name), (cell, name)

        # HTML: the same elements with any names, and the names in them.
        class Page(html.parser.HTMLParser):
            def __init__(self, text):
                super().__init__()
                self.tags, self.names, self.isName = [], [], False
                self.feed(text)
                self.close()
            def handle_starttag(self, tag, attributes):
                self.tags.append((tag, [key for key, _ in attributes]))
                self.isName = tag == "bdi"
                if self.isName: self.names.append("")
            def handle_endtag(self, tag):
                self.tags.append("/" + tag)
                self.isName = False
            def handle_comment(self, text): self.tags.append("!")
            def handle_data(self, text):
                if self.isName: self.names[-1] += text
        page, plain = Page(given["html"]), Page(given["plainHTML"])
        assert page.tags == plain.tags
        shown = [name_bytes(name) for name in page.names]
        assert shown.count(b"/opt/" + names[0]) and all(name in shown for name in names)

        # Prometheus
        labels = set()
        for line in given["prometheus"].split("\n"):
            found = re.fullmatch(r'sockaudit_sockets_open\{name="((?:[^"\\]|\\["\\n])*)",family="udp"\} [0-9]+', line)
            if found:
                one = re.sub(r'\\(.)', lambda c: "\n" if c[1] == "n" else c[1], found[1])
                labels.add(name_bytes(one))
        assert labels == set(names), labels ^ set(names)

        # JSON
        rows = json.loads(given["json"])["rows"]
        assert len(rows) == len(names)
        for row, name in zip(rows, names):
            assert json_bytes(row, "name") == json_bytes(row, "node") == name, row
            assert json_bytes(row, "exe") == b"/opt/" + name
            try:
                name.decode()
                assert row["name"].encode() == name and "name_hex" not in row
            except UnicodeDecodeError:
                assert "name_hex" in row
        print("right")
        """#

    private static func rows(_ names: [[UInt8]]) -> [Row] {
        names.enumerated().map { index, name in
            var row = Row()
            row.pid = Int32(index + 1)
            row.state = .running
            (row.node, row.name, row.exe) = (name, name, Array("/opt/".utf8) + name)
            row.figures.socketTotal = FamilyCounts(tcp: 5, udp: index)
            row.figures.stillOpen = row.figures.socketTotal
            return row
        }
    }

    private static func snapshot(_ names: [[UInt8]]) -> Snapshot {
        var head = SnapshotHead()
        (head.host, head.sequence, head.interval) = ("web1", 1, 7)
        head.started = 1_795_559_467_000
        head.time = head.started + 7_000
        return Snapshot(head: head, rows: rows(names))
    }

    private static func page(_ snapshot: Snapshot) -> String {
        var history = RunHistory()
        history.take(snapshot.rows, at: snapshot.head.started)
        history.take(snapshot.rows, at: snapshot.head.time)
        var end = ReportEnd()
        end.take(snapshot, isWritten: true)
        return HTMLReport.render(snapshot, history, head: ReportHead(), end: end, style: HTMLReport.Style())
    }

    private func prometheus(_ snapshot: Snapshot) -> String {
        var sums = MetricSums()
        sums.take(snapshot.rows)
        return PrometheusText.render(sums, snapshot)
    }

    /// Names that differ, and are short enough for a text table to have them whole: what is left out cannot be read.
    private func names(_ seed: Int) -> [[UInt8]] {
        var random = Seeded(seed)
        var names = [Array("\\xff".utf8), [0xFF], Array("\\u{80}".utf8), Array("\u{80}".utf8), [0x80]]
        for name in Nasty.names(40, &random) where !names.contains(name) { names.append(name) }
        return names
    }

    private func check(_ names: [[UInt8]], _ change: (inout [String: Any]) -> Void = { _ in }) throws -> Ran {
        let snapshot = Self.snapshot(names)
        var wide = TextTable.Style()
        wide.wide = true
        var given: [String: Any] = [
            "names": names.map { Escaping.hex($0) },
            "text": TextTable.render(snapshot, style: TextTable.Style()),
            "wide": TextTable.render(snapshot, style: wide), "json": JSONLines.render(snapshot),
            "csv": CSVTable.header + CSVTable.render(snapshot), "html": Self.page(snapshot),
            "plainHTML": Self.page(Self.snapshot(names.map { _ in Array("x".utf8) })),
            "prometheus": prometheus(snapshot),
        ]
        change(&given)
        let input = String(decoding: try JSONSerialization.data(withJSONObject: given), as: UTF8.self)
        return try run(Tool.python, ["-c", try Self.documented() + Self.checker], input: input)
    }

    @Test(arguments: 0..<12)
    func readBack(_ seed: Int) throws {
        let checked = try check(names(seed))
        #expect(checked.out == "right\n", "seed \(seed): \(checked.err)")
    }

    /// The check does find what is wrong.
    @Test(arguments: ["text", "wide", "csv", "html", "prometheus", "json"])
    func whatIsWrongIsFound(_ format: String) throws {
        let names = [Array("nginx".utf8), Array("a\\b".utf8)]
        #expect(try check(names).out == "right\n")
        let checked = try check(names) { given in
            let text = given[format] as? String ?? ""
            given[format] = text.replacing(
                format == "html" ? "nginx" : "ginx", with: format == "html" ? "n<b>x" : "gin")
        }
        #expect(checked.code != 0, "\(checked)")
    }

    @Test func promtoolTakesAnyName() throws {
        let promtool = try Tool.need("promtool")
        for seed in 0..<8 {
            let checked = try run(
                promtool, ["check", "metrics"], input: prometheus(Self.snapshot(names(seed))))
            #expect(
                checked.code == 0 && checked.out.isEmpty && checked.err.isEmpty, "seed \(seed): \(checked)")
        }
    }

    /// As wide as the C library says, all that is shown as it is.
    @Test func widthsAreThoseOfTheCLibrary() throws {
        let shown = (UInt32(0x20)...0x3_FFFF).compactMap { Unicode.Scalar($0) }.filter {
            !Escaping.isHidden($0)
        }
        let lines = shown.map { "\($0.value) \(Escaping.width($0))" }.joined(separator: "\n")
        let checked = try run(
            Tool.python,
            [
                "-c",
                """
                import ctypes, locale, sys
                locale.setlocale(locale.LC_ALL, "C.UTF-8")
                wcwidth = ctypes.CDLL(None).wcwidth
                known = 0
                for line in sys.stdin:
                    value, width = map(int, line.split())
                    found = wcwidth(value)
                    # What is newer than the C library has no width there.
                    if found >= 0:
                        known += 1
                        assert found == width, (hex(value), found, width)
                print(known)
                """,
            ], input: lines)
        #expect(Int(checked.out.dropLast()) ?? 0 > 100_000, "\(checked.err)")
    }

    /// From a log, by the program itself: a process of each name that opens one socket.
    @Test(arguments: 0..<3)
    func fromALog(_ seed: Int) throws {
        let scratch = try Scratch()
        // The kernel writes no empty comm, and a name ends at a NUL.
        let names = names(seed).filter { !$0.isEmpty && !$0.contains(0) }
        let lines = names.enumerated().map { index, name in
            "type=SYSCALL msg=audit(1700000000.100:\(1_000 + index)): arch=c000003e syscall=41 success=yes exit=3 a0=2 a1=1 a2=0 a3=0 items=0 ppid=1 pid=\(100 + index) auid=1000 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=pts0 ses=3 comm=\(Escaping.hex(name)) exe=\(Escaping.hex(Array("/opt/".utf8) + name)) subj=unconfined key=\"sockaudit\"\n"
        }
        let log = try scratch.write("audit.log", lines.joined())
        for options in [
            [], ["--wide", "--leaks"], ["--format", "csv"], ["--format", "html"], ["--format", "prometheus"],
            ["--group-by", "exe"],
        ] {
            let ran = try run(Repository.sockaudit, ["all", "--input", log] + options)
            #expect(ran.code == 0, "\(options): \(ran.err)")
            let hidden = ran.out.replacing("\r\n", with: "\n").unicodeScalars.filter {
                $0 != "\n" && Escaping.isHidden($0)
            }
            #expect(hidden.isEmpty, "\(options) seed \(seed)")
            guard options.isEmpty || options.contains("--wide") else { continue }
            let lines = ran.out.unicodeScalars.split(separator: "\n").map { String($0) }
            for name in names {
                #expect(lines.contains { $0.hasPrefix(Escaping.short(name)) }, "\(name)")
            }
        }
        let ran = try run(Repository.sockaudit, ["all", "--input", log, "--format", "json"])
        let table = try #require(try JSONSerialization.jsonObject(with: Data(ran.out.utf8)) as? [String: Any])
        let rows = try #require(table["rows"] as? [[String: Any]])
        #expect(rows.count == names.count)
        for row in rows {
            let name = names[(row["pid"] as? Int ?? 0) - 100]
            let hex = row["name_hex"] as? String
            #expect(
                (hex == nil) == Escaping.isText(name) && (hex ?? Escaping.hex(name)) == Escaping.hex(name))
            if hex == nil { #expect(Array((row["name"] as? String ?? "").utf8) == name) }
        }
    }
}
