import Testing

@testable import SockAuditCore

@Suite struct RunHistoryTests {
    private func row(_ pid: Int32, _ open: Int) -> Row {
        var row = Row()
        row.pid = pid
        row.name = Array("p\(pid)".utf8)
        row.figures = Samples.figures(FamilyCounts(tcp: open))
        return row
    }

    private func limits(_ points: Int, _ processes: Int) -> RunHistory.Limits {
        var limits = RunHistory.Limits()
        limits.points = points
        limits.processes = processes
        return limits
    }

    @Test(arguments: [3, 4, 7, 10], [1, 2, 9, 40, 1_000])
    func boundedAndEven(_ points: Int, _ tables: Int) {
        var history = RunHistory(limits: limits(points, 5))
        for table in 0..<tables { history.take([row(1, table + 1)], at: Int64(table) * 1_000) }
        let times = history.times
        #expect(times.count <= points)
        #expect(times.count >= min(tables, points / 2))
        #expect(
            times.first == 0 && times.last == Int64(tables - 1) * 1_000, "the first and the newest are there")
        // All steps alike, but for the last to the newest.
        let steps = Set(zip(times.dropFirst(), times).dropLast().map { $0 - $1 })
        #expect(steps.count <= 1, "\(times)")
        let line = history.lines.values.first
        #expect(line?.values.map { $0.map { Int64($0 - 1) * 1_000 } } == times, "each value at its own time")
        #expect(line?.peak == tables)
    }

    @Test func comesAndGoes() {
        var history = RunHistory()
        history.take([row(1, 4)], at: 0)
        history.take([row(1, 2), row(2, 9)], at: 1)
        history.take([row(2, 8)], at: 2)
        let lines = history.top(5)
        #expect(lines.map(\.pid) == [2, 1])
        #expect(lines[0].values == [nil, 9, 8] && lines[1].values == [4, 2, nil])
        #expect(lines[0].peak == 9 && lines[1].peak == 4)
    }

    @Test func theHighestStay() {
        var history = RunHistory(limits: limits(10, 2))
        history.take([row(1, 1), row(2, 5), row(3, 3)], at: 0)
        #expect(Set(history.top(9).map(\.pid)) == [2, 3])
        history.take([row(1, 4), row(2, 5), row(3, 3), row(4, 2)], at: 1)
        #expect(Set(history.top(9).map(\.pid)) == [1, 2])
    }

    @Test func groupsAreKnownByTheirNames() {
        var history = RunHistory(isGrouped: true)
        var first = row(1, 4)
        first.name = Array("nginx".utf8)
        history.take([first], at: 0)
        first.pid = 0
        history.take([first], at: 1)
        #expect(history.lines.count == 1)
    }

    @Test(arguments: [
        (0, 1), (1, 1), (5, 5), (6, 6), (11, 15), (24, 25), (100, 100), (101, 150), (12_345, 15_000),
    ])
    func scales(_ peak: Int, _ top: Int) {
        let ticks = HTMLChart.scale(peak)
        #expect(ticks.first == 0 && ticks.last == top && ticks.count <= 6, "\(ticks)")
    }
}
