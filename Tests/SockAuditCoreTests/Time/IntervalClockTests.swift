import TestSupport
import Testing

@testable import SockAuditCore

/// `--every`: intervals of the records' own time.
@Suite struct IntervalClockTests {
    private typealias Interval = IntervalClock.Interval
    private let none = NameID.none
    private let web = NameID(index: 1)
    private let db = NameID(index: 2)

    private func clock(_ every: Double = 10, offset: @escaping (Int64) -> Int = { _ in 0 }) -> IntervalClock {
        IntervalClock(every: every, utcOffset: offset)
    }

    @Test func intervalsEndAtMultiples() {
        var clock = clock()
        #expect(clock.saw(13_500, node: none) == nil)
        #expect(clock.current == Interval(start: 13_500, end: 20_000))
        #expect(clock.saw(19_999, node: none) == nil)
        #expect(clock.saw(20_000, node: none) == Interval(start: 13_500, end: 20_000))
        #expect(clock.current == Interval(start: 20_000, end: 30_000))
        #expect(clock.saw(12_000, node: none) == nil, "a call that took long")
        #expect(clock.newest == 20_000)
        #expect(clock.saw(29_999, node: none) == nil)
        #expect(clock.newest == 29_999)
    }

    @Test func aGapIsOneStep() {
        var clock = clock()
        _ = clock.saw(13_500, node: none)
        let week: Int64 = 7 * 86_400_000
        #expect(clock.saw(13_500 + week, node: none) == Interval(start: 13_500, end: 20_000))
        #expect(clock.current == Interval(start: 10_000 + week, end: 20_000 + week))
        #expect(clock.count(from: 20_000, to: 10_000 + week) == 60_479)
        #expect(clock.count(from: 20_000, to: 20_000) == 0)
        #expect(clock.count(from: 20_000, to: 10_000) == 0)
    }

    @Test func aGivenStartBeginsTheFirst() {
        var near = clock()
        _ = near.saw(13_500, node: none, start: 12_000)
        #expect(near.current == Interval(start: 12_000, end: 20_000))
        var far = clock()
        _ = far.saw(13_500, node: none, start: 2_000)
        #expect(far.current == Interval(start: 10_000, end: 20_000))
    }

    /// Daily tables go from midnight to midnight, in the night of the change too.
    @Test func daysEndAtMidnight() {
        let change: Int64 = 1_774_746_000_000  // 29 March 2026, 01:00 UTC: Berlin goes from +1 to +2
        var clock = clock(86_400) { $0 < change ? 3_600 : 7_200 }
        _ = clock.saw(change - 3_600_000, node: none)
        #expect(clock.current?.end == change - 7_200_000 + 23 * 3_600_000, "a day of 23 hours")
        _ = clock.saw(change + 23 * 3_600_000, node: none)
        #expect(clock.current == Interval(start: change + 21 * 3_600_000, end: change + 45 * 3_600_000))
    }

    @Test func aClockThatIsSetBackBeginsAnew() {
        var clock = clock()
        _ = clock.saw(1_000_000, node: none)
        _ = clock.saw(1_001_000, node: none)
        for index in 0..<Int64(IntervalClock.patience - 1) {
            #expect(clock.saw(500_000 + index, node: none) == nil)
        }
        #expect(clock.saw(500_500, node: none) == Interval(start: 1_000_000, end: 1_001_000))
        #expect(clock.setBack == 500_500)
        #expect(clock.current == Interval(start: 500_500, end: 510_000))
        #expect(clock.saw(510_000, node: none) == Interval(start: 500_500, end: 510_000))
        #expect(clock.setBack == 0)
    }

    @Test func slowCallsSetNoClock() {
        var clock = clock()
        _ = clock.saw(1_000_000, node: none)
        for index in 0..<Int64(200) {
            #expect(clock.saw(500_000, node: none) == nil)
            if index % 20 == 0 { #expect(clock.saw(1_000_000 + index, node: none) == nil) }
        }
    }

    @Test func aNodeBehindTheOthersSetsNoClock() {
        var clock = clock()
        _ = clock.saw(1_000_000, node: web)
        for index in 0..<Int64(200) { #expect(clock.saw(900_000 + index, node: db) == nil) }
        // And one whose clock is set back while the others' go on.
        _ = clock.saw(1_000_001, node: db)
        for index in 0..<Int64(200) { #expect(clock.saw(900_000 + index, node: db) == nil) }
        #expect(clock.saw(1_010_000, node: web) == Interval(start: 1_000_000, end: 1_010_000))
    }

    /// Whatever the stamps are: intervals are not empty or endless, and none is given out twice.
    @Test(arguments: 1...50)
    func anyStamps(_ seed: Int) {
        var random = Seeded(seed)
        let every = [0.1, 1, 7, 3_600, 86_400][seed % 5]
        var clock = clock(every) { ($0 / 100_000_000) % 2 == 0 ? 3_600 : 7_200 }
        var given: [Interval] = []
        for _ in 0..<500 {
            let stamp = Int64.random(in: 0..<4_000_000_000, using: &random)
            if let over = clock.saw(stamp, node: NameID(index: UInt32(stamp % 3))) { given.append(over) }
            let now = clock.current ?? Interval(start: 0, end: 0)
            #expect(now.end > now.start && now.end - now.start <= Int64(every * 1_000) + 7_200_000)
        }
        for (a, b) in zip(given, given.dropFirst()) { #expect(a != b) }
    }
}
