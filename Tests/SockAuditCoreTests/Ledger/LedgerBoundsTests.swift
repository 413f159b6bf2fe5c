import Testing

@testable import SockAuditCore

/// What the ledger keeps is bounded by what is open, whatever has passed.
@Suite struct LedgerBoundsTests {
    private let ledger: SocketLedger
    private let names = NameTable()

    init() { ledger = SocketLedger(settings: .init(live: false), scope: .all, names: names) }

    /// One call of a process; stamps rise by one with each `step`. Names go as a pipeline has them go.
    private func call(_ step: Int, _ pid: Int32, _ name: String, session: UInt32 = 1, _ operation: Operation)
    {
        ledger.apply(
            AuditEvent(
                serial: UInt64(step + 1), stamp: 1_700_000_000_000 + Int64(step), pid: pid, ppid: 1,
                auid: session % 7, session: session, comm: names.intern(Array(name.utf8)),
                exe: names.intern(Array("/opt/\(name)".utf8)), operation: operation))
        if names.isFull { names.sweep { ledger.markNames($0) } }
    }

    private var kept: Int {
        ledger.current.count + ledger.fresh.count + ledger.past.count + ledger.folded.count
    }

    private func sum(_ rows: [Row]) -> Figures { rows.reduce(into: Figures()) { $0 += $1.figures } }

    /// Members of a shared table hold each other: who is let go must have left it.
    @Test func whoSharesATableAndIsNotInScopeIsLetGo() {
        let bench = Bench(scope: ["nginx"])
        (bench.comm, bench.exe) = ("other", "/opt/other")
        for pid: Int32 in [10, 11] { bench.start(pid, comm: "other") }
        bench.socket(10, 3)
        bench.call(10, .fork(child: 11, sharesFiles: true))
        let slot = SocketLedger.Slot(node: .none, pid: 11)
        weak var child = bench.ledger.current[slot]
        #expect(child?.share != nil)
        bench.look([10: bench.scan(10, [3: 7]), 11: bench.scan(11, [:])])
        #expect(bench.ledger.current[slot] == nil && child == nil)
    }

    @Test func shortProcessesOfManyNames() {
        let count = 60_000
        for number in 0..<count {
            let pid = Int32(300 + number % 5_000)
            let session = UInt32(number / 10)
            let name = "job\(number)"
            call(number, pid, name, session: session, .socket(fd: 3, family: .tcp, closeOnExec: false))
            if number % 3 == 0 { call(number, pid, name, session: session, .close(fd: 3)) }
            if number % 4 == 0 { call(number, pid, name, session: session, .clone(child: 700_000 + pid)) }
            call(number, pid, name, session: session, .exitGroup)
        }
        #expect(ledger.current.count <= 2_048)
        #expect(ledger.fresh.count <= 2 * 2_048 + 2)
        #expect(ledger.past.count <= 10_000)
        #expect(ledger.folded.count <= 2_001)
        #expect(ledger.unborn.count <= 4_096)
        // Each of those bears two names; and those of the last two sweeps.
        #expect(names.count <= 2 * kept + 2 * 2_048 + 2 * 8_192 + 1)
        #expect(names.count < count)

        let rows = ledger.takeRows(now: nil)
        #expect(rows.count <= 10_000 + 2_001)
        let figures = sum(rows)
        #expect(figures.socketTotal.total == count)
        #expect(figures.closeTotal.total == count / 3)
        #expect(figures.released.total == count - count / 3)
        #expect(figures.socketLast.total == count && figures.stillOpen.isZero)
        #expect(rows.reduce(0) { $0 + $1.processes } == count)
        #expect(sum(ledger.takeRows(now: nil)).socketLast.isZero)
        // The names of those that are shown are still theirs.
        let last = rows.filter { $0.pid != 0 }.map { String(decoding: $0.name, as: UTF8.self) }
        #expect(Set(last) == Set((count - 10_000..<count).map { "job\($0)" }))
        #expect(rows.count { $0.pid == 0 && $0.name == Array("(ended)".utf8) } == 1)
    }

    @Test func processesThatLeaveNoRecordOfTheirEnd() {
        let count = 30_000
        for number in 0..<count {
            let pid = Int32(300 + number)
            call(number, pid, "killed", .socket(fd: 3, family: .udp, closeOnExec: false))
            call(number, pid, "killed", .close(fd: 3))
        }
        // Who holds something stays, however long it is silent.
        #expect(ledger.current.count <= 8_192)
        let rows = ledger.takeRows(now: nil)
        #expect(sum(rows).socketTotal.udp == count && sum(rows).closeTotal.udp == count)
        #expect(rows.count { $0.pid == 300 + Int32(count) - 1 } == 1, "the last one is no old one")
    }

    @Test func whoHoldsASocketIsNotTakenForEnded() {
        for number in 0..<20_000 {
            call(number, Int32(300 + number), "server", .socket(fd: 3, family: .tcp, closeOnExec: false))
        }
        let rows = ledger.takeRows(now: nil)
        #expect(rows.count == 20_000)
        #expect(sum(rows).stillOpen.tcp == 20_000)
    }

    @Test func liveNobodyIsTakenForEnded() {
        let bench = SocketLedger(settings: .init(live: true), scope: .all)
        for number in 0..<20_000 {
            for operation in [
                Operation.socket(fd: 3, family: .tcp, closeOnExec: false), .close(fd: 3),
            ] {
                bench.apply(
                    AuditEvent(
                        serial: UInt64(number), stamp: Int64(number), pid: Int32(300 + number),
                        operation: operation))
            }
        }
        #expect(bench.takeRows(now: 20_000).count == 20_000, "/proc says who has ended")
    }

    @Test func endedProcessesThatHeldManySockets() {
        for number in 0..<400 {
            let pid = Int32(300 + number)
            for fd in Int32(3)..<203 {
                call(number, pid, "server", .socket(fd: fd, family: .tcp, closeOnExec: false))
            }
            call(number, pid, "server", .exitGroup)
        }
        let remembered = ledger.fresh.dropFirst(ledger.freshHead).reduce(0) {
            $0 + $1.descriptors.remembered
        }
        #expect(remembered <= 16_384)
        let rows = ledger.takeRows(now: nil)
        #expect(rows.count == 400)
        #expect(sum(rows).released.tcp == 80_000)
    }

    /// Threads write closes after the end, of what was open then and of what came even later.
    @Test func lateClosesAfterTwoEnds() {
        for fd in Int32(3)...6 {
            call(10, 300, "server", .socket(fd: fd, family: .tcp, closeOnExec: false))
        }
        call(10, 300, "server", .thread)
        call(12, 300, "server", .exitGroup)
        call(12, 300, "server", .close(fd: 3))
        call(12, 300, "server", .socket(fd: 4, family: .tcp, closeOnExec: false))
        // Both sockets of this number are gone; each of two closes is one's.
        call(12, 300, "server", .close(fd: 4))
        call(12, 300, "server", .close(fd: 4))
        call(12, 300, "server", .close(fd: 4))
        let figures = sum(ledger.takeRows(now: nil))
        #expect(figures.socketTotal.tcp == 5)
        #expect(figures.closeTotal.tcp == 3)
        #expect(figures.released.tcp == 2)
    }
}
