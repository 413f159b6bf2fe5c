import TestSupport
import Testing

@testable import SockAuditCore

/// Events that no kernel would write: whatever comes, the sums hold after each and nothing traps.
@Suite struct LedgerPropertyTests {
    private static let oddNumbers: [Int32] = [
        .min, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 63, 64, 1_023, 65_535, 1 << 20, .max - 1, .max,
    ]
    private static let oddEnds: [UInt32] = [0, 1, 3, 4, 7, 64, 1 << 20, 1 << 31, .max - 1, .max]

    private static func operation(_ random: inout Seeded) -> Operation {
        func fd(_ random: inout Seeded) -> Int32 {
            random.chance(70) ? Int32.random(in: 3...8, using: &random) : random.pick(oddNumbers)
        }
        let flag = random.chance(50)
        switch Int.random(in: 0..<13, using: &random) {
        case 0, 1, 2:
            return .socket(fd: fd(&random), family: random.pick(SocketFamily.allCases), closeOnExec: flag)
        case 3: return .accept(fd: fd(&random), listener: fd(&random), closeOnExec: flag)
        case 4: return .socketPair(first: fd(&random), second: fd(&random), closeOnExec: flag)
        case 5, 6: return .close(fd: fd(&random))
        case 7:
            return .closeRange(
                first: random.pick(oddEnds), last: random.pick(oddEnds), marksCloseOnExec: flag)
        case 8: return .duplicate(from: fd(&random), to: fd(&random), closeOnExec: flag)
        case 9: return .duplicateOver(from: fd(&random), to: fd(&random), closeOnExec: flag)
        case 10: return .setCloseOnExec(fd: fd(&random), flag)
        case 11: return random.chance(50) ? .execute : .exitThread
        default:
            if random.chance(70) {
                return .fork(child: Int32.random(in: -1...8, using: &random), sharesFiles: flag)
            }
            return .exitGroup
        }
    }

    @Test(arguments: 0..<40)
    func theSumsHoldAfterEveryEvent(_ seed: Int) {
        var random = Seeded(seed)
        let bench = Bench(live: seed % 2 == 0, light: seed % 7 == 0, endedRows: 4)
        var before: [Int32: FamilyCounts] = [:]
        for _ in 0..<1_500 {
            let pid = Int32.random(in: 1...6, using: &random)
            // Entry times jump: blocked calls, clocks that were set, and the farthest that a record
            // can say (LineGate: twelve digits of seconds).
            let at: Int64? =
                random.chance(70)
                ? nil : random.pick([0, bench.now - 3_000, bench.now + 60_000, 999_999_999_999_999])
            if random.chance(2) { bench.start(pid) }
            if random.chance(1) { bench.gone(pid) }
            if at == nil || !random.chance(50) { bench.ppid = Int32.random(in: 0...3, using: &random) }
            bench.call(pid, Self.operation(&random), at: at, node: random.chance(5) ? "web2" : "")
            if random.chance(3) { look(bench, &random) }
            if random.chance(1) { bench.ledger.rebooted(node: bench.id("web2")) }
            if random.chance(3) { checkRows(bench, &before, seed) }
        }
        checkRows(bench, &before, seed)
    }

    private func look(_ bench: Bench, _ random: inout Seeded) {
        var scans: [Int32: ProcessScan] = [:]
        for pid in bench.ledger.watched() {
            var sockets: [Int32: UInt64] = [:]
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                sockets[random.pick(Self.oddNumbers)] = UInt64.random(in: 1...9, using: &random)
            }
            scans[pid] = bench.scan(pid, sockets, threaded: random.chance(50))
            if random.chance(10) { scans[pid]?.presence = .unreadable }
        }
        bench.look(scans)
    }

    private func checkRows(_ bench: Bench, _ before: inout [Int32: FamilyCounts], _ seed: Int) {
        var totals = Figures()
        for row in bench.rows() {
            #expect(row.figures.sumsHold, "seed \(seed)")
            #expect(row.figures.socketLast.total >= 0 && row.duration >= 0, "seed \(seed)")
            totals += row.figures
        }
        #expect(totals.sumsHold, "seed \(seed)")
        // SocketTOT of all never falls: rows fold, they do not vanish.
        let last = before[0] ?? FamilyCounts()
        #expect(totals.socketTotal.total >= last.total, "seed \(seed)")
        before[0] = totals.socketTotal
    }

    /// The order in which processors write records changes nothing within the window.
    @Test(arguments: 0..<30)
    func shuffledWithinTheWindowIsTheSame(_ seed: Int) {
        var random = Seeded(seed)
        var events: [AuditEvent] = []
        for number in 0..<1_000 {
            events.append(
                AuditEvent(
                    serial: UInt64(100 + number * 2), stamp: Bench.begin + Int64(number) * 3,
                    pid: Int32.random(in: 1...5, using: &random), operation: Self.operation(&random)))
        }
        let expected = figures(events, span: 64)
        var shuffled = events
        // No event moves further than the window is wide: 64 serials are 32 events.
        for start in stride(from: 0, to: shuffled.count, by: 16) {
            shuffled[start..<min(start + 16, shuffled.count)].shuffle(using: &random)
        }
        #expect(shuffled != events)
        #expect(figures(shuffled, span: 64) == expected, "seed \(seed)")
        // Without a window this shuffle does change figures, so the one above did something.
        if seed == 0 { #expect(figures(shuffled, span: 0) != expected) }
    }

    private func figures(_ events: [AuditEvent], span: UInt64) -> [Figures] {
        let ledger = SocketLedger(settings: .init(live: false), scope: .all)
        var window = ReorderWindow(span: span, detectsRestart: false)
        func take(_ output: ReorderWindow.Output) {
            if case .event(let event) = output { ledger.apply(event) }
        }
        for event in events { window.push(event, take) }
        window.flush(take)
        return ledger.takeRows(now: nil).sorted { ($0.pid, $0.start) < ($1.pid, $1.start) }.map(\.figures)
    }
}
