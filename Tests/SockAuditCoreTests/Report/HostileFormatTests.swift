import Foundation
import TestSupport
import Testing

@testable import SockAuditCore

/// Whatever a process calls itself: every format stays what it is, and shows nothing that hides.
@Suite struct HostileFormatTests {
    private func check(_ rows: [Row], _ comment: Comment = "") {
        let snapshot = Snapshot(head: Hostile.head(), rows: rows)
        for (format, text) in Hostile.renderings(snapshot) {
            // CSV's lines end in CR LF.
            let lines = format.hasPrefix("csv") ? text.replacingOccurrences(of: "\r\n", with: "\n") : text
            let bad = lines.unicodeScalars.filter { !Hostile.isPlain($0) }
            #expect(bad.isEmpty, "\(format): \(bad.map { String($0.value, radix: 16) }) \(comment)")
        }
        checkCSV(snapshot, comment)
        checkCells(Hostile.renderings(snapshot)["csv report"] ?? "", comment)
        checkPrometheus(snapshot, comment)
        checkHTML(snapshot, comment)
    }

    @Test func knownTricks() { check(Hostile.rows()) }

    @Test(arguments: 0..<40)
    func anyBytes(_ seed: Int) {
        var random = Seeded(seed)
        let names = (0..<20).map { _ -> [UInt8] in
            if random.chance(50) { return random.bytes(Int.random(in: 0...15, using: &random)) }
            // What means something in one of the formats, in any order.
            let parts = [
                "<", ">", "\"", "'", "&", "=", "+", "-", "@", ",", ";", "\n", "\r", "\t", "\\", "{", "}", " ",
            ]
            return (0..<8).flatMap { _ in Array(random.pick(parts).utf8) }
        }
        check(Hostile.rows(names), "seed \(seed)")
    }

    // MARK: CSV

    private func checkCSV(_ snapshot: Snapshot, _ comment: Comment) {
        let table = CSVReader.read(CSVTable.header + CSVTable.render(snapshot))
        #expect(table.count == snapshot.rows.count + 1, comment)
        let names = ["name", "exe", "node", "host"].compactMap { table[0].firstIndex(of: $0) }
        for line in table.dropFirst() {
            #expect(line.count == table[0].count, comment)
            for index in names where index < line.count {
                let first = line[index].unicodeScalars.first { $0 != " " }
                #expect(
                    first.map { !"=+-@\t\r\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains($0) }
                        ?? true)
                #expect(!line[index].contains(";"))
            }
        }
    }

    /// A spreadsheet splits the lines around the table too.
    private func checkCells(_ lines: String, _ comment: Comment) {
        for cell in lines.split(whereSeparator: { ",;\n".contains($0) }) {
            let first = cell.unicodeScalars.first { $0 != " " }
            #expect(
                first.map { !"=+-@\t\r\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains($0) } ?? true,
                "\(cell) \(comment)")
        }
    }

    @Test(arguments: [
        ("nginx", "nginx"), ("=1+1", "'=1+1"), ("'a", "''a"), ("a,b", "\"a,b\""),
        ("say \"x\"", "\"say \"\"x\"\"\""),
        (" =1", "\\x20=1"), ("a ", "a\\x20"), ("\"=1", "\"'\"\"=1\""), ("a;b", "a\\x3bb"),
        ("a\nb", "a\\x0ab"), ("\t=1", "\\x09=1"),
        ("", ""),
        ("a=b", "a=b"), ("\\", "\\\\"),
    ])
    func cells(_ name: String, _ cell: String) { #expect(Escaping.csv(name) == cell) }

    // MARK: Prometheus

    private func checkPrometheus(_ snapshot: Snapshot, _ comment: Comment) {
        var sums = MetricSums()
        sums.take(snapshot.rows)
        var seen: Set<[UInt8]> = []
        let line = /[a-z_]+(\{name="([^"\\]|\\\\|\\")*",family="(tcp|udp|other)"\})? [0-9]+/
        for text in PrometheusText.render(sums, snapshot).split(separator: "\n") where !text.hasPrefix("#") {
            #expect(text.wholeMatch(of: line) != nil, "\(text) \(comment)")
            // One series twice, and the node exporter takes none of the file.
            #expect(
                seen.insert(Array(text[..<(text.lastIndex(of: " ") ?? text.endIndex)].utf8)).inserted,
                "\(text)")
        }
    }

    /// U+0080 and the byte 80, which is no text.
    @Test func namesThatDifferAreDifferentSeries() {
        var sums = MetricSums()
        sums.take(Hostile.rows([[0x80], Array("\u{80}".utf8), Array("\\x80".utf8)]))
        #expect(sums.names.count == 3)
    }

    // MARK: HTML

    private func checkHTML(_ snapshot: Snapshot, _ comment: Comment) {
        let html = Hostile.renderings(snapshot)["html"] ?? ""
        var plain =
            Hostile.renderings(
                Snapshot(head: Samples.head(), rows: Hostile.rows(snapshot.rows.map { _ in Array("x".utf8) }))
            )["html"] ?? ""
        // The reason's list and its line.
        plain += "<ul><li></li></ul>"
        func tags(_ text: String) -> [String: Int] {
            text.matches(of: /<\/?([a-zA-Z!]+)/).reduce(into: [:]) {
                $0[String($1.output.0), default: 0] += 1
            }
        }
        #expect(tags(html) == tags(plain), "names add or break no element \(comment)")
        #expect(!html.matches(of: /<[^>]*\son[a-z]+=/).contains { _ in true }, comment)
    }
}

/// RFC 4180, as strict as it is.
enum CSVReader {
    static func read(_ text: String) -> [[String]] {
        var table: [[String]] = []
        var row: [String] = []
        var cell = String.UnicodeScalarView()
        var isQuoted = false
        var wasQuoted = false
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            if isQuoted {
                if scalar != "\"" {
                    cell.append(scalar)
                } else if index < scalars.count, scalars[index] == "\"" {
                    cell.append(scalar)
                    index += 1
                } else {
                    isQuoted = false
                    wasQuoted = true
                }
                continue
            }
            switch scalar {
            case "\"":
                #expect(cell.isEmpty && !wasQuoted, "a quote inside a plain cell")
                isQuoted = true
            case ",", "\r":
                row.append(String(cell))
                cell = String.UnicodeScalarView()
                wasQuoted = false
                guard scalar == "\r" else { continue }
                #expect(index < scalars.count && scalars[index] == "\n", "CR LF ends a line")
                index += 1
                table.append(row)
                row = []
            default:
                #expect(!wasQuoted, "text behind a quoted cell")
                cell.append(scalar)
            }
        }
        #expect(row.isEmpty && cell.isEmpty && !isQuoted, "the last line ends")
        return table
    }
}
