import Testing

@testable import SockAuditCore

/// Who a record belongs to: pids are used again, names change, rows stay.
@Suite struct LedgerProcessTests {
    /// Rows of one pid by their start.
    private func rows(_ bench: Bench, _ pid: Int32) -> [Row] {
        bench.rows().filter { $0.pid == pid }.sorted { $0.start < $1.start }
    }

    @Test func aPidUsedAgainAfterAnExit() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.call(10, .exitGroup)
        bench.now += 500
        bench.comm = "curl"
        bench.exe = "/usr/bin/curl"
        bench.socket(10, 3, .udp)
        let found = rows(bench, 10)
        #expect(found.map(\.figures.socketTotal) == [FamilyCounts(tcp: 1), FamilyCounts(udp: 1)])
        #expect(found.map(\.figures.stillOpen.total) == [0, 1])
        #expect(found.map(\.state) == [.exited, .unknown])
        #expect(found.map(\.name) == [Array("nginx".utf8), Array("curl".utf8)])
    }

    @Test func aPidUsedAgainAfterASignalIsFoundByTheProbe() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.socket(10, 4)
        bench.gone(10)
        bench.now += 1_000
        bench.start(10, comm: "curl")
        // The same number again: either a close is on its way, or it is another process.
        bench.socket(10, 3, .udp)
        let found = rows(bench, 10)
        #expect(found.map(\.figures.socketTotal) == [FamilyCounts(tcp: 2), FamilyCounts(udp: 1)])
        #expect(found.map(\.figures.released.total) == [2, 0])
        #expect(found.map(\.figures.stillOpen.total) == [0, 1])
        #expect(found.map(\.state) == [.exited, .running])
    }

    @Test func anotherParentMakesUsAskTheProbe() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.gone(10)
        bench.now += 1_000
        bench.start(10)
        bench.ppid = 77
        bench.socket(10, 9)
        #expect(rows(bench, 10).map(\.figures.stillOpen.total) == [0, 1])
    }

    @Test func aParentThatDiedMakesNoNewProcess() {
        let bench = Bench()
        bench.start(10)
        bench.ppid = 77
        bench.socket(10, 3)
        bench.ppid = 1
        bench.socket(10, 4)
        #expect(rows(bench, 10).map(\.figures.stillOpen.total) == [2])
    }

    @Test func aRecordOfTheDeadOneThatComesAfterItsSuccessorBegan() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        let entered = bench.now + 1
        bench.now += 1_000
        bench.start(10)
        // Entered long before the process that /proc shows began: the old one's.
        bench.socket(10, 3, .udp, at: entered)
        #expect(rows(bench, 10).map(\.figures.socketTotal.total) == [2])
        bench.socket(10, 3)
        #expect(rows(bench, 10).map(\.figures.socketTotal.total) == [2, 1])
    }

    @Test func ofAnInputNobodyIsAsked() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.ppid = 88
        bench.socket(10, 4)
        #expect(rows(bench, 10).map(\.figures.socketTotal.total) == [2])
    }

    @Test func nodesAreHostsOfTheirOwn() {
        let bench = Bench(live: false)
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "web1")
        bench.call(10, .socket(fd: 3, family: .udp, closeOnExec: false), node: "web2")
        bench.call(10, .close(fd: 3), node: "web2")
        bench.expect(10, 1, closed: 0, released: 0, open: 1, node: "web1")
        bench.expect(10, 1, closed: 1, released: 0, open: 0, node: "web2")
        #expect(Set(bench.rows().map(\.node)) == [Array("web1".utf8), Array("web2".utf8)])
    }

    @Test func aBootEndsTheProcessesOfItsNodeOnly() {
        let bench = Bench(live: false)
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "web1")
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "web2")
        bench.ledger.rebooted(node: bench.id("web1"))
        bench.expect(10, 1, closed: 0, released: 1, open: 0, node: "web1")
        bench.expect(10, 1, closed: 0, released: 0, open: 1, node: "web2")
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "web1")
        #expect(bench.rows().count == 3)
    }

    @Test func aProcessThatEndedStaysInEveryTable() {
        let bench = Bench()
        bench.socket(10, 3)
        bench.call(10, .exitGroup)
        for _ in 0..<3 {
            let found = bench.rows()
            #expect(found.map(\.state) == [.exited])
            #expect(found.map(\.figures.socketTotal.total) == [1])
        }
        #expect(bench.rows().map(\.figures.socketLast.total) == [0])
    }

    @Test func durationRunsFromStartToEnd() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.now += 2_995
        bench.close(10, 3)
        #expect(bench.ledger.takeRows(now: nil).map(\.duration) == [3])
        bench.now += 6_995
        bench.call(10, .exitGroup)
        bench.now += 100_000
        #expect(bench.ledger.takeRows(now: nil).map(\.duration) == [10])
        #expect(bench.rows().map(\.duration) == [10])
    }

    @Test func liveTheDurationRunsOn() {
        let bench = Bench()
        bench.start(10)
        bench.now += 1_000
        bench.socket(10, 3)
        bench.now += 4_000
        let start = bench.owners.byPid[10]?.start ?? 0
        #expect(bench.rows().map(\.start) == [start])
        #expect(bench.rows().map(\.duration) == [Double(bench.now - start) / 1_000])
    }

    // MARK: fork

    @Test func aChildInheritsAndItsFiguresStayItsOwn() {
        let bench = Bench(live: false)
        bench.socket(10, 3, .tcp)
        bench.socket(10, 4, .udp, cloexec: true)
        bench.call(10, .fork(child: 20, sharesFiles: false))
        bench.expect(20, 0, closed: 0, released: 0, open: 0)
        #expect(bench.figures(20).others.open(.inherited) == FamilyCounts(tcp: 1, udp: 1))
        bench.ppid = 10
        bench.close(20, 3)
        bench.expect(20, 0, closed: 0, released: 0, open: 0)
        bench.expect(10, 2, closed: 0, released: 0, open: 2)
        bench.call(20, .execute)
        #expect(bench.figures(20).others.open(.inherited).isZero)
        #expect(bench.figures(10).others.opened(.inherited).isZero)
    }

    @Test func aSharedTableIsNoCopy() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.call(10, .fork(child: 20, sharesFiles: true))
        #expect(bench.rows().count == 1)
    }

    @Test func aChildThatWroteBeforeItsParentKeepsItsFigures() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        let entered = bench.now + 1
        bench.socket(20, 4, at: entered + 2)
        bench.call(10, .fork(child: 20, sharesFiles: false), at: entered)
        bench.expect(20, 1, closed: 0, released: 0, open: 1)
        #expect(bench.figures(20).others.open(.inherited).total == 1)
    }

    @Test func aForkEndsWhoeverHadTheChildsPid() {
        let bench = Bench(live: false)
        bench.socket(20, 3)
        bench.socket(10, 4)
        bench.call(10, .fork(child: 20, sharesFiles: false))
        let found = rows(bench, 20)
        #expect(found.map(\.state) == [.exited, .unknown])
        #expect(found.map(\.figures.released.total) == [1, 0])
    }

    /// clone() gives the child's pid as the parent's own pid namespace numbers it, records carry the
    /// first namespace's: in a container the two differ, and the number may be that of a daemon
    /// outside, which /proc says lives on.
    @Test func aForkInAContainerEndsNobodyElse() {
        let bench = Bench()
        bench.start(20, comm: "sshd")
        bench.socket(20, 3)
        bench.now += 60_000
        bench.start(10)
        bench.socket(10, 4)
        bench.call(10, .fork(child: 20, sharesFiles: false))
        #expect(
            rows(bench, 20).map(\.state) == [.running], "the probe says that it is still the same process")
        bench.expect(20, 1, closed: 0, released: 0, open: 1)
    }

    /// vfork (posix_spawn): the child's exec and exit are written before its parent's record
    /// (domain.md). A child that is gone holds nothing.
    @Test func aVforkedChildThatEndedBeforeTheParentsRecord() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        let entered = bench.now + 1
        bench.ppid = 10
        bench.call(20, .execute)
        bench.call(20, .exitGroup)
        bench.ppid = 1
        bench.call(10, .fork(child: 20, sharesFiles: false), at: entered)
        #expect(bench.rows().reduce(0) { $0 + $1.figures.others.open.total } == 0)
    }
}
