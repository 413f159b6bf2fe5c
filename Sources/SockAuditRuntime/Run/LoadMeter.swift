import AuditStream
import Glibc
import SockAuditCore

/// Counts who makes the events of our rules, on the bytes of the records as they come: the guard must know
/// before anyone has had the time to understand them.
struct LoadMeter {
    private struct Maker {
        var events = 0
        var exe: [UInt8] = []
    }

    private var makers: [Int32: Maker] = [:]
    private var events = 0
    private var since: Int64
    private var lastUse: [Int32: (ticks: UInt64, at: Int64)] = [:]
    private var busy: Set<Int32> = []

    /// Between two reports (ms) under load, and where there is only something to say of exempted processes.
    private static let span: Int64 = 100
    private static let idleSpan: Int64 = 500
    /// Of a processor, over this long (ms): who uses less is calm.
    private static let useSpan: Int64 = 1_000
    private static let calmShare: UInt64 = 20
    /// As many are named in a report.
    private static let mostNamed = 40
    /// A fork storm must not make a report of our own expensive.
    private static let mostMakers = 20_000

    init(now: Int64) { since = now }

    /// - Parameter text: a message of the kernel.
    mutating func count(type: UInt16, _ text: UnsafeRawBufferPointer) {
        guard RecordType.isCall(type), unsafe CallMaker.isForUs(text) else { return }
        events += 1
        guard let pid = unsafe CallMaker.process(text) else { return }
        if makers[pid] == nil {
            guard makers.count < Self.mostMakers else { return }
            // The message that the caller holds.
            makers[pid] = unsafe Maker(exe: CallMaker.program(text))
        }
        makers[pid]?.events += 1
    }

    /// What there is to report; nil when it is not yet time, or nothing has happened.
    /// - Parameter exempt: of them is said who still uses the processor.
    mutating func report(now: Int64, exempt state: GuardState) -> GuardLoad? {
        let exempt = state.processes
        let passed = now - since
        guard passed >= Self.span else { return nil }
        // Who is exempt makes no events: without a report nobody would ever be audited again.
        if events == 0 && (!state.exemptsAnyone || passed < Self.idleSpan) {
            // A span without events must not thin out the next ones.
            if !state.exemptsAnyone { since = now - Self.span }
            return nil
        }
        watchUse(exempt, now)
        var programs: [[UInt8]: (events: Int, processes: Int)] = [:]
        for maker in makers.values {
            programs[maker.exe, default: (0, 0)].events += maker.events
            programs[maker.exe, default: (0, 0)].processes += 1
        }
        let load = GuardLoad(
            at: now, span: passed, events: events,
            processes: makers.map { .init(pid: $0.key, events: $0.value.events) }
                .sorted { ($0.events, $1.pid) > ($1.events, $0.pid) }.prefix(Self.mostNamed).map { $0 },
            programs: programs.filter { !$0.key.isEmpty }
                .map { .init(exe: $0.key, events: $0.value.events, processes: $0.value.processes) }
                .sorted { $0.events > $1.events }.prefix(Self.mostNamed).map { $0 },
            busy: busy)
        makers.removeAll(keepingCapacity: makers.count < 1_000)
        events = 0
        since = now
        return load
    }

    /// Who of them has used more than a twentieth of a processor lately.
    private mutating func watchUse(_ exempt: [Int32], _ now: Int64) {
        let gone = Set(lastUse.keys).subtracting(exempt)
        for pid in gone { lastUse[pid] = nil }
        busy.formIntersection(exempt)
        for pid in exempt {
            guard let ticks = ProcScanner.processorTicks(pid) else {
                busy.remove(pid)
                continue
            }
            guard let last = lastUse[pid] else {
                lastUse[pid] = (ticks, now)
                busy.insert(pid)
                continue
            }
            guard now - last.at >= Self.useSpan else { continue }
            // A tick is 10 ms (USER_HZ is 100 everywhere, proc(5)).
            let used = ticks &- min(ticks, last.ticks)
            if used * 10 * Self.calmShare > UInt64(now - last.at) {
                busy.insert(pid)
            } else {
                busy.remove(pid)
            }
            lastUse[pid] = (ticks, now)
        }
    }
}
