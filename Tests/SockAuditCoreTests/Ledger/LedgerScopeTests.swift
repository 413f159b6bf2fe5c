import Testing

@testable import SockAuditCore

/// Which processes get rows, and how the oldest ended ones become one.
@Suite struct LedgerScopeTests {
    private func names(_ bench: Bench) -> [String] {
        bench.rows().map { String(decoding: $0.name, as: UTF8.self) }.sorted()
    }

    @Test func onlyNamedProcesses() {
        let bench = Bench(live: false, scope: ["nginx", "post*"])
        bench.socket(10, 3)
        bench.comm = "postmaster"
        bench.exe = "/usr/lib/postgresql/15/bin/postgres"
        bench.socket(11, 3)
        bench.comm = "bash"
        bench.exe = "/bin/bash"
        bench.socket(12, 3)
        #expect(names(bench) == ["nginx", "postmaster"])
    }

    @Test func theFileNameMatchesToo() {
        let bench = Bench(live: false, scope: ["python3.11"])
        bench.comm = "gunicorn"
        bench.exe = "/usr/bin/python3.11 (deleted)"
        bench.socket(10, 3)
        #expect(names(bench) == ["gunicorn"])
    }

    @Test func theScriptOfAnInterpreterMatchesLive() {
        let bench = Bench(scope: ["server.py"])
        bench.start(10, comm: "python3", script: "/srv/app/server.py")
        bench.comm = "python3"
        bench.exe = "/usr/bin/python3.11"
        bench.socket(10, 3)
        #expect(names(bench) == ["python3"])
    }

    /// From an input the script comes with the record's PROCTITLE (AuditEvent.script).
    @Test func theScriptOfAnInterpreterMatchesFromAnInput() {
        let bench = Bench(live: false, scope: ["server.py"])
        bench.comm = "python3"
        bench.exe = "/usr/bin/python3.11"
        bench.call(10, .socket(fd: 3, family: .tcp, closeOnExec: false), script: "/srv/app/server.py")
        #expect(names(bench) == ["python3"])
    }

    @Test func aNameLongerThanCommHolds() {
        let bench = Bench(live: false, scope: ["a-very-long-daemon-name"])
        bench.comm = "a-very-long-dae"
        bench.exe = "/usr/bin/ld.so"
        bench.socket(10, 3)
        #expect(names(bench) == ["a-very-long-dae"])
    }

    @Test func anExecIntoTheScopeBringsARow() {
        let bench = Bench(live: false, scope: ["curl"])
        bench.comm = "bash"
        bench.exe = "/bin/bash"
        bench.socket(10, 3)
        #expect(names(bench).isEmpty)
        bench.comm = "curl"
        bench.exe = "/usr/bin/curl"
        bench.call(10, .execute)
        bench.socket(10, 4)
        #expect(names(bench) == ["curl"])
    }

    @Test func onceInScopeAlwaysInScope() {
        let bench = Bench(live: false, scope: ["bash"])
        bench.comm = "bash"
        bench.exe = "/bin/bash"
        bench.socket(10, 3)
        bench.comm = "curl"
        bench.exe = "/usr/bin/curl"
        bench.call(10, .execute)
        #expect(names(bench) == ["curl"], "names change, rows stay")
    }

    // MARK: others

    @Test func othersNeverEnterTheFigures() {
        let bench = Bench(live: false)
        bench.socket(10, 3, .tcp)
        bench.call(10, .accept(fd: 4, listener: 3, closeOnExec: false))
        bench.call(10, .accept(fd: 5, listener: 77, closeOnExec: true))
        bench.call(10, .socketPair(first: 6, second: 7, closeOnExec: false))
        bench.call(10, .duplicate(from: 3, to: 8, closeOnExec: false))
        bench.call(10, .duplicate(from: 99, to: 9, closeOnExec: false))
        let others = bench.figures(10).others
        #expect(others.opened(.accept) == FamilyCounts(tcp: 1, other: 1), "the family is the listener's")
        #expect(others.opened(.socketpair) == FamilyCounts(other: 2))
        #expect(others.opened(.dup) == FamilyCounts(tcp: 1))
        #expect(others.open.total == 5)
        for fd in [Int32(4), 6, 8] { bench.close(10, fd) }
        bench.expect(10, 1, closed: 0, released: 0, open: 1)
        #expect(bench.figures(10).others.closed(.accept) == FamilyCounts(tcp: 1))
        bench.call(10, .execute)
        #expect(bench.figures(10).others.open == FamilyCounts(other: 1))
        bench.call(10, .exitGroup)
        #expect(bench.figures(10).others.open.isZero)
        bench.expect(10, 1, closed: 0, released: 1, open: 0)
    }

    @Test func aPairWithoutItsRecordCountsNothing() {
        let bench = Bench(live: false)
        bench.call(10, .socketPair(first: -1, second: -1, closeOnExec: false))
        #expect(bench.rows().isEmpty)
    }

    // MARK: folding

    @Test func theOldestEndedFoldAndKeepTheirFigures() {
        let bench = Bench(live: false, endedRows: 2)
        for pid in Int32(10)..<16 {
            bench.comm = pid % 2 == 0 ? "even" : "odd"
            bench.socket(pid, 3)
            bench.socket(pid, 4)
            bench.close(pid, 3)
            bench.call(pid, .exitGroup)
        }
        let found = bench.rows()
        #expect(found.filter { $0.pid != 0 }.map(\.pid).sorted() == [14, 15])
        let folded = found.filter { $0.pid == 0 }
        #expect(
            Set(folded.map { String(decoding: $0.name, as: UTF8.self) }) == ["even (ended)", "odd (ended)"])
        #expect(folded.map(\.processes) == [2, 2])
        #expect(folded.map(\.state) == [.exited, .exited])
        var sum = Figures()
        for row in found { sum += row.figures }
        #expect(
            [sum.socketTotal.total, sum.closeTotal.total, sum.released.total, sum.stillOpen.total] == [
                12, 6, 6, 0,
            ])
        #expect(sum.socketLast.total == 12 && sum.closeLast.total == 6)
        let again = bench.rows()
        #expect(again.reduce(0) { $0 + $1.figures.socketLast.total } == 0)
        #expect(again.reduce(0) { $0 + $1.figures.socketTotal.total } == 12)
    }

    @Test func aLateCloseOfAFoldedProcessIsNobodysElse() {
        let bench = Bench(live: false, endedRows: 1)
        bench.socket(10, 3)
        let entered = bench.now
        bench.call(10, .exitGroup)
        bench.socket(11, 3)
        bench.call(11, .exitGroup)
        bench.close(10, 3, at: entered)
        let found = bench.rows()
        #expect(found.count == 2)
        #expect(found.reduce(0) { $0 + $1.figures.released.total } == 2)
    }

    @Test func thousandsOfEndedProcessesStayBounded() {
        let bench = Bench(live: false, endedRows: 50)
        for number in 0..<6_000 {
            let pid = Int32(100 + number % 3_000)
            bench.ledger.apply(event(bench, pid, .socket(fd: 3, family: .tcp, closeOnExec: false)))
            bench.ledger.apply(event(bench, pid, .exitGroup))
        }
        let found = bench.rows()
        #expect(found.count == 51)
        #expect(found.reduce(0) { $0 + $1.figures.socketTotal.total } == 6_000)
        #expect(bench.ledger.current.count <= 51)
        #expect(bench.ledger.fresh.count < 3_000, "what was folded is let go")
    }

    private func event(_ bench: Bench, _ pid: Int32, _ operation: Operation) -> AuditEvent {
        bench.serial += 1
        bench.now += 5
        return AuditEvent(
            serial: bench.serial, stamp: bench.now, pid: pid, comm: bench.id("x"), operation: operation)
    }
}
