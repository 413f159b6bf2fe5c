import Testing

@testable import SockAuditCore

/// How fast sockets become more, and whether that is worth a mark.
@Suite struct GrowthTests {
    private func points(_ values: [Double]) -> [RobustSlope.Point] {
        values.enumerated().map { RobustSlope.Point(Double($0.offset) * 10, $0.element) }
    }

    @Test func theMedianOfAllSlopes() {
        #expect(RobustSlope.slope(points([])) == nil && RobustSlope.slope(points([1, 2])) == nil)
        #expect(RobustSlope.slope(points([5, 5, 5])) == 0)
        #expect(RobustSlope.slope(points([0, 10, 20, 30])) == 1)
        // By hand: 1/10, 3/20, 30/30; 2/10, 29/20; 27/10; sorted .1 .15 .2 1 1.45 2.7.
        #expect(RobustSlope.slope(points([0, 1, 3, 30])) == 0.6)
        // One table in which a burst was open does not move it; least squares would say -0.6.
        #expect(RobustSlope.slope(points([0, 1_000, 20, 30, 40, 50, 60])) == 1)
        #expect(RobustSlope.slope([.init(1, 1), .init(1, 2), .init(1, 3)]) == nil, "no time between them")
    }

    @Test func tendency() {
        #expect(
            RobustSlope.tendency(points([1, 2, 3])) == 1 && RobustSlope.tendency(points([3, 2, 1])) == -1)
        #expect(RobustSlope.tendency(points([1, 1, 1])) == 0 && RobustSlope.tendency(points([1])) == 0)
        #expect(RobustSlope.tendency(points([1, 2, 1, 2])) == 1.0 / 3)
    }

    // MARK: over tables

    private func row(
        _ open: Int, others: Int = 0, limit: Int = 0, pid: Int32 = 7, state: ProcessState = .running
    ) -> Row {
        var row = Row()
        row.pid = pid
        row.start = 1
        row.state = state
        row.name = Array("srv\u{1B}".utf8)
        row.figures = Samples.figures(FamilyCounts(tcp: open))
        for _ in 0..<others { row.figures.others.came(.accept, .tcp) }
        (row.descriptors, row.descriptorLimit) = (open + others + 6, limit)
        return row
    }

    private func head(_ interval: Double, input: Bool = false, time: Int64 = 0) -> SnapshotHead {
        var head = SnapshotHead()
        head.interval = interval
        head.fromInput = input
        head.time = time
        return head
    }

    /// Ten seconds from table to table, but for the first.
    private func last(_ values: [(Int, Int)], limit: Int = 0) -> Row {
        var history = GrowthHistory()
        var shown: [Row] = []
        for (open, others) in values {
            shown = [row(open, others: others, limit: limit)]
            history.take(&shown, head(10))
        }
        return shown[0]
    }

    @Test func aLeakOfOneSocketInSixSecondsAndWhenItEnds() throws {
        let row = last([(0, 4), (2, 4), (3, 4), (5, 4), (7, 4), (8, 4)], limit: 100)
        let growth = try #require(row.growth)
        #expect(row.grows && growth.span == 50 && growth.othersPerMinute == 0)
        #expect(abs((growth.perMinute ?? -1) - 10) < 0.01, "\(growth)")
        // 18 of 100 descriptors are taken, and one goes each six seconds.
        #expect(abs((growth.secondsToLimit ?? -1) - 82 * 6) < 1, "\(growth)")
        #expect(row.mark == "grows")
    }

    @Test func acceptedSocketsThatStayAreGrowthAsWell() throws {
        let row = last([(1, 0), (1, 10), (1, 20), (1, 30)], limit: 0)
        #expect(row.grows && row.growth?.perMinute == 0 && row.growth?.othersPerMinute == 60)
        #expect(row.growth?.secondsToLimit == nil, "the limit is not known")
    }

    @Test(arguments: [
        [0, 10, 20],  // too few tables
        [0, 50, 50, 50, 50, 50, 50, 50],  // a pool that was filled
        [5, 90, 10, 80, 20, 70, 30, 60],  // as much as there is to do
        [90, 80, 70, 60, 50], [5, 5, 5, 5, 5, 5],
    ])
    func noSteadyGrowth(_ values: [Int]) {
        #expect(!last(values.map { ($0, 0) }).grows)
    }

    @Test func aSocketInManyTables() {
        #expect(last((0..<40).map { ($0 / 5, 0) }).grows)
        #expect(!last((0..<40).map { (10 - $0 / 5, 0) }).grows)
    }

    @Test func boundedWhateverTheRunsLength() throws {
        var history = GrowthHistory()
        var shown: [Row] = []
        for table in 0..<5_000 {
            shown = [row(table)]
            history.take(&shown, head(1))
            try #require(history.mostPoints <= GrowthHistory.points)
        }
        let growth = try #require(shown[0].growth)
        #expect(shown[0].grows && abs((growth.perMinute ?? -1) - 60) < 0.1)
        #expect(growth.span == 4_999, "the first and the newest table are among the points")
        var many = (0..<6_000).map { row(10, pid: $0 + 1) } + [row(5_000, pid: 9_000)]
        for _ in 0..<2 { history.take(&many, head(1)) }
        #expect(many.count { $0.growth?.span != 0 } == GrowthHistory.rows)
        #expect(many.last?.growth?.span == 1, "those with the most sockets are followed")
    }

    @Test func whatEndedIsForgottenAndAPidIsUsedAgain() {
        var history = GrowthHistory()
        for open in [0, 10, 20] {
            var rows = [row(open)]
            history.take(&rows, head(10))
        }
        var ended = [row(30, state: .exited)]
        history.take(&ended, head(10))
        #expect(ended[0].growth == Growth())
        var again = [row(40)]
        history.take(&again, head(10))
        #expect(again[0].growth?.span == 0 && !again[0].grows)
    }

    /// Of a log the records' own time counts; where that went back, all begins anew.
    @Test func theClockOfALog() {
        var history = GrowthHistory()
        var spans: [Double] = []
        for (open, time) in [(1, 0), (2, 60_000), (3, 180_000), (4, 240_000), (5, 100_000), (6, 160_000)] {
            var rows = [row(open)]
            history.take(&rows, head(7, input: true, time: Int64(time)))
            spans.append(rows[0].growth?.span ?? -1)
        }
        #expect(spans == [0, 60, 180, 240, 0, 60])
    }

    @Test func theLineUnderTheTable() {
        var rows = (1...5).map { pid -> Row in
            var row = row(100 * pid, limit: pid == 2 ? 1_024 : 0, pid: Int32(pid))
            row.growth = Growth()
            row.growth?.isSteady = pid != 5
            row.growth?.allPerMinute = Double(pid)
            row.growth?.span = 70
            row.growth?.secondsToLimit = pid == 2 ? 3_600 : nil
            return row
        }
        let snapshot = Snapshot(head: Samples.head(), rows: rows)
        #expect(
            GrowthNote.line(snapshot)
                == "grows: srv\\x1b (2) 2.0 sockets more a minute over 00:01:10, 206 of 1024 descriptors: none left in 01:00:00; "
                + "srv\\x1b (4) 4.0 sockets more a minute over 00:01:10; srv\\x1b (3) 3.0 sockets more a minute over 00:01:10; and 1 more rows\n"
        )
        for index in rows.indices { rows[index].growth = nil }
        #expect(GrowthNote.line(Snapshot(head: Samples.head(), rows: rows)) == nil)
        rows[0].state = .exempt
        #expect(rows[0].mark == "exempt")
    }
}
