import Testing

@testable import SockAuditCore

/// `--from`: the figures begin anew, and what was open before is known.
@Suite struct LedgerWindowTests {
    private func begin(_ bench: Bench, node: String = "") {
        bench.ledger.beginWindow(node: bench.id(node), at: bench.now)
        bench.checkSums()
    }

    @Test func whatWasOpenBeforeIsNobodysClose() throws {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.socket(10, 4, .udp)
        bench.call(10, .accept(fd: 5, listener: 3, closeOnExec: false))
        bench.socket(10, 6)
        bench.close(10, 6)
        begin(bench)
        bench.expect(10, 0, closed: 0, released: 0, open: 0)
        bench.close(10, 3)
        bench.socket(10, 3, .udp)
        bench.close(10, 5)
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        let row = try #require(bench.rows().first)
        #expect(row.figures.socketLast == FamilyCounts(udp: 1) && row.figures.closeLast.isZero)
        #expect(row.figures.others.opened(.earlier) == FamilyCounts(tcp: 2, udp: 1))
        #expect(row.figures.others.open(.earlier) == FamilyCounts(udp: 1))
        #expect(row.figures.others.opened(.accept).isZero)
        bench.close(10, 3)
        bench.expect(10, 1, closed: 1, released: 0, open: 0)
    }

    @Test func whatEndedBeforeHasNoRow() {
        let bench = Bench(live: false, endedRows: 2)
        for pid in Int32(20)..<25 {
            bench.socket(pid, 3)
            bench.call(pid, .exitGroup)
        }
        bench.socket(10, 3)
        bench.now += 1_000
        #expect(bench.ledger.folded.count == 1)
        begin(bench)
        let rows = bench.rows()
        #expect(rows.map(\.pid) == [10])
        #expect(rows[0].figures.socketTotal.isZero)
        bench.call(10, .exitGroup)
        bench.expect(10, 0, closed: 0, released: 0, open: 0)
    }

    @Test func anotherNodeGoesOn() {
        let bench = Bench(live: false)
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "a")
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), node: "b")
        begin(bench, node: "a")
        bench.expect(10, 0, closed: 0, released: 0, open: 0, node: "a")
        bench.expect(10, 1, closed: 0, released: 0, open: 1, node: "b")
    }

    @Test func aThreadThatWritesAfterTheEndIsStillTheOldProcess() {
        let bench = Bench(live: false)
        bench.socket(10, 3)
        bench.socket(10, 4, at: bench.now - 1)
        bench.call(10, .exitGroup)
        begin(bench)
        bench.socket(10, 5, at: bench.now - 10)
        #expect(bench.rows().map(\.figures.socketTotal.total) == [1])
        #expect(bench.rows().map(\.state) == [.exited])
    }

    @Test func namesAndExecStay() throws {
        let bench = Bench(live: false, scope: ["nginx"])
        bench.socket(10, 3, cloexec: true)
        bench.socket(10, 4)
        begin(bench)
        bench.socket(10, 5, cloexec: true)
        bench.call(10, .execute)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
        #expect(try #require(bench.rows().first).figures.others.open(.earlier).total == 1)
    }
}
