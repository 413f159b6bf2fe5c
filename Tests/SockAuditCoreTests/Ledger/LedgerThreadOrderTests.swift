import Testing

@testable import SockAuditCore

/// Records of two threads in another order than their calls (domain.md): a socket() that returns a
/// number we hold, and the close that freed it only afterwards.
@Suite struct LedgerThreadOrderTests {
    @Test func theLateCloseIsThatOfTheReplacedSocket() {
        let bench = Bench()
        bench.socket(10, 5, .tcp)
        let entered = bench.now + 1
        bench.socket(10, 5, .udp)
        bench.close(10, 5, at: entered)
        #expect(bench.figures(10).closeTotal == FamilyCounts(tcp: 1))
        #expect(bench.figures(10).stillOpen == FamilyCounts(udp: 1))
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
        // The new one's own close, later.
        bench.now += 2_000
        bench.close(10, 5)
        bench.expect(10, 2, closed: 2, released: 0, open: 0)
    }

    @Test func theLateCloseInALaterInterval() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 5)
        let entered = bench.now + 1
        bench.socket(10, 5)
        bench.look([10: bench.scan(10, [5: 77])])
        let first = bench.rows()
        #expect(first.map(\.figures.socketLast.total) == [2])
        #expect(first.map(\.figures.closeLast.total) == [0])
        #expect(first.map(\.figures.released.total) == [1])
        bench.close(10, 5, at: entered)
        let second = bench.rows()
        #expect(second.map(\.figures.closeLast.total) == [1])
        #expect(second.map(\.figures.released.total) == [0])
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
    }

    @Test func severalReplacedSocketsOfOneNumber() {
        let bench = Bench()
        bench.socket(10, 5, .tcp)
        bench.socket(10, 5, .udp)
        bench.socket(10, 5, .other)
        let entered = bench.now
        bench.expect(10, 3, closed: 0, released: 2, open: 1)
        bench.close(10, 5, at: entered)
        bench.close(10, 5, at: entered)
        bench.expect(10, 3, closed: 2, released: 0, open: 1)
        #expect(bench.figures(10).stillOpen == FamilyCounts(other: 1))
        bench.close(10, 5, at: entered)
        bench.expect(10, 3, closed: 3, released: 0, open: 0)
        bench.close(10, 5, at: entered)
        bench.expect(10, 3, closed: 3, released: 0, open: 0)
    }

    @Test func withoutALateCloseItWasReleased() {
        let bench = Bench()
        bench.socket(10, 5)
        bench.socket(10, 5)
        bench.now += DescriptorTable.lateCloseMilliseconds + 10
        bench.close(10, 5)
        bench.expect(10, 2, closed: 1, released: 1, open: 0)
    }

    @Test func aReplacingDescriptorOfAnotherKind() {
        let bench = Bench()
        bench.socket(10, 5, .tcp)
        let entered = bench.now + 1
        bench.call(10, .accept(fd: 5, listener: 3, closeOnExec: false))
        bench.close(10, 5, at: entered)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
        #expect(bench.figures(10).others.open(.accept).total == 1)
    }

    @Test func aDuplicateThatTakesTheNumber() {
        let bench = Bench()
        bench.socket(10, 4, .udp)
        bench.socket(10, 5, .tcp)
        let entered = bench.now + 1
        bench.call(10, .duplicate(from: 4, to: 5, closeOnExec: false))
        bench.close(10, 5, at: entered)
        bench.expect(10, 2, closed: 1, released: 0, open: 1)
        #expect(bench.figures(10).others.open(.dup) == FamilyCounts(udp: 1))
    }

    @Test func aLateRangeCoversReplacedSockets() {
        let bench = Bench()
        bench.socket(10, 5)
        bench.socket(10, 6)
        let entered = bench.now + 1
        bench.socket(10, 5)
        bench.call(10, .closeRange(first: 5, last: 6, marksCloseOnExec: false), at: entered)
        bench.expect(10, 3, closed: 2, released: 0, open: 1)
    }

    // MARK: exit_group

    @Test func exitGroupReleasesAll() {
        let bench = Bench()
        bench.socket(10, 3)
        bench.socket(10, 4, .udp)
        bench.close(10, 3)
        bench.call(10, .exitGroup)
        bench.expect(10, 2, closed: 1, released: 1, open: 0)
        #expect(bench.rows().map(\.state) == [.exited])
    }

    @Test func closesThatOtherThreadsEnteredBeforeTheExit() {
        let bench = Bench()
        bench.socket(10, 3)
        bench.socket(10, 4)
        bench.socket(10, 5)
        let entered = bench.now
        bench.call(10, .exitGroup)
        bench.close(10, 3, at: entered)
        bench.call(10, .closeRange(first: 4, last: 4, marksCloseOnExec: false), at: entered)
        bench.expect(10, 3, closed: 2, released: 1, open: 0)
        #expect(bench.rows().count == 1)
    }

    @Test func aSocketThatAnotherThreadEnteredBeforeTheExit() {
        let bench = Bench()
        bench.socket(10, 3)
        let entered = bench.now
        bench.call(10, .exitGroup)
        bench.socket(10, 4, at: entered)
        bench.expect(10, 2, closed: 0, released: 2, open: 0)
        bench.close(10, 4, at: entered)
        bench.expect(10, 2, closed: 1, released: 1, open: 0)
        #expect(bench.rows().map(\.state) == [.exited])
    }

    /// Between one thread's entry into exit_group and the moment that the others die lies a task
    /// switch at worst, and they may enter calls in it: no pid is used again that fast.
    ///
    /// - Parameter knownThreads: an earlier record already showed that there are several threads.
    @Test(arguments: [true, false], [true, false])
    func callsThatOtherThreadsEnteredJustAfterTheExit(_ live: Bool, _ knownThreads: Bool) {
        // From records alone, and with one thread known, it might as well be a new process.
        if !live && !knownThreads { return }
        let bench = Bench(live: live)
        bench.start(10)
        bench.socket(10, 3)
        bench.socket(10, 4)
        if knownThreads { bench.close(10, 99, at: bench.now - 1) }
        bench.call(10, .exitGroup)
        let exit = bench.now
        bench.close(10, 3, at: exit + 4)
        bench.socket(10, 5, at: exit + 4)
        let rows = bench.rows()
        #expect(rows.count == 1, "one process, one row")
        #expect(rows.reduce(0) { $0 + $1.figures.stillOpen.total } == 0, "a dead process holds nothing")
        #expect(rows.reduce(0) { $0 + $1.figures.closeTotal.total } == 1)
        #expect(rows.reduce(0) { $0 + $1.figures.socketTotal.total } == 3)
    }

    @Test func afterTheExitNothingCountsTwice() {
        let bench = Bench()
        bench.socket(10, 3)
        let entered = bench.now
        bench.call(10, .exitGroup)
        bench.close(10, 3, at: entered)
        bench.close(10, 3, at: entered)
        bench.call(10, .exitGroup)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    /// A close in the tick of the opening may have been another file's; where the socket then goes without
    /// a trace, the table says that it does not know.
    @Test func whatCannotBeToldIsCounted() {
        func unsure(_ after: (Bench) -> Void) -> Int {
            let bench = Bench()
            bench.socket(10, 5, cloexec: true)
            // A number given twice: there are threads.
            bench.socket(10, 5, cloexec: true)
            bench.now += 2_000
            bench.socket(10, 6, cloexec: true)
            bench.close(10, 6, at: bench.now)
            after(bench)
            return bench.ledger.unsure.sockets
        }
        #expect(unsure { $0.call(10, .exitGroup) } == 1)
        #expect(unsure { $0.call(10, .execute) } == 1)
        #expect(unsure { $0.call(10, .duplicateOver(from: 5, to: 6, closeOnExec: false)) } == 1)
        // These tell: the number is free again, or has been closed once more.
        #expect(unsure { $0.socket(10, 6) } == 0)
        #expect(
            unsure {
                $0.close(10, 6); $0.call(10, .exitGroup)
            } == 0)
        // One that was closed a while later is no question.
        let bench = Bench()
        bench.socket(10, 5)
        bench.socket(10, 5)
        bench.now += 100
        bench.close(10, 5)
        bench.call(10, .exitGroup)
        #expect(bench.ledger.unsure.sockets == 0)
    }

    /// A process of one thread has no such question.
    @Test func oneThreadLeavesNoQuestion() {
        let bench = Bench()
        bench.socket(10, 6)
        bench.close(10, 6, at: bench.now)
        bench.call(10, .exitGroup)
        #expect(bench.ledger.unsure.sockets == 0)
    }

    /// What a vforked child inherited may be closed before the fork's record comes: no ghost of it may
    /// take a later close away from a socket.
    @Test func aPhantomLeavesNoGhost() {
        let bench = Bench(live: false)
        bench.socket(10, 12)
        bench.socket(10, 46)
        let entered = bench.now + 1
        bench.ppid = 10
        bench.close(20, 12)
        bench.socket(20, 3)
        bench.ppid = 1
        bench.call(10, .fork(child: 20, sharesFiles: false), at: entered)
        bench.ppid = 10
        // 12 is free in the child: a copy lands there and goes, then a socket of its own, in one tick.
        bench.call(20, .duplicate(from: 46, to: 12, closeOnExec: false))
        bench.close(20, 12)
        let tick = bench.now
        bench.socket(20, 12, at: tick)
        bench.close(20, 12, at: tick)
        bench.expect(20, 2, closed: 1, released: 0, open: 1)
    }

    /// A loop of dup2 over sockets leaves no more behind than could ever be on its way.
    @Test func aNumberHasFewGhosts() {
        let bench = Bench(live: false)
        for _ in 0..<100 {
            bench.socket(10, 5)
            bench.call(10, .duplicateOver(from: 1, to: 5, closeOnExec: false))
        }
        bench.expect(10, 100, closed: 0, released: 100, open: 0)
        // Closes entered before any of them, written late: only so many find one.
        for _ in 0..<100 { bench.close(10, 5, at: Bench.begin) }
        bench.expect(10, 100, closed: 16, released: 84, open: 0)
    }
}
