import Testing

@testable import SockAuditCore

/// Threads, processes that share a table, containers, and children whose records come first.
@Suite struct LedgerFamilyTests {
    /// What kin says of ids, changed by a test.
    private final class Relations: @unchecked Sendable {
        var threads: Set<Int32> = []
        var processes: Set<Int32> = []
        var sharing: Set<Set<Int32>> = []
        var elsewhere: Set<Int32> = []

        var kin: ProcessKin {
            ProcessKin(
                isThread: { self.threads.contains($0) ? true : self.processes.contains($0) ? false : nil },
                shareTable: { self.sharing.contains([$0, $1]) },
                isInOtherNamespace: { self.elsewhere.contains($0) })
        }
    }

    private func others(_ bench: Bench, _ pid: Int32) -> [Int] {
        let counts = bench.figures(pid).others
        return [counts.opened(.inherited).total, counts.closed(.inherited).total]
    }

    @Test func aThreadByClone3IsNoProcess() {
        let relations = Relations()
        relations.threads = [11]
        let bench = Bench(kin: relations.kin)
        bench.start(10)
        bench.socket(10, 3)
        bench.call(10, .clone(child: 11))
        #expect(bench.rows().map(\.pid) == [10])
        #expect(bench.ledger.current.count == 1)
    }

    @Test func aProcessByClone3Inherits() {
        let relations = Relations()
        relations.processes = [11]
        let bench = Bench(kin: relations.kin)
        bench.start(10)
        bench.socket(10, 3)
        bench.start(11)
        bench.call(10, .clone(child: 11))
        #expect(others(bench, 11) == [1, 0])
        bench.close(11, 3)
        #expect(others(bench, 11) == [1, 1])
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    /// From a log nobody can be asked: the child's own records tell.
    @Test func clone3InALogIsAProcessOnceItsRecordsCome() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.call(10, .clone(child: 11))
        bench.call(10, .clone(child: 12))
        #expect(bench.rows().map(\.pid) == [10])
        bench.ppid = 10
        bench.close(12, 3)
        #expect(others(bench, 12) == [1, 1])
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
    }

    @Test func whoSharesATableClosesForBoth() {
        let bench = Bench(kin: Relations().kin)
        bench.start(10)
        bench.socket(10, 3)
        bench.start(11)
        bench.call(10, .fork(child: 11, sharesFiles: true))
        bench.ppid = 10
        // The child's close takes the parent's socket, which did not close it itself.
        bench.close(11, 3)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        // Each one's own sockets are its own.
        bench.socket(11, 3)
        bench.expect(11, 1, closed: 0, released: 0, open: 1)
        bench.ppid = 1
        bench.socket(10, 4)
        bench.ppid = 10
        bench.call(11, .closeRange(first: 3, last: 4, marksCloseOnExec: false))
        bench.expect(11, 1, closed: 1, released: 0, open: 0)
        bench.expect(10, 2, closed: 0, released: 2, open: 0)
    }

    @Test func execUnshareAndCloseRangeUnshareLeaveTheTable() {
        for leaving in [
            Operation.execute, .unshareFiles,
            .closeRange(first: 9, last: 9, marksCloseOnExec: false, unshares: true),
        ] {
            let bench = Bench(kin: Relations().kin)
            bench.start(10)
            bench.socket(10, 3)
            bench.start(11)
            bench.call(10, .fork(child: 11, sharesFiles: true))
            bench.ppid = 10
            bench.call(11, leaving)
            bench.close(11, 3)
            bench.expect(10, 1, closed: 0, released: 0, open: 1)
        }
    }

    /// Where clone is not audited, the kernel is asked who shares a table with its parent.
    @Test func aSharerIsFoundByAsking() {
        let relations = Relations()
        relations.sharing = [[10, 11]]
        let bench = Bench(kin: relations.kin)
        bench.start(10)
        bench.socket(10, 3)
        bench.start(11)
        bench.ppid = 10
        bench.socket(11, 4)
        bench.close(11, 3)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        bench.expect(11, 1, closed: 0, released: 0, open: 1)
    }

    /// What fork returns in a container is a number of its own pid namespace.
    @Test func aContainersForkNamesNobodyHere() {
        let relations = Relations()
        relations.elsewhere = [10]
        let bench = Bench(kin: relations.kin)
        bench.start(10)
        bench.socket(10, 3)
        bench.start(7)
        bench.socket(7, 5)
        bench.call(10, .fork(child: 7, sharesFiles: false))
        bench.expect(7, 1, closed: 0, released: 0, open: 1)
        #expect(others(bench, 7) == [0, 0])
    }

    @Test func aVforkedChildThatEndedFirstInheritedAllTheSame() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.socket(10, 4, cloexec: true)
        let entered = bench.now
        bench.ppid = 10
        bench.exe = "/bin/cgi"
        bench.comm = "cgi"
        bench.call(20, .execute)
        bench.call(20, .exitGroup)
        bench.ppid = 1
        bench.call(10, .fork(child: 20, sharesFiles: false), at: entered)
        let row = bench.rows().first { $0.pid == 20 }
        #expect(row.map { String(decoding: $0.name, as: UTF8.self) } == "cgi")
        #expect(row?.state == .exited)
        #expect(row?.figures.others.opened(.inherited).total == 2)
        #expect(row?.figures.others.open.total == 0)
    }

    /// Two births under one pid in one clock tick are two processes.
    @Test func aPidTwiceInATick() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        let tick = bench.now
        for _ in 0..<2 {
            bench.ppid = 1
            bench.call(10, .fork(child: 20, sharesFiles: false), at: tick)
            bench.ppid = 10
            bench.call(20, .socket(fd: 4, family: .udp, closeOnExec: false), at: tick)
        }
        let rows = bench.rows().filter { $0.pid == 20 }
        #expect(rows.map(\.figures.socketTotal.total) == [1, 1])
        #expect(
            Set(rows.map(\.state)) == [.exited, .running] || Set(rows.map(\.state)) == [.exited, .unknown])
    }

    /// Live, whoever makes a call is looked at, so that inherited sockets have a row.
    @Test func whoOnlyInheritedHasARowOnceItIsLookedAt() {
        let bench = Bench()
        bench.ledger.watchingSince = Bench.begin - 1_000
        bench.start(10)
        bench.socket(10, 3)
        bench.start(20)
        bench.ppid = 10
        bench.call(20, .execute)
        #expect(bench.rows().map(\.pid) == [10])
        bench.look([10: bench.scan(10, [3: 70]), 20: bench.scan(20, [3: 70])])
        #expect(others(bench, 20) == [1, 0])
        #expect(bench.rows().count == 2)
        // One that holds nothing is forgotten when it ends.
        bench.start(30)
        bench.call(30, .execute)
        bench.call(30, .exitGroup)
        #expect(bench.rows().count == 2)
    }

    @Test func aRingIsRememberedBeyondItsProcess() {
        let bench = Bench()
        bench.start(10)
        bench.call(10, .ring)
        #expect(bench.ledger.ringUsers == 1)
        bench.call(10, .exitGroup)
        #expect(bench.ledger.ringUsers == 1 && bench.rows().isEmpty)
    }

    @Test func aNameByPrctlIsAskedForAndAThreadsIsNot() {
        let bench = Bench()
        bench.start(10, comm: "server")
        bench.comm = "server"
        bench.socket(10, 3)
        // A thread by another name: /proc still says the old one.
        bench.comm = "worker"
        bench.socket(10, 4)
        #expect(bench.rows().map { String(decoding: $0.name, as: UTF8.self) } == ["server"])
        bench.owners.byPid[10]?.comm = bench.id("renamed")
        bench.comm = "renamed"
        bench.socket(10, 5)
        #expect(bench.rows().map { String(decoding: $0.name, as: UTF8.self) } == ["renamed"])
    }

    /// No event tells of the end of one that was killed, and its successor under the pid, by the same
    /// parent, uses other numbers: after a pause /proc is asked.
    @Test func theNextOwnerOfAPidIsRecognisedAfterAPause() {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        bench.socket(10, 4)
        bench.now += 300
        bench.start(10)
        bench.close(10, 3)
        bench.socket(10, 7)
        let rows = bench.rows().sorted { $0.start < $1.start }
        #expect(rows.map(\.figures.socketTotal.total) == [2, 1])
        #expect(rows.map(\.figures.closeTotal.total) == [0, 0])
        #expect(rows.map(\.figures.released.total) == [2, 0])
        #expect(rows.map(\.state) == [.exited, .running])
    }

    /// A process that has had no pause is not asked about, whoever has its pid by the time it is read.
    @Test func probesAreFew() {
        var asked = 0
        let ledger = SocketLedger(
            settings: .init(live: true), scope: .all,
            probe: { _ in
                asked += 1
                return ProcessProbe(startTicks: 5, start: Bench.begin, comm: .none)
            })
        for number in 0..<1_000 {
            // A login in the middle is one question, not one for each event after it.
            let event = AuditEvent(
                serial: UInt64(number + 1), stamp: Bench.begin + Int64(number), pid: 10, ppid: 1,
                auid: number < 500 ? AuditEvent.unset : 1_000, operation: .close(fd: 3))
            ledger.apply(event)
        }
        #expect(asked <= 3)
    }
}
