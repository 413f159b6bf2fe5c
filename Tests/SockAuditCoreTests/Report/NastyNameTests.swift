import TestSupport
import Testing

@testable import SockAuditCore

/// Names from a seed through all that is written as lines of text: nothing that hides comes out, no line more or
/// less than with plain names, and the columns stand where they should.
@Suite struct NastyNameTests {
    private static let seeds = 0..<60
    private static let plain = Array("x".utf8)

    private func snapshot(_ names: [[UInt8]]) -> Snapshot {
        var head = Samples.head()
        head.host = String(decoding: names[0], as: UTF8.self)
        head.kernel = String(decoding: names[1], as: UTF8.self)
        head.scope = [String(decoding: names[2], as: UTF8.self)]
        head.scopeNote = "rules for \(Escaping.short(names[3]))"
        head.reasons = [Reason(.behind, count: 1, "of \(Escaping.short(names[4]))")]
        head.olderThan = 0
        let rows = names.enumerated().map { index, name in
            var row = Samples.hostile(name, pid: Int32(index + 1), exe: Array("/opt/".utf8) + name)
            row.node = name
            row.openSockets = OpenSocketsTests.all([socket(name)])
            (row.descriptors, row.descriptorLimit) = (1_000, 1_024)
            row.acceptedGrowth = 9
            row.growth = Growth()
            row.growth?.isSteady = true
            return row
        }
        return Snapshot(head: head, rows: rows)
    }

    private func socket(_ name: [UInt8]) -> OpenSocket {
        var socket = OpenSocketsTests.socket(7, nil)
        socket.family = .other
        socket.endpoint = .unix(path: name.isEmpty ? Self.plain : name, .connected)
        socket.thread = name
        socket.name = name
        return socket
    }

    private func text(_ snapshot: Snapshot, wide: Bool = true) -> String {
        var style = TextTable.Style()
        style.wide = wide
        return TextTable.render(snapshot, style: style)
    }

    private func expectPlain(_ text: String, _ comment: Comment) {
        let bad = text.unicodeScalars.filter { $0 != "\n" && Escaping.isHidden($0) }
        #expect(bad.isEmpty, "\(bad.map { String($0.value, radix: 16) }) \(comment)")
    }

    private func lines(_ text: String) -> [String] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    }

    @Test(arguments: seeds)
    func theTableIsTheSame(_ seed: Int) {
        var random = Seeded(seed)
        let names = Nasty.names(12, &random)
        let (found, wanted) = (snapshot(names), snapshot(names.map { _ in Self.plain }))
        for wide in [false, true] {
            let text = text(found, wide: wide)
            expectPlain(text, "seed \(seed)")
            #expect(lines(text).count == lines(self.text(wanted, wide: wide)).count, "seed \(seed)")
            expectColumns(text, rows: names.count, "seed \(seed)")
        }
    }

    /// The last column is one of figures, to the right: all lines of the table end in the same place.
    private func expectColumns(_ text: String, rows: Int, _ comment: Comment) {
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let titles = all.firstIndex(where: { $0.contains("  PROCESS  ") }) else {
            Issue.record("no titles \(comment)")
            return
        }
        // Four lines a row, and those of the sum.
        let body = all[(titles + 1)..<(titles + 1 + 4 * (rows + 1))]
        let families = body.filter { $0.contains("[TCP]") }
        #expect(families.count == rows + 1, comment)
        #expect(Set(families.map { Escaping.displayWidth(String($0)) }).count == 1, comment)
        let firsts = body.enumerated().filter { $0.offset % 4 == 0 }.map {
            Escaping.displayWidth(String($0.element))
        }
        #expect(Set(firsts.dropLast()).count == 1, comment)
    }

    @Test(arguments: seeds)
    func reportsSayItOnTheirLines(_ seed: Int) throws {
        var random = Seeded(seed)
        let names = Nasty.names(6, &random)
        func frame(_ names: [[UInt8]]) -> String {
            let texts = names.map { String(decoding: $0, as: UTF8.self) }
            var head = ReportHead()
            (head.host, head.kernel, head.boot) = (texts[0], texts[1], "b" + texts[2])
            (head.source, head.mode, head.version) = (texts[3], "m" + texts[4], texts[5])
            head.scope = texts
            head.rules = texts.map { "-F exe=" + Escaping.word(Array($0.utf8)) }
            return ReportFrame.head(head, .comments) + ReportFrame.head(head, .csv)
        }
        let text = frame(names)
        expectPlain(text, "seed \(seed)")
        #expect(lines(text).count == lines(frame(names.map { _ in Self.plain })).count, "seed \(seed)")
        #expect(lines(text).dropLast().allSatisfy { $0.hasPrefix("# ") }, "seed \(seed)")
    }

    /// Through JSON and back to the bytes, and side by side.
    @Test(arguments: seeds)
    func diffsKeepNamesApart(_ seed: Int) throws {
        var random = Seeded(seed)
        let names = Nasty.names(12, &random)
        func table(_ names: [[UInt8]]) throws -> ReportTable {
            let line = JSONLines.render(snapshot(names))
            expectPlain(line, "seed \(seed)")
            return try #require(ReportTable(line: Array(line.utf8)), "seed \(seed)")
        }
        let old = try table(names.map { _ in Self.plain })
        let new = try table(names)
        #expect(Set(new.names.keys) == Set(names.map { ReportTable.Key(node: $0, name: $0) }), "seed \(seed)")
        let text = DiffText.text(ReportDiff(old: old, new: new))
        expectPlain(text, "seed \(seed)")
        // Of each name a line, and one of its only family.
        let table = text.split(separator: "\n\n")[1].split(separator: "\n")
        #expect(table.count { $0.contains(" -> ") } == 2 * Set(names + [Self.plain]).count, "seed \(seed)")
        #expect(table.count == 1 + 2 * Set(names + [Self.plain]).count, "seed \(seed)")
        expectPlain(DiffText.json(ReportDiff(old: old, new: new)), "seed \(seed)")
    }

    @Test func longNamesLeaveTheTableAsItIs() {
        let long: [[UInt8]] = [
            Array(repeating: 0x78, count: 131_072), Array(repeating: 0xFF, count: 131_072),
            Array(String(repeating: "日", count: 4_096).utf8),
            Array(String(repeating: "/a b", count: 1_024).utf8),
        ]
        let text = text(snapshot(long + long))
        for line in text.split(separator: "\n") {
            // Node, process, program, and all figures.
            #expect(Escaping.displayWidth(String(line)) < 80 + 80 + 160 + 200)
        }
        #expect(text.utf8.count < 100_000)
        #expect(text.contains("  xxxxx") && text.contains("xx\\...xx") && text.contains("\\xff\\...\\xff"))
    }

    /// What is left out is in the middle, no escape is cut, and what has room is whole.
    @Test(arguments: seeds)
    func shortNames(_ seed: Int) {
        var random = Seeded(seed)
        for name in Nasty.names(30, &random) {
            let (whole, short) = (Escaping.visible(name), Escaping.short(name, columns: 24))
            #expect(Escaping.displayWidth(short) <= 24, "\(name)")
            if Escaping.displayWidth(whole) <= 24 {
                #expect(short == whole)
                continue
            }
            let sides = short.replacing("\\\\", with: "..").split(
                separator: "\\...", omittingEmptySubsequences: false)
            #expect(sides.count == 2, "\(short)")
            #expect(Nasty.bytes(shown: short.replacing("\\...", with: "")) != nil, "\(short)")
            #expect(
                whole.unicodeScalars.starts(with: short.unicodeScalars.prefix(sides[0].unicodeScalars.count)))
        }
        #expect(Escaping.short(Array(repeating: 0x41, count: 15)).utf8.count == 15)
        #expect(!Escaping.short(Array(repeating: 0x9B, count: 15)).contains("..."))
    }
}
