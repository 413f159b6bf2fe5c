import Foundation
import TestSupport
import Testing

/// `--group-by`, `--sort` and `--top`, as each format shows them.
@Suite struct ShapeTests {
    private typealias Counts = [String: [String: Int]]
    private static let figures = [
        "socket_tot", "socket_last", "close_tot", "close_last", "released", "still_open",
    ]
    private static let families = ["total", "tcp", "udp", "other"]
    private static let logs = [
        "sample.log", "logs/fork.log", "logs/node.log", "logs/hostile.log", "logs/threads.log",
    ]

    private func show(_ log: String, _ format: String, _ options: [String]) throws -> String {
        let path = Repository.path + "/Tests/Fixtures/" + log
        let ran = try run(
            Repository.sockaudit, ["all", "--utc", "--format", format] + options + ["--input", path])
        #expect([0, 4].contains(ran.code), "\(log) \(options): \(ran.err)")
        return ran.out
    }

    private func json(
        _ log: String, _ options: [String]
    ) throws -> (rows: [[String: Any]], totals: Counts, hidden: Int) {
        let object = try JSONSerialization.jsonObject(with: Data(try show(log, "json", options).utf8))
        let table = try #require(object as? [String: Any])
        let totals = try #require(table["totals"] as? [String: Any])
        return (
            try #require(table["rows"] as? [[String: Any]]), counts(totals),
            table["hidden_rows"] as? Int ?? -1
        )
    }

    private func counts(_ part: [String: Any]) -> Counts {
        Self.figures.reduce(into: [:]) { $0[$1] = part[$1] as? [String: Int] }
    }

    private func sum(_ parts: [Counts]) -> Counts {
        var sum: Counts = [:]
        for figure in Self.figures {
            for family in Self.families {
                sum[figure, default: [:]][family] = parts.reduce(0) { $0 + ($1[figure]?[family] ?? -1) }
            }
        }
        return sum
    }

    private func csv(_ log: String, _ options: [String]) throws -> [[String: String]] {
        let script = "import csv, json, sys; print(json.dumps(list(csv.DictReader(sys.stdin))))"
        let read = try run(Tool.python, ["-c", script], input: try show(log, "csv", options))
        return try #require(
            try JSONSerialization.jsonObject(with: Data(read.out.utf8)) as? [[String: String]], "\(read.err)")
    }

    /// The cells of StillOPEN, all families, row by row, and of its total.
    private func htmlOpen(_ page: String) -> [[Int]] {
        page.matches(of: /<td class="n open">((<span>\d+<\/span>)+)<\/td>/).map { match in
            match.output.1.matches(of: /\d+/).compactMap { Int($0.output) }
        }
    }

    @Test(arguments: ["name", "exe", "auid", "node", "unit"])
    func groupsAreTheSumsOfTheirProcesses(_ grouping: String) throws {
        for log in Self.logs {
            let options = ["--group-by", grouping]
            let processes = try json(log, [])
            let groups = try json(log, options)
            #expect(processes.totals == sum(processes.rows.map(counts)), "\(log)")
            #expect(
                groups.totals == processes.totals && sum(groups.rows.map(counts)) == processes.totals,
                "\(log)")
            func number(_ row: [String: Any]) -> Int { row["processes"] as? Int ?? 1 }
            #expect(groups.rows.reduce(0) { $0 + number($1) } == processes.rows.reduce(0) { $0 + number($1) })
            if ["name", "exe"].contains(grouping) {
                let byKey = Dictionary(grouping: processes.rows) {
                    "\($0[grouping] ?? "") \($0["node"] ?? "")"
                }
                #expect(groups.rows.count == byKey.count, "\(log)")
                for row in groups.rows {
                    let members = byKey[
                        "\(row[grouping == "exe" ? "exe" : "name"] ?? "") \(row["node"] ?? "")"]
                    #expect(sum((members ?? []).map(counts)) == counts(row), "\(log) \(row["name"] ?? "")")
                }
            }
            let cells = try csv(log, options)
            #expect(cells.count == groups.rows.count)
            for (line, row) in zip(cells, groups.rows) {
                for (figure, split) in counts(row) {
                    for (family, count) in split { #expect(line["\(figure)_\(family)"] == "\(count)") }
                }
            }
            let open = (groups.rows.map(counts) + [groups.totals]).map { row in
                Self.families.map { row["still_open"]?[$0] ?? -1 }
            }
            #expect(htmlOpen(try show(log, "html", options)) == open, "\(log)")
            // In text the last column; rows that never had a socket of their own are not there.
            let lines = try show(log, "text", options + ["--wide", "--family", "tcp"]).split(separator: "\n")
            let title = try #require(lines.first { $0.contains("StillOPEN") })
            let width = try #require(title.firstRange(of: "StillOPEN")).upperBound
            let column = title.distance(from: title.startIndex, to: width)
            let shown = lines.drop { !$0.contains("StillOPEN") }.dropFirst().filter { $0.contains("[TCP]") }
            let figures = shown.compactMap { Int($0.prefix(column).split(separator: " ").last ?? "") }
            #expect(
                figures.dropLast(groups.rows.count > 1 ? 1 : 0).reduce(0, +)
                    == groups.totals["still_open"]?["tcp"])
            #expect(groups.rows.count == 1 || figures.last == groups.totals["still_open"]?["tcp"])
        }
    }

    @Test(arguments: ["open", "socket", "close", "name", "pid", "age"])
    func orderAndTopAreTheSameEverywhere(_ order: String) throws {
        for log in Self.logs {
            let options = ["--sort", order, "--top", "2"]
            let all = try json(log, ["--sort", order])
            let top = try json(log, options)
            let pids = top.rows.map { "\($0["pid"] ?? "")" }
            #expect(
                pids == all.rows.prefix(2).map { "\($0["pid"] ?? "")" }
                    && top.hidden == all.rows.count - pids.count)
            #expect(top.totals == all.totals)
            #expect(try csv(log, options).map { $0["pid"] ?? "" } == pids)
            let page = try show(log, "html", options)
            let shown = page.matches(of: /scope="row">.*?<td class="n" data-v="(\d+)">/).map {
                String($0.output.1)
            }
            #expect(shown == pids, "\(log)")
            let open = try #require(top.totals["still_open"])
            #expect(htmlOpen(page).last == Self.families.map { open[$0] ?? -1 })
        }
    }
}
