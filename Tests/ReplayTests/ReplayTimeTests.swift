import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// `--from`, `--to`, `--every`, `--count` and `--duration` over old records.
@Suite("Replay: the records' own time")
struct ReplayTimeTests {
    static let base = 1_700_000_000

    /// Pid 7 opens 3 in second 0, 4 in second 10, closes 3 in 20, 4 in 30; pid 8 opens 3 in 25.
    let story = [
        ReplayLine.socket(3, pid: 7, serial: 100, at: base),
        ReplayLine.socket(4, pid: 7, serial: 101, at: base + 10),
        ReplayLine.close(3, pid: 7, serial: 102, at: base + 20),
        ReplayLine.socket(3, pid: 8, serial: 103, at: base + 25),
        ReplayLine.close(4, pid: 7, serial: 104, at: base + 30),
    ]

    func tables(_ lines: [String], _ change: (inout WatchSettings) -> Void) throws -> [ReplayReport] {
        let folder = try Scratch()
        let found = try ReplayReport.tables(try folder.write("audit.log", lines), change: change)
        for table in found { table.checkSums() }
        for (index, table) in found.enumerated() {
            #expect(try table.head("sequence") == index + 1)
            #expect(try table.head("final") == (index == found.count - 1))
        }
        return found
    }

    private func ms(_ second: Int) -> Int64 { Int64(Self.base + second) * 1_000 }

    func numbers(_ figures: ReplayFigures?) -> [Int]? {
        figures.map { [$0.opened, $0.closed, $0.released, $0.open].map(\.total) }
    }

    @Test("Only what happened inside counts; a close of what was open before is no close")
    func from() throws {
        let table = try #require(try tables(story) { $0.from = ms(5) }.first)
        #expect(numbers(table.sockets(of: 7)) == [1, 1, 0, 0])
        #expect(numbers(table.sockets(of: 8)) == [1, 0, 0, 1])
        let seven = try #require(table.objects.first { $0["pid"] as? Int == 7 })
        let others = try #require(seven["others"] as? [String: [String: Int]])
        #expect(others["earlier"] == ["opened": 1, "closed": 1, "open": 0])
        #expect(try table.head("started") == "2023-11-14T22:13:25.000Z")
        #expect(try table.head("interval") as Double == 25.1)
        let events: [String: Int] = try table.head("events")
        #expect(events == ["seen": 4, "used": 4, "lost": 0])
        let late = try tables(story) { $0.from = ms(28) }
        #expect(late.map { numbers($0.sockets(of: 7)) } == [[0, 0, 0, 0]])
        #expect(late.first?.sockets(of: 8).map(numbers) == [0, 0, 0, 0])
    }

    @Test("What came after the end is not counted, and the table ends with the last that was")
    func to() throws {
        let table = try #require(try tables(story) { $0.to = ms(25) + 100 }.first)
        #expect(numbers(table.sockets(of: 7)) == [2, 1, 0, 1])
        #expect(numbers(table.sockets(of: 8)) == [1, 0, 0, 1])
        #expect(try table.head("time") == "2023-11-14T22:13:45.100Z")
        let earlier = try #require(try tables(story) { $0.to = ms(25) + 99 }.first)
        #expect(earlier.sockets(of: 8) == nil)
        let folder = try Scratch()
        let none = try ReplayReport.run(try folder.write("audit.log", story)) { $0.to = ms(-1) }
        #expect(none.code == 1 && none.table == nil)
        let nothing = try ReplayReport.run(try folder.write("audit.log", story)) { $0.from = ms(100) }
        #expect(nothing.rows.allSatisfy { numbers($0.figures) == [0, 0, 0, 0] })
    }

    @Test("--duration is of the records' time, from the first or from --from on")
    func duration() throws {
        let first = try #require(try tables(story) { $0.duration = 22 }.first)
        #expect(numbers(first.sockets(of: 7)) == [2, 1, 0, 1] && first.sockets(of: 8) == nil)
        let second = try #require(
            try tables(story) {
                $0.from = ms(5)
                $0.duration = 22
            }.first)
        #expect(numbers(second.sockets(of: 7)) == [1, 0, 0, 1])
        #expect(numbers(second.sockets(of: 8)) == [1, 0, 0, 1])
    }

    @Test("A table for each interval, cut at multiples; SocketLAST and CloseLAST are the interval's")
    func every() throws {
        let found = try tables(story) { $0.every = 20 }
        // 1700000000 is a multiple of 20.
        #expect(
            try found.map { try $0.head("time") as String } == [
                "2023-11-14T22:13:40.000Z", "2023-11-14T22:13:50.100Z",
            ])
        #expect(try found.map { try $0.head("interval") as Double } == [19.9, 10.1])
        #expect(found.map { numbers($0.sockets(of: 7)) } == [[2, 0, 0, 2], [2, 2, 0, 0]])
        #expect(found.map { $0.sockets(of: 7)?.openedLast.total } == [2, 0])
        #expect(found.map { $0.sockets(of: 7)?.closedLast.total } == [0, 2])
        #expect(found.map { $0.sockets(of: 8)?.openedLast.total } == [nil, 1])
        #expect(found.allSatisfy { $0.reasons.isEmpty })
    }

    @Test(
        "The intervals' figures add up to the whole's, whatever their length",
        arguments: [0.5, 1, 3, 7, 60, 3_600])
    func sums(_ every: Double) throws {
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        let found = try ReplayReport.tables(ReplayFixtures.sample) { $0.every = every }
        for table in found { table.checkSums() }
        #expect(found.last?.totals.opened == plain.totals.opened)
        #expect(found.last?.rows.count == plain.rows.count)
        for row in plain.rows {
            let mine = found.compactMap { $0.sockets(of: row.pid) }
            #expect(mine.reduce(ReplayCounts()) { $0 + $1.openedLast } == row.figures.opened)
            #expect(mine.reduce(ReplayCounts()) { $0 + $1.closedLast } == row.figures.closed)
            #expect(mine.last?.open == row.figures.open)
        }
        #expect(every > 1 || found.count > 1)
    }

    @Test("Windows anywhere give what another reader counts in them", arguments: 1...12)
    func anyWindow(_ seed: Int) throws {
        var random = Seeded(seed)
        let lines = try ReplayFixtures.sampleLines()
        let stamps = lines.compactMap(ReplayCounter.parse).map(\.stamp)
        let from = Double.random(in: (stamps.min() ?? 0)...(stamps.max() ?? 0), using: &random)
        let to = Double.random(in: from...(from + 20), using: &random)
        let report = try ReplayReport.run(ReplayFixtures.sample) {
            $0.from = Int64(from * 1_000)
            $0.to = Int64(to * 1_000)
        }
        report.checkSums()
        let wanted = ReplayCounter(
            lines, from: Double(Int64(from * 1_000)) / 1_000, to: Double(Int64(to * 1_000)) / 1_000)
        for (pid, figures) in wanted.figures {
            let found = report.sockets(of: pid)
            #expect(
                found?.opened == figures.opened && found?.closed == figures.closed, "seed \(seed), pid \(pid)"
            )
            #expect(
                found?.released == figures.released && found?.open == figures.open, "seed \(seed), pid \(pid)"
            )
        }
        let opened = wanted.figures.values.reduce(ReplayCounts()) { $0 + $1.opened }
        #expect(report.totals.opened == opened)
    }

    @Test("A week's silence is told of in one table's note; --count counts tables")
    func gap() throws {
        let week = 7 * 86_400
        let lines = story + [ReplayLine.socket(5, pid: 7, serial: 105, at: Self.base + week)]
        let found = try tables(lines) { $0.every = 10 }
        #expect(found.count == 5)
        #expect(found.last?.reasons == ["quiet_intervals": week / 10 - 4])
        #expect(found.dropLast().allSatisfy { $0.reasons.isEmpty })
        let three = try tables(lines) {
            $0.every = 10
            $0.count = 3
        }
        #expect(three.count == 3)
        #expect(three.map { numbers($0.sockets(of: 7)) } == [[1, 0, 0, 1], [2, 0, 0, 2], [2, 1, 0, 1]])
    }

    @Test("Intervals in which only others did something get no table")
    func scope() throws {
        let other = (0..<9).map {
            ReplayLine.syscall(
                41, exit: 3, "2 1 0 0", pid: 9, serial: 200 + $0, at: Self.base + 10 * $0, name: "curl")
        }
        let mine = [ReplayLine.socket(3, pid: 7, serial: 300, at: Self.base + 95)]
        let folder = try Scratch()
        let found = try ReplayReport.tables(
            try folder.write("audit.log", other + mine), scope: Scope(patterns: ["app"])
        ) { $0.every = 10 }
        #expect(found.count == 1)
        #expect(found.first?.reasons == ["quiet_intervals": 9])
    }

    @Test("A clock that is set back begins a new interval; no figure is negative")
    func setBack() throws {
        let before = (0..<40).map {
            ReplayLine.socket(3 + $0, pid: 7, serial: 100 + $0, at: Self.base + 1_000 + $0)
        }
        let after = (0..<40).map { ReplayLine.close(3 + $0, pid: 7, serial: 200 + $0, at: Self.base + $0) }
        let found = try tables(before + after) { $0.every = 100 }
        #expect(found.count == 2)
        #expect(found.last?.reasons == ["clock_set": 1])
        let figures = try #require(found.last?.sockets(of: 7))
        #expect(numbers(figures) == [40, 40, 0, 0])
        #expect(found.compactMap { $0.sockets(of: 7)?.closedLast.total }.reduce(0, +) == 40)
        #expect(try found.allSatisfy { try $0.head("interval") as Double >= 0 })
    }

    /// In a log the records' own time counts, whatever was done to the clock: it goes forward a day, back two
    /// hours, and on.
    @Test(
        "Stamps that jump: figures are those of an even clock, and no time is negative",
        arguments: [nil, 60.0])
    func faultStampsJump(_ every: Double?) throws {
        let clocks = [0, 86_400, 79_200, -3_600]
        func log(_ clocks: [Int]) -> [String] {
            (0..<4).flatMap { part in
                (0..<50).flatMap { step in
                    let (serial, at) = (
                        1_000 + part * 200 + step * 2, Self.base + clocks[part] + part * 50 + step
                    )
                    return [
                        ReplayLine.socket(3 + step, pid: 7 + part, serial: serial, at: at),
                        step % 2 == 0
                            ? ReplayLine.close(3 + step, pid: 7 + part, serial: serial + 1, at: at)
                            : ReplayLine.socket(3 + part * 50 + step, pid: 99, serial: serial + 1, at: at),
                    ]
                }
            }
        }
        let even = try #require(try tables(log([0, 0, 0, 0])) { $0.every = nil }.last)
        let found = try tables(log(clocks)) { $0.every = every }
        let last = try #require(found.last)
        #expect(last.rows.count == 5 && Set(last.rows.map(\.pid)) == Set(even.rows.map(\.pid)))
        for row in even.rows {
            #expect(numbers(last.sockets(of: row.pid)) == numbers(row.figures), "\(row.pid)")
        }
        for table in found {
            #expect(try table.head("interval") as Double >= 0)
            for row in table.objects { #expect(try #require(row["duration"] as? Double) >= 0) }
        }
        let opened = found.map { $0.totals.openedLast.total }
        #expect(opened.allSatisfy { $0 >= 0 } && opened.reduce(0, +) == last.totals.opened.total)
        if every != nil { #expect(last.reasons["clock_set"] ?? 0 >= 1, "\(last.reasons)") }
    }

    @Test("Nodes have windows of their own")
    func nodes() throws {
        let web = story.map { "node=web1 " + $0 }
        // The same, a second later each.
        let later = story.map { line in
            "node=db7 " + line.replacing("audit(17000000", with: "audit(17000001")
        }
        let table = try #require(try tables(web + later) { $0.from = ms(105) }.first)
        #expect(table.rows.filter { $0.node == "web1" }.allSatisfy { numbers($0.figures) == [0, 0, 0, 0] })
        let db = table.rows.filter { $0.node == "db7" }
        #expect(
            db.map { numbers($0.figures) ?? [] }.sorted { $0[3] < $1[3] } == [[1, 1, 0, 0], [1, 0, 0, 1]])
    }

    @Test("A log that is left before its end has no damage for that")
    func leftEarly() throws {
        let folder = try Scratch()
        let lines = (0..<40_000).map {
            ReplayLine.socket(3 + $0, pid: 7, serial: 100 + $0, at: Self.base + $0)
        }
        let plain = try folder.write("plain.log", lines)
        try folder.write("packed.log", lines)
        let changes: [(inout WatchSettings) -> Void] = [
            { $0.duration = 100 }, { $0.to = Int64(Self.base + 100) * 1_000 },
            { settings in (settings.every, settings.count) = (50, 2) },
        ]
        for path in [plain, try folder.gzip("packed.log")] {
            for change in changes {
                let found = try #require(try ReplayReport.tables(path, change: change).last)
                #expect(found.code == 0 && found.verdict == "unverified" && found.reasons == [:])
            }
        }
    }

    @Test("Files of a set that begin long after the end are not read")
    func early() throws {
        let folder = try Scratch()
        try folder.write("audit.log.1", story)
        try folder.write("audit.log", ["type=SYSCALL msg=audit(1700090000.100:900): broken", "x"])
        let some = try ReplayReport.run(folder.path) { $0.to = ms(100) }
        #expect(some.reasons.isEmpty)
        #expect(try ReplayReport.run(folder.path).reasons == ["malformed": 1, "skipped_lines": 1])
    }
}
