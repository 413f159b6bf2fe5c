import TestSupport
import Testing

@testable import SockAuditCore

/// Plays a naive kernel's records into a ledger, as the pipeline would, and compares.
struct ModelRun {
    /// /proc as the probe sees it at the moment.
    private final class Proc { var owners: [Int32: ProcessProbe] = [:] }

    private var kernel: NaiveKernel
    let ledger: SocketLedger
    private var window: ReorderWindow
    private let proc = Proc()
    private let live: Bool
    private let seed: Int
    private var shuffle: Seeded

    init(_ mix: Mix, seed: Int, live: Bool) {
        self.seed = seed
        self.live = live
        shuffle = Seeded(seed + 1_000_000)
        kernel = NaiveKernel(mix, seed: seed)
        window = ReorderWindow(span: 64, detectsRestart: !live)
        let proc = proc
        ledger = SocketLedger(
            settings: .init(live: live, endedRows: 100_000), scope: .all,
            probe: live ? { proc.owners[$0] } : nil)
    }

    mutating func play(steps: Int, looksEvery: Int?) {
        for number in 1...steps {
            kernel.step()
            if kernel.written.count > 20 { deliver(all: false) }
            if live, let looksEvery, number % looksEvery == 0 { look() }
        }
        kernel.quiesce()
        deliver(all: true)
        if live { look(still: true) }
    }

    // MARK: the stream

    /// Records come slightly out of the order of their serials.
    private mutating func deliver(all: Bool) {
        refreshProc()
        var batch = kernel.written
        kernel.written = []
        for index in batch.indices {
            let other = min(batch.count - 1, index + Int.random(in: 0...4, using: &shuffle))
            batch.swapAt(index, other)
        }
        let ledger = ledger
        for event in batch { window.push(event) { Self.apply($0, ledger) } }
        if all { window.flush { Self.apply($0, ledger) } }
        check()
    }

    private static func apply(_ output: ReorderWindow.Output, _ ledger: SocketLedger) {
        switch output {
        case .event(let event): ledger.apply(event)
        case .restart: Issue.record("a restart that never was")
        }
    }

    private func check() {
        for account in ledger.current.values where !account.figures.sumsHold {
            Issue.record("seed \(seed) pid \(account.pid): \(account.figures)")
        }
    }

    private func refreshProc() {
        proc.owners = [:]
        for process in kernel.processes where process.alive {
            proc.owners[process.pid] = ProcessProbe(
                startTicks: process.startTicks, start: process.start, comm: .none)
        }
    }

    // MARK: /proc

    private func scan(_ pids: [Int32]) -> [Int32: ProcessScan] {
        var found: [Int32: ProcessScan] = [:]
        for pid in pids {
            let owner = kernel.processes.last { $0.pid == pid && $0.alive }
            found[pid] =
                owner.map {
                    ProcessScan(
                        presence: .alive(sockets: $0.sockets), startTicks: $0.startTicks, start: $0.start,
                        threaded: $0.threads > 1)
                } ?? ProcessScan(presence: .gone)
        }
        return found
    }

    /// As Monitor takes a table: drain, read, drain, read the doubtful again, drain.
    /// - Parameter still: nothing happens meanwhile.
    private mutating func look(still: Bool = false) {
        deliver(all: true)
        ledger.beginLook()
        let first = scan(ledger.watched())
        let looked = kernel.now
        for _ in 0..<(still ? 0 : shuffle.pick([0, 0, 5, 20])) { kernel.step() }
        deliver(all: true)
        let second = scan(ledger.doubtful(first))
        for _ in 0..<(still ? 0 : shuffle.pick([0, 0, 5])) { kernel.step() }
        deliver(all: true)
        ledger.settle(first: first, second: second, at: looked)
        kernel.settled = looked
        check()
        for row in ledger.takeRows(now: kernel.now)
        where !row.figures.sumsHold || row.figures.closeLast.total < 0 {
            Issue.record("seed \(seed) pid \(row.pid): \(row.figures)")
        }
    }

    // MARK: comparing

    /// - Parameter others: every way an other socket comes and goes was audited, so these agree too.
    func compare(others: Bool = false) {
        let rows = ledger.takeRows(now: kernel.now)
        var truths: [Int32: [NaiveProcess]] = [:]
        for process in kernel.processes where !process.truth.opened.isZero {
            truths[process.pid, default: []].append(process)
        }
        var found: [Int32: [Row]] = [:]
        for row in rows where !row.figures.socketTotal.isZero { found[row.pid, default: []].append(row) }
        for pid in Set(truths.keys).union(found.keys).sorted() {
            let expected = (truths[pid] ?? []).sorted { $0.startTicks < $1.startTicks }.map(\.truth)
            let got = (found[pid] ?? []).sorted { $0.start < $1.start }.map {
                NaiveProcess.Truth(
                    opened: $0.figures.socketTotal, closed: $0.figures.closeTotal,
                    released: $0.figures.released,
                    open: $0.figures.stillOpen)
            }
            #expect(got == expected, "seed \(seed), pid \(pid)")
        }
        guard others else { return }
        let open = rows.reduce(0) { $0 + $1.figures.others.open.total }
        let real = kernel.processes.reduce(0) { sum, process in
            sum + process.files.values.count { $0.socket != nil && $0.way != .socket }
        }
        #expect(open == real, "seed \(seed), others that are open")
    }

    /// All processes of a pid together: who of them did what may be undecidable.
    func compareTotals() {
        var truths: [Int32: FamilyCounts] = [:]
        for process in kernel.processes {
            truths[process.pid, default: FamilyCounts()] += process.truth.opened
        }
        var found: [Int32: FamilyCounts] = [:]
        for row in ledger.takeRows(now: kernel.now) {
            found[row.pid, default: FamilyCounts()] += row.figures.socketTotal
            if !row.figures.sumsHold { Issue.record("seed \(seed) pid \(row.pid): \(row.figures)") }
        }
        for (pid, truth) in truths {
            #expect(found[pid] ?? FamilyCounts() == truth, "seed \(seed), pid \(pid)")
        }
    }
}
