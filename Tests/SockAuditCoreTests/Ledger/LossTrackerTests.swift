import Testing

@testable import SockAuditCore

@Suite struct LossTrackerTests {
    private func lost(_ readings: [UInt32]) -> Int {
        var tracker = LossTracker()
        for (index, value) in readings.enumerated() { tracker.sawKernelLost(value, at: Int64(index)) }
        return tracker.kernelLost
    }

    @Test(
        arguments: [
            ([UInt32(0), 0, 0], 0), ([70], 0), ([70, 70], 0), ([70, 75, 75, 80], 10),
            // The counter wraps at 32 bits.
            ([UInt32.max - 4, 5], 10), ([UInt32.max, 0], 1),
            // Someone reset it: what came after is counted.
            ([5_000, 0], 0), ([5_000, 12], 12), ([5_000, 0, 3, 0, 4], 7),
        ] as [([UInt32], Int)])
    func deltasOnly(_ readings: [UInt32], _ expected: Int) { #expect(lost(readings) == expected) }

    @Test func sinceWhenTheFirstWasNoticed() {
        var tracker = LossTracker()
        tracker.sawKernelLost(9, at: 100)
        #expect(tracker.kernelSince == nil && tracker.reasons { "\($0)" }.isEmpty)
        tracker.sawKernelLost(10, at: 200)
        tracker.sawKernelLost(12, at: 300)
        #expect(tracker.kernelSince == 200)
        let reasons = tracker.reasons { "<\($0)>" }
        #expect(reasons.map(\.code) == [.kernelLost] && reasons.map(\.count) == [3])
        #expect(reasons.allSatisfy { $0.text.contains("<200>") })
    }

    @Test func overrunsAreTotals() {
        var tracker = LossTracker()
        tracker.sawOverruns(0, dropped: 0, at: 50)
        #expect(tracker.overrunSince == nil)
        tracker.sawOverruns(2, dropped: 30, at: 100)
        tracker.sawOverruns(2, dropped: 30, at: 200)
        tracker.sawOverruns(3, dropped: 45, at: 300)
        #expect(tracker.overruns == 3 && tracker.overrunDropped == 45 && tracker.overrunSince == 100)
        #expect(tracker.reasons { "\($0)" }.map(\.code) == [.streamOverrun])
        tracker.sawKernelLost(0, at: 1)
        tracker.sawKernelLost(5, at: 400)
        #expect(tracker.total == 50)
        #expect(tracker.reasons { "\($0)" }.map(\.code) == [.kernelLost, .streamOverrun])
    }
}
