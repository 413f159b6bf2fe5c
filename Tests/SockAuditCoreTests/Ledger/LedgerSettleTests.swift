import Testing

@testable import SockAuditCore

/// What two readings of /proc around a drained stream may change: only what both say, and only
/// about what was on the books before the first.
@Suite struct LedgerSettleTests {
    @Test func whatIsThereStays() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.socket(10, 4)
        let result = bench.look([10: bench.scan(10, [3: 100, 4: 101])])
        #expect(result.vanished == 0 && result.endedUnseen == 0 && result.resurrected == 0)
        bench.expect(10, 2, closed: 0, released: 0, open: 2)
    }

    @Test func whatIsGoneIsReleased() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3, .tcp)
        bench.socket(10, 4, .udp)
        let result = bench.look([10: bench.scan(10, [4: 101])])
        #expect(result.vanished == 1)
        bench.expect(10, 2, closed: 0, released: 1, open: 1)
        #expect(bench.figures(10).released == FamilyCounts(tcp: 1))
    }

    @Test func aCloseThatComesAfterTheLookIsAClose() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        let entered = bench.now
        bench.look([10: bench.scan(10, [:])])
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        bench.close(10, 3, at: entered)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    @Test func whatWasOpenedAfterTheLookBeganIsNotJudged() {
        let bench = Bench()
        bench.start(10)
        bench.ledger.beginLook()
        bench.socket(10, 3)
        let scans = [Int32(10): bench.scan(10, [:])]
        let result = bench.ledger.settle(first: scans, second: scans, at: bench.now)
        #expect(result.vanished == 0)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        // The next look judges it.
        bench.look(scans)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
    }

    @Test func onlyWhatBothReadingsSay() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.ledger.beginLook()
        for (first, second) in [([Int32: UInt64](), [Int32(3): UInt64(7)]), ([3: 7], [:])] {
            let result = bench.ledger.settle(
                first: [10: bench.scan(10, first)], second: [10: bench.scan(10, second)], at: bench.now)
            #expect(result.vanished == 0)
        }
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    @Test func anotherSocketUnderTheNumberIsNotOurs() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.look([10: bench.scan(10, [3: 100])])
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        bench.look([10: bench.scan(10, [3: 200])])
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
    }

    @Test func unreadableSaysNothing() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        var scan = bench.scan(10, [:])
        scan.presence = .unreadable
        let result = bench.look([10: scan])
        #expect(result.unreadable == 1)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        #expect(bench.ledger.doubtful([10: scan]).isEmpty)
    }

    @Test func onlyThoseThatDisagreeAreDoubtful() {
        let bench = Bench()
        for pid in Int32(10)...13 {
            bench.start(pid)
            bench.socket(pid, 3)
        }
        bench.gone(13)
        let scans = [
            Int32(10): bench.scan(10, [3: 1]), 11: bench.scan(11, [:]), 12: bench.scan(12, [3: 1, 4: 2]),
            13: bench.scan(13, [:]),
        ]
        #expect(bench.ledger.doubtful(scans).sorted() == [11, 12, 13])
        #expect(bench.ledger.watched().sorted() == [10, 11, 12, 13])
    }

    // MARK: processes

    @Test func aProcessThatIsGoneEndsThere() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.gone(10)
        let result = bench.look([10: bench.scan(10, [:])])
        #expect(result.endedUnseen == 1)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        #expect(bench.rows().map(\.state) == [.exited])
        #expect(bench.ledger.watched().isEmpty)
    }

    @Test func goneInOneReadingOnlyIsNotGone() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        let alive = bench.scan(10, [3: 1])
        bench.ledger.beginLook()
        bench.ledger.settle(first: [10: alive], second: [10: ProcessScan(presence: .gone)], at: bench.now)
        #expect(bench.rows().map(\.state) == [.running])
    }

    @Test func anotherProcessUnderThePidEndsTheOld() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.now += 10_000
        bench.start(10)
        bench.look([10: bench.scan(10, [3: 5])])
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        // What the new one did from its start on is its own.
        bench.socket(10, 3, .udp)
        #expect(bench.rows().map(\.state).count == 2)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    @Test func lateRecordsOfAProcessThatWasFoundGone() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        let entered = bench.now
        bench.gone(10)
        bench.look([10: bench.scan(10, [:])])
        bench.close(10, 3, at: entered)
        bench.call(10, .exitGroup, at: entered)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
        #expect(bench.rows().count == 1)
    }

    // MARK: closes that were another file's

    @Test func aBriefSocketThatIsThereComesBack() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3, .udp)
        bench.close(10, 3)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
        let result = bench.look([10: bench.scan(10, [3: 70], threaded: true)])
        #expect(result.resurrected == 1)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        #expect(bench.figures(10).stillOpen == FamilyCounts(udp: 1))
        bench.now += 10_000
        bench.close(10, 3)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    @Test func withOneThreadACloseIsAClose() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.close(10, 3)
        bench.look([10: bench.scan(10, [3: 70])])
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    @Test func aDuplicateOnTheNumberIsNotTheSocket() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 4)
        bench.socket(10, 3)
        bench.close(10, 3)
        bench.look([10: bench.scan(10, [3: 70, 4: 70], threaded: true)])
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
    }

    /// A close that was made after the second reading and applied before settling (the monitor
    /// drains the stream once more): both readings are older than it.
    @Test(arguments: [true, false])
    func aCloseAfterTheSecondReadingStands(_ threaded: Bool) {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.ledger.beginLook()
        let scans = [Int32(10): bench.scan(10, [3: 70], threaded: threaded)]
        bench.close(10, 3)
        bench.ledger.settle(first: scans, second: scans, at: bench.now - 4)
        bench.checkSums()
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
        #expect(bench.figures(10).others.open.isZero, "nothing is left open of it")
        bench.look([10: bench.scan(10, [:], threaded: threaded)])
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    /// The readings see the number's next holder, whose record is still on its way: the close was
    /// right, and must not become a release when that record comes.
    @Test func aSuccessorWhoseRecordIsOnItsWay() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3, .tcp)
        bench.close(10, 3)
        let entered = bench.now + 1
        bench.look([10: bench.scan(10, [3: 71], threaded: true)])
        bench.socket(10, 3, .udp, at: entered)
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
        #expect(bench.figures(10).closeTotal == FamilyCounts(tcp: 1))
        #expect(bench.figures(10).stillOpen == FamilyCounts(udp: 1))
    }

    /// What a table has shown as closed must not make the next interval's closes negative.
    @Test func theLastIntervalIsNeverNegative() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.close(10, 3)
        // The process came between the readings, so this look did not see it.
        bench.look([:])
        #expect(bench.rows().map(\.figures.closeLast.total) == [1])
        bench.look([10: bench.scan(10, [3: 70], threaded: true)])
        for row in bench.rows() { #expect(row.figures.closeLast.total >= 0) }
    }

    /// The same for a close that came while the look was under way: the table has counted it.
    @Test func norAfterACloseDuringALook() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        let scans = [Int32(10): bench.scan(10, [3: 70], threaded: true)]
        bench.ledger.beginLook()
        bench.close(10, 3)
        bench.ledger.settle(first: scans, second: scans, at: bench.now - 4)
        #expect(bench.rows().map(\.figures.closeLast.total) == [1])
        bench.look(scans)
        #expect(bench.rows().map(\.figures.closeLast.total).allSatisfy { $0 >= 0 })
    }

    /// A copy that came in a message, with a mark for exec that no record told of: no close of it is
    /// waited for, so the close of the next socket under its number is that socket's.
    @Test func whatProcToldLeavesNoGhost() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.look([10: bench.scan(10, [3: 70, 15: 70])])
        #expect(bench.figures(10).others.open(.dup).total == 1)
        bench.call(10, .execute)
        let tick = bench.now + 5
        bench.socket(10, 15, at: tick)
        bench.close(10, 15, at: tick)
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
    }
}
