import TestSupport
import Testing

@testable import SockAuditCore

/// Serials that never arrive, among those that come late.
@Suite struct SerialGapsTests {
    private static let start: Int64 = 1_000_000

    private func settled(_ serials: [UInt64], after: Int64 = SerialGaps.patience) -> Int {
        var gaps = SerialGaps()
        for serial in serials { gaps.saw(serial) }
        gaps.settle(at: Self.start)
        gaps.settle(at: Self.start + after)
        return gaps.missing
    }

    @Test func noneIsMissingInOrderOrShuffled() {
        #expect(settled(Array(100...5_000)) == 0)
        var random = Seeded(1)
        // The first stays first: what came before it is none of ours.
        #expect(settled([100] + Array(101...5_000).shuffled(using: &random)) == 0)
    }

    @Test func aGapIsLossOnlyAfterPatience() {
        let serials = (UInt64(100)...200).filter { $0 != 150 && $0 != 160 }
        #expect(settled(serials, after: SerialGaps.patience - 1) == 0)
        #expect(settled(serials) == 2)
    }

    @Test func whatComesLateInTimeIsNotMissing() {
        var gaps = SerialGaps()
        for serial in UInt64(1)...100 where serial != 50 { gaps.saw(serial) }
        gaps.settle(at: Self.start)
        gaps.saw(50)
        gaps.settle(at: Self.start + SerialGaps.patience)
        #expect(gaps.missing == 0 && gaps.since == nil)
        // And only what was there at the earlier moment is decided.
        gaps.saw(110)
        gaps.settle(at: Self.start + 2 * SerialGaps.patience)
        #expect(gaps.missing == 0)
        gaps.settle(at: Self.start + 3 * SerialGaps.patience)
        #expect(gaps.missing == 9)
        #expect(gaps.since == Self.start + 3 * SerialGaps.patience)
    }

    @Test func beyondTheWindowTheLostAreCountedAtOnce() {
        var gaps = SerialGaps()
        gaps.saw(10)
        gaps.saw(10 + 3 * SerialGaps.window)
        #expect(gaps.missing == Int(2 * SerialGaps.window))
        // A late one of before is none any more, and is not counted twice.
        gaps.saw(11)
        #expect(gaps.missing == Int(2 * SerialGaps.window))
    }

    @Test func twiceIsOnce() { #expect(settled([1, 2, 2, 3, 3, 3, 5]) == 1) }

    @Test func theWrapBeginsAnew() {
        var gaps = SerialGaps()
        for serial in [UInt64(UInt32.max) - 1, UInt64(UInt32.max), 0, 1, 2] { gaps.saw(serial) }
        gaps.settle(at: Self.start)
        gaps.settle(at: Self.start + SerialGaps.patience)
        #expect(gaps.missing == 0)
    }

    @Test(arguments: 0..<20)
    func exactlyWhatWasLeftOutIsMissing(_ seed: Int) {
        var random = Seeded(seed)
        var gaps = SerialGaps()
        var lost = 0
        var waiting: [UInt64] = []
        gaps.saw(999)
        for serial in UInt64(1_000)..<20_000 {
            if random.chance(3) { lost += 1 } else { waiting.append(serial) }
            if waiting.count > 40 { gaps.saw(waiting.remove(at: Int.random(in: 0..<40, using: &random))) }
        }
        for serial in waiting { gaps.saw(serial) }
        gaps.saw(20_000)
        gaps.settle(at: Self.start)
        gaps.settle(at: Self.start + SerialGaps.patience)
        #expect(gaps.missing == lost, "seed \(seed)")
    }
}
