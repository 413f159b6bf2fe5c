import Testing

@testable import SockAuditCore

/// What was taken out of the rules on purpose is no drift, and /proc puts it right: StillOPEN is exact at
/// each look, and everyone else's figures stay as they are.
@Suite struct LedgerGapsTests {
    private func gaps(
        processes: Set<Int32> = [], programs: Set<NameID> = [], light: Bool = false, nothing: Bool = false
    ) -> AuditGaps {
        var gaps = AuditGaps()
        (gaps.processes, gaps.programs) = (processes, programs)
        (gaps.light, gaps.nothing) = (light, nothing)
        return gaps
    }

    private func bench() -> Bench {
        let bench = Bench()
        for pid in [10, 20] as [Int32] {
            bench.start(pid)
            bench.socket(pid, 3)
            bench.socket(pid, 4, .udp)
        }
        bench.look([10: bench.scan(10, [3: 100, 4: 101]), 20: bench.scan(20, [3: 200, 4: 201])])
        return bench
    }

    @Test func anExemptProcessHasWhatProcShows() {
        let bench = bench()
        bench.ledger.gaps = gaps(processes: [10])
        // It closed 3, and opened 5 and another 4, of which no record came.
        let kernel = LookSettings(info: { _, _, _ in SocketInfo(family: .tcp) })
        let result = bench.look(
            [10: bench.scan(10, [4: 102, 5: 103]), 20: bench.scan(20, [3: 200, 4: 201])], kernel)
        #expect(result.drift == 0)
        #expect(bench.figures(10).stillOpen.total == 2)
        bench.expect(20, 2, closed: 0, released: 0, open: 2)
        let rows = bench.rows()
        #expect(rows.first { $0.pid == 10 }?.state == .exempt)
        #expect(rows.first { $0.pid == 20 }?.state == .running)
    }

    @Test func theSameOfAnotherIsDrift() {
        let bench = bench()
        bench.ledger.gaps = gaps(processes: [10])
        let result = bench.look([
            10: bench.scan(10, [3: 100, 4: 101]), 20: bench.scan(20, [4: 201]),
        ])
        #expect(result.drift == 1)
    }

    @Test func byProgramAsWell() {
        let bench = bench()
        bench.ledger.gaps = gaps(programs: [bench.id("/usr/sbin/nginx")])
        let result = bench.look([10: bench.scan(10, [4: 101]), 20: bench.scan(20, [3: 200])])
        #expect(result.drift == 0)
        bench.expect(10, 2, closed: 0, released: 1, open: 1)
    }

    /// Exempt for a while between two looks: the next one must not wonder, the one after that must.
    @Test func whatWasNotAuditedAtAnyTimeSinceTheLastLook() {
        let bench = bench()
        bench.ledger.gaps = gaps(processes: [10])
        bench.ledger.gaps = gaps()
        let scans = [Int32(10): bench.scan(10, [4: 101]), 20: bench.scan(20, [3: 200, 4: 201])]
        #expect(bench.look(scans).drift == 0)
        #expect(bench.rows().allSatisfy { $0.state == .running })
        let later = [Int32(10): bench.scan(10, [:]), 20: bench.scan(20, [3: 200, 4: 201])]
        #expect(bench.look(later).drift == 1)
    }

    @Test func lightForAWhile() {
        let bench = bench()
        bench.ledger.gaps = gaps(light: true)
        bench.socket(10, 5)
        let result = bench.look([
            10: bench.scan(10, [5: 105]), 20: bench.scan(20, [3: 200, 4: 201]),
        ])
        #expect(result.drift == 0)
        bench.expect(10, 3, closed: 0, released: 2, open: 1)
        bench.ledger.gaps = gaps()
        bench.look([10: bench.scan(10, [5: 105]), 20: bench.scan(20, [3: 200, 4: 201])])
        bench.close(10, 5)
        bench.expect(10, 3, closed: 1, released: 2, open: 0)
    }

    @Test func nothingForAWhile() {
        let bench = bench()
        bench.ledger.gaps = gaps(nothing: true)
        let result = bench.look([
            10: bench.scan(10, [3: 100, 9: 109]), 20: bench.scan(20, [3: 200, 4: 201]),
        ])
        #expect(result.drift == 0)
        #expect(bench.figures(10).stillOpen.total + bench.figures(10).others.open(.unseen).total == 2)
        bench.expect(20, 2, closed: 0, released: 0, open: 2)
    }

    /// Its execve of a program that is exempt left no record; nor did what went with it.
    @Test func whoExecutesAnExemptProgram() {
        let bench = bench()
        bench.ledger.gaps = gaps(programs: [bench.id("/bin/storm")])
        var scan = bench.scan(10, [4: 101], comm: "storm")
        scan.exe = bench.id("/bin/storm")
        let result = bench.look([10: scan, 20: bench.scan(20, [3: 200, 4: 201])])
        #expect(result.drift == 0)
        bench.expect(10, 2, closed: 0, released: 1, open: 1)
        #expect(bench.rows().first { $0.pid == 10 }?.state == .exempt)
    }

    /// It began while nothing was audited, and its sockets are its own; those of before our start are not.
    @Test func whoBeganWhileNothingWasAudited() {
        let bench = bench()
        bench.ledger.watchingSince = bench.now
        let kernel = LookSettings(info: { _, _, _ in SocketInfo(family: .udp) })
        func adopt(_ pid: Int32, _ unaudited: AuditGaps) {
            let event = AuditEvent(
                serial: 0, stamp: bench.now, pid: pid, comm: bench.id("nginx"),
                exe: bench.id("/usr/sbin/nginx"), operation: .execute)
            guard let probe = bench.owners.byPid[pid] else { return }
            bench.ledger.adoptProcess(
                event, probe: probe, scan: bench.scan(pid, [3: 900 + UInt64(pid)]), look: kernel,
                unaudited: unaudited)
        }
        bench.now += 1_000
        for pid in [30, 31, 32] as [Int32] { bench.start(pid) }
        adopt(30, gaps(nothing: true))
        bench.expect(30, 1, closed: 0, released: 0, open: 1)
        adopt(31, gaps(programs: [bench.id("/usr/sbin/nginx")]))
        bench.expect(31, 1, closed: 0, released: 0, open: 1)
        adopt(32, gaps())
        bench.expect(32, 0, closed: 0, released: 0, open: 0)
    }
}
