import Testing

@testable import SockAuditCore

/// The lines around a run's tables, and what `verify` says of them.
@Suite struct ReportCheckTests {
    static func head() -> ReportHead {
        var head = ReportHead()
        head.host = "web1"
        head.kernel = "6.18.1"
        head.boot = "5f0c9bb4-4a3c-4e0e-9f5e-0c5b3f3f5f8e"
        head.version = "1.0.0"
        head.source = "multicast"
        head.mode = "standard"
        head.started = Samples.time - 21_000
        head.rules = [
            "-a always,exit -F arch=b64 -S socket -F success=1 -F key=sockaudit",
            "-a always,exit -F arch=b32 -S close -F exe=/tmp/\u{202E}x\n# end -F key=sockaudit",
        ]
        return head
    }

    /// A whole run as the report's writer puts it together.
    static func run(
        _ form: ReportFrame.Form, rows: [Row] = [Samples.nginx(), Samples.curl()], head: ReportHead = head()
    ) -> String {
        let tables = [Samples.head(), Samples.head(final: true)].map { Snapshot(head: $0, rows: rows) }
        var end = ReportEnd()
        var text = ReportFrame.head(head, form)
        for table in tables {
            end.take(table, isWritten: true)
            text += form == .json ? JSONLines.render(table) : TextTable.render(table, style: .init())
        }
        text += ReportFrame.end(end, form)
        return text + ReportFrame.seal(SHA256.hex(text), form)
    }

    static func check(_ bytes: [UInt8], pieces: Int = .max) -> ReportCheck {
        var check = ReportCheck()
        var rest = bytes[...]
        while !rest.isEmpty {
            rest.prefix(pieces).withUnsafeBytes { check.push($0) }
            rest = rest.dropFirst(pieces)
        }
        check.finish()
        return check
    }

    static func check(_ text: String) -> ReportCheck { check(Array(text.utf8)) }

    @Test func goldens() {
        Golden.expect(Self.run(.comments), "report.txt")
        Golden.expect(Self.run(.json), "report.jsonl")
        var fromLog = ReportHead()
        fromLog.isContinued = true
        Golden.expect(
            ReportFrame.head(fromLog, .comments) + ReportFrame.head(fromLog, .json)
                + ReportFrame.end(ReportEnd(), .comments) + ReportFrame.end(ReportEnd(), .json),
            "report-empty.txt")
    }

    @Test(arguments: [ReportFrame.Form.comments, .json], [1, 7, 255, 100_000])
    func severalRunsInOneFile(_ form: ReportFrame.Form, _ pieces: Int) {
        let text = Self.run(form) + Self.run(.json) + Self.run(.comments, rows: [])
        let check = Self.check(Array(text.utf8), pieces: pieces)
        #expect(check.isRight && check.runs.map(\.finding) == [.right, .right, .right])
        #expect(check.runs.first?.line == 1)
    }

    /// Whatever single byte is changed, taken out or put in, it is noticed.
    @Test(arguments: [ReportFrame.Form.comments, .csv, .json, .html])
    func everyByteCounts(_ form: ReportFrame.Form) {
        var head = ReportHead()
        head.rules = ["-S socket"]
        let begin = form == .html ? ReportFrame.htmlHead + "\n" : ReportFrame.head(head, form)
        let first = begin + "a table\n" + ReportFrame.end(ReportEnd(), form)
        let run = first + ReportFrame.seal(SHA256.hex(first), form)
        let whole = Array((run + run).utf8)
        #expect(Self.check(whole).isRight)
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 1
            var shorter = whole
            shorter.remove(at: index)
            var longer = whole
            longer.insert(0x20, at: index)
            for bytes in [changed, shorter, longer, Array(whole[..<index])] where bytes != whole {
                if Self.check(bytes).isRight {
                    // All that a cut may leave right is whole runs.
                    let isWhole = index > 0 && bytes.count == index && Self.check(bytes).runs.count == 1
                    #expect(isWhole, "byte \(index)")
                }
            }
        }
        #expect(!Self.check(whole + [0x0A]).isRight)
    }

    @Test func aRunWithoutALastLine() {
        let lines = Self.run(.comments).split(separator: "\n", omittingEmptySubsequences: false).dropLast(2)
        let killed = lines.joined(separator: "\n") + "\n"
        #expect(Self.check(killed).runs.map(\.finding) == [.unsealed])
        let check = Self.check(killed + Self.run(.json))
        #expect(check.runs.map(\.finding) == [.unsealed, .right] && !check.isRight)
        // A line that was cut by a full disk belongs to it.
        #expect(Self.check(killed + "ngin").runs.map(\.finding) == [.unsealed])
    }

    @Test func whatIsPartOfNoRun() {
        let check = Self.check("old table\n" + Self.run(.json) + "one line more\n")
        #expect(check.runs.map(\.finding) == [.right] && !check.isRight)
        #expect(check.strange == 24 && check.strangeLine == 1 && check.runs.first?.line == 2)
        #expect(!Self.check("").isRight)
        #expect(Self.check("\n\n").strange == 2)
    }

    /// A process may call itself anything, and an exe may hold any line.
    @Test(arguments: [
        "# sockaudit report 1", "\n# sockaudit report 1\n", "# sha256 " + String(repeating: "a", count: 64),
        "\n# sha256 " + String(repeating: "a", count: 64) + "\n",
        "{\"schema\":\"sockaudit.report/1\",\"part\":\"begin\"}",
        "\n<!-- sha256 " + String(repeating: "a", count: 64) + " -->\n",
        "\n<!DOCTYPE html><!-- sockaudit report 1 -->\n",
    ])
    func noNameCanBeALineOfOurs(_ name: String) {
        let rows = [
            Samples.hostile(Array(name.utf8), pid: 4, exe: Array(name.utf8)), Samples.nginx(),
        ]
        for form in [ReportFrame.Form.comments, .json] {
            var head = Self.head()
            head.scope = [name]
            head.host = name
            head.rules = [name]
            let check = Self.check(Self.run(form, rows: rows, head: head))
            #expect(check.isRight && check.runs.count == 1)
        }
        for format in ["html", "prometheus"] {
            let check = Self.check(
                Hostile.renderings(Snapshot(head: Hostile.head(), rows: rows))[format] ?? "")
            #expect(check.isRight && check.runs.count == 1)
        }
    }

    @Test func aReaderOfTablesPassesOverTheRest() {
        let lines = Self.run(.json).split(separator: "\n")
        let tables = lines.filter { $0.hasPrefix("{\"schema\":\"sockaudit.table/1\"") }
        #expect(tables.count == 2 && lines.count == 6)
        #expect(lines.allSatisfy { $0.hasPrefix("{\"schema\":\"sockaudit.") && $0.hasSuffix("}") })
        let text = Self.run(.comments).split(separator: "\n").filter { !$0.hasPrefix("#") }
        let plain = [Samples.head(), Samples.head(final: true)].map {
            TextTable.render(Snapshot(head: $0, rows: [Samples.nginx(), Samples.curl()]), style: .init())
        }
        #expect(text == plain.joined().split(separator: "\n"))
    }

    @Test func theWorstVerdictIsToldAndWhatIsMissing() {
        var end = ReportEnd()
        var heads = [Samples.head(), Samples.head(), Samples.head(final: true)]
        heads[1].reasons = [Reason(.kernelLost, count: 1, "x")]
        heads[2].reasons = [Reason(.ioUring, count: 1, "x"), Reason(.reportGap, count: 1, "x")]
        for (index, head) in heads.enumerated() {
            end.take(Snapshot(head: head, rows: []), isWritten: index != 1)
        }
        #expect(end.verdict == .lossy && end.tables == 2 && end.missing == 1)
        #expect(end.from == Samples.time - 21_000 && end.to == Samples.time && end.seen == 41_204)
    }
}
