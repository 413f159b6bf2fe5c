import Testing

@testable import SockAuditCore

/// What each call does to the figures of one process, by hand (interface.md, "The figures").
@Suite struct LedgerCallTests {
    @Test func socketsAreCountedByFamily() {
        let bench = Bench()
        bench.socket(10, 3, .tcp)
        bench.socket(10, 4, .udp)
        bench.socket(10, 5, .other)
        bench.socket(10, 6, .tcp)
        bench.close(10, 6)
        let figures = bench.figures(10)
        #expect(figures.socketTotal == FamilyCounts(tcp: 2, udp: 1, other: 1))
        #expect(figures.closeTotal == FamilyCounts(tcp: 1))
        #expect(figures.stillOpen == FamilyCounts(tcp: 1, udp: 1, other: 1))
        #expect(figures.released.isZero)
    }

    @Test func closeOfSomethingElseCountsNothing() {
        let bench = Bench()
        bench.close(10, 3)
        bench.socket(10, 3)
        bench.close(10, 4)
        bench.close(10, -1)
        bench.close(11, 3)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        #expect(bench.rows().count == 1, "a process that only closes has no row")
    }

    @Test func closeInALaterIntervalThanTheSocket() {
        let bench = Bench()
        bench.socket(10, 3, .udp)
        let first = bench.rows()
        #expect(first.map(\.figures.socketLast) == [FamilyCounts(udp: 1)])
        #expect(first.map(\.figures.closeLast) == [FamilyCounts()])
        bench.close(10, 3)
        let second = bench.rows()
        #expect(second.map(\.figures.socketLast) == [FamilyCounts()])
        #expect(second.map(\.figures.closeLast) == [FamilyCounts(udp: 1)])
        #expect(second.map(\.figures.socketTotal) == [FamilyCounts(udp: 1)])
        let third = bench.rows()
        #expect(third.map(\.figures.closeLast) == [FamilyCounts()])
        #expect(third.map(\.figures.closeTotal) == [FamilyCounts(udp: 1)])
    }

    @Test func aNumberIsUsedAgainAfterItsClose() {
        let bench = Bench()
        for family in [SocketFamily.tcp, .udp, .other, .tcp] {
            bench.socket(10, 3, family)
            bench.close(10, 3)
        }
        #expect(bench.figures(10).closeTotal == FamilyCounts(tcp: 2, udp: 1, other: 1))
        bench.expect(10, 4, closed: 4, released: 0, open: 0)
    }

    @Test func aSecondCloseOfTheSameNumberCountsNothing() {
        let bench = Bench()
        bench.socket(10, 3)
        bench.close(10, 3)
        bench.close(10, 3)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    @Test func sameNumbersInOtherProcessesAreOthers() {
        let bench = Bench()
        bench.socket(10, 3)
        bench.socket(11, 3)
        bench.close(11, 3)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        bench.expect(11, 1, closed: 1, released: 0, open: 0)
    }

    // MARK: dup2, dup3

    @Test func dupOverReleasesAndIsNoClose() {
        let bench = Bench()
        bench.socket(10, 3, .udp)
        bench.call(10, .duplicateOver(from: 1, to: 3, closeOnExec: false))
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        bench.close(10, 3)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
    }

    @Test func dupOverWithASocketMakesAnOther() {
        let bench = Bench()
        bench.socket(10, 3, .tcp)
        bench.socket(10, 4, .udp)
        bench.call(10, .duplicateOver(from: 3, to: 4, closeOnExec: true))
        bench.expect(10, 2, closed: 0, released: 1, open: 1)
        #expect(bench.figures(10).others.open(.dup) == FamilyCounts(tcp: 1))
        bench.close(10, 4)
        bench.expect(10, 2, closed: 0, released: 1, open: 1)
        #expect(bench.figures(10).others.open(.dup).isZero)
        bench.close(10, 3)
        bench.expect(10, 2, closed: 1, released: 1, open: 0)
    }

    @Test func dupOverItselfChangesNothing() {
        let bench = Bench()
        bench.socket(10, 3, cloexec: true)
        bench.call(10, .duplicateOver(from: 3, to: 3, closeOnExec: false))
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        // dup2(x, x) leaves FD_CLOEXEC as it was.
        bench.call(10, .execute)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
    }

    @Test func theDuplicateKeepsItsOwnCloseOnExec() {
        let bench = Bench()
        bench.socket(10, 3, cloexec: true)
        bench.call(10, .duplicateOver(from: 3, to: 7, closeOnExec: false))
        bench.call(10, .duplicateOver(from: 3, to: 8, closeOnExec: true))
        bench.call(10, .duplicate(from: 3, to: 9, closeOnExec: true))
        bench.call(10, .execute)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        #expect(bench.figures(10).others.opened(.dup).total == 3)
        #expect(bench.figures(10).others.open(.dup).total == 1)
    }

    // MARK: close_range

    @Test func closeRangeClosesWhatIsInIt() {
        let bench = Bench()
        for fd in 3...8 { bench.socket(10, Int32(fd)) }
        bench.call(10, .closeRange(first: 4, last: 6, marksCloseOnExec: false))
        bench.expect(10, 6, closed: 3, released: 0, open: 3)
        bench.call(10, .closeRange(first: 8, last: .max, marksCloseOnExec: false))
        bench.expect(10, 6, closed: 4, released: 0, open: 2)
        bench.call(10, .closeRange(first: 0, last: .max, marksCloseOnExec: false))
        bench.expect(10, 6, closed: 6, released: 0, open: 0)
    }

    @Test func aReversedRangeClosesNothing() {
        let bench = Bench()
        bench.socket(10, 4)
        bench.call(10, .closeRange(first: 6, last: 3, marksCloseOnExec: false))
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    // MARK: FD_CLOEXEC and exec

    @Test func execReleasesWhatIsMarked() {
        let bench = Bench()
        bench.socket(10, 3, .tcp, cloexec: true)
        bench.socket(10, 4, .udp, cloexec: false)
        bench.socket(10, 5, .other, cloexec: true)
        bench.call(10, .execute)
        #expect(bench.figures(10).released == FamilyCounts(tcp: 1, other: 1))
        #expect(bench.figures(10).stillOpen == FamilyCounts(udp: 1))
        // The number is free for the new program.
        bench.socket(10, 3)
        bench.close(10, 3)
        bench.expect(10, 4, closed: 1, released: 2, open: 1)
    }

    @Test(arguments: [
        (Operation.setCloseOnExec(fd: 3, true), 1), (.setCloseOnExec(fd: 3, false), 0),
        (.setCloseOnExec(fd: 4, true), 0),
        (.closeRange(first: 3, last: .max, marksCloseOnExec: true), 1),
        (.closeRange(first: 4, last: .max, marksCloseOnExec: true), 0),
    ])
    func theMarkIsSetByOtherCalls(_ operation: Operation, _ released: Int) {
        let bench = Bench()
        bench.socket(10, 3)
        bench.call(10, operation)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        bench.call(10, .execute)
        bench.expect(10, 1, closed: 0, released: released, open: 1 - released)
    }

    @Test func theMarkIsTakenAway() {
        let bench = Bench()
        bench.socket(10, 3, cloexec: true)
        bench.call(10, .setCloseOnExec(fd: 3, false))
        bench.call(10, .execute)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    @Test func execBringsTheNewNames() {
        let bench = Bench()
        bench.comm = "sh"
        bench.exe = "/bin/dash"
        bench.socket(10, 3)
        bench.comm = "curl"
        bench.exe = "/usr/bin/curl"
        bench.call(10, .execute)
        let rows = bench.rows()
        #expect(rows.count == 1, "names change, rows stay")
        #expect(rows.first?.name == Array("curl".utf8))
        #expect(rows.first?.exe == Array("/usr/bin/curl".utf8))
        #expect(rows.first?.figures.socketTotal.total == 1)
    }

    @Test func aThreadsNameIsNotTheProcesssName() {
        let bench = Bench(live: false)
        bench.comm = "worker-1"
        bench.socket(10, 3)
        bench.comm = "nginx"
        bench.socket(10, 4)
        bench.comm = "worker-2"
        bench.socket(10, 5)
        #expect(bench.rows().map(\.name) == [Array("nginx".utf8)])
    }

    @Test func liveTheMainThreadsNameComesFromProc() {
        let bench = Bench()
        bench.start(10, comm: "master")
        bench.comm = "nginx"
        bench.socket(10, 3)
        #expect(bench.rows().map(\.name) == [Array("master".utf8)])
    }

    // MARK: light mode

    @Test func lightModeCountsSocketsOnly() {
        let bench = Bench(light: true)
        bench.start(10)
        bench.socket(10, 3)
        bench.socket(10, 4)
        bench.close(10, 3)
        bench.call(10, .closeRange(first: 0, last: 100, marksCloseOnExec: false))
        bench.call(10, .duplicateOver(from: 3, to: 4, closeOnExec: false))
        bench.expect(10, 2, closed: 0, released: 0, open: 2)
        bench.socket(10, 4)
        bench.expect(10, 3, closed: 0, released: 1, open: 2)
        bench.look([10: bench.scan(10, [4: 900])])
        bench.expect(10, 3, closed: 0, released: 2, open: 1)
    }

    @Test func usedCountsWhatConcernedAProcessInScope() {
        let bench = Bench(live: false, scope: ["nginx"])
        bench.socket(10, 3)
        bench.close(10, 3)
        bench.close(99, 3)
        bench.comm = "bash"
        bench.exe = "/bin/bash"
        bench.socket(20, 3)
        #expect(bench.ledger.used == 2)
    }
}
