import SockAuditCore
import Testing

/// What a clock that is set does to stamps: nothing.
@Suite struct FaultClockShiftsTests {
    /// A host: the even clock, and how far the one on the wall is ahead of it.
    private struct Host {
        var shifts = ClockShifts()
        var even: Int64 = 1_000_000
        var ahead: Int64 = 0

        /// Some time goes by, and somebody looks.
        mutating func pass(_ milliseconds: Int64) {
            even += milliseconds
            shifts.saw(wall: even + ahead, before: even, after: even)
        }

        func stamp(ago: Int64 = 0) -> Int64 { even - ago + ahead }
        func evened(_ stamp: Int64) -> Int64 { shifts.even(stamp, now: even) }
    }

    @Test func aClockThatNobodySets() {
        var host = Host()
        for _ in 0..<100 {
            host.pass(1_000)
            // NTP slews both; the two are read a moment apart.
            host.ahead = host.ahead == 0 ? 3 : 0
        }
        #expect(host.shifts.count == 0)
        #expect(host.evened(host.even - 77) == host.even - 77)
        #expect(host.evened(host.even + 5) == host.even + 5)
    }

    @Test(arguments: [3_600_000, -3_600_000, 1_500, -1_500, 86_400_000 * 400, -86_400_000 * 400, 60, -60])
    func setOnce(_ step: Int64) {
        var host = Host()
        host.pass(1_000)
        let before = (even: host.even - 300, stamp: host.stamp(ago: 300))
        host.ahead += step
        // Written after it was set and before that was seen.
        host.even += 20
        let between = (even: host.even, stamp: host.stamp())
        host.pass(10)
        #expect(host.shifts.count == 1 && host.shifts.lastStep == step)
        #expect(host.evened(between.stamp) == between.even)
        // One from before that is read only now.
        if abs(step) > 1_000 { #expect(host.evened(before.stamp) == before.even) }
        for _ in 0..<50 {
            host.pass(700)
            #expect(host.evened(host.stamp()) == host.even)
            #expect(host.evened(host.stamp(ago: 350)) == host.even - 350)
        }
        #expect(host.shifts.count == 1)
    }

    @Test func setManyTimes() {
        var host = Host()
        host.pass(100)
        for round in 0..<500 {
            let step: Int64 = (round % 2 == 0 ? -1 : 1) * Int64(5_000 + 37 * round)
            host.ahead += step
            host.pass(5_000)
            #expect(host.shifts.count == round + 1 && host.shifts.lastStep == step)
            for ago in [0, 10, 2_000] {
                #expect(host.evened(host.stamp(ago: Int64(ago))) == host.even - Int64(ago))
            }
        }
    }

    /// A call that was entered long ago, under another clock, may be dated wrong, but not later than now.
    @Test func nothingIsOfTheFuture() {
        var host = Host()
        host.pass(100)
        let old = host.stamp()
        host.ahead -= 10_000
        host.pass(100_000)
        #expect(host.evened(old) <= host.even)
        #expect(host.evened(host.stamp() + 1_000_000_000) <= host.even)
    }

    /// Whoever lost the processor between the two clocks has seen nothing.
    @Test func aPauseIsNoSetting() {
        var shifts = ClockShifts()
        shifts.saw(wall: 1_000, before: 1_000, after: 1_000)
        shifts.saw(wall: 2_500, before: 2_000, after: 2_501)
        #expect(shifts.count == 0)
    }
}
