import Testing

@testable import SockAuditCore

/// A ledger with a clock, a serial counter and a /proc of its own. Each call is one event, five
/// milliseconds after the last, and the sum rule is checked after every one.
final class Bench {
    static let begin: Int64 = 1_700_000_000_000

    /// Who owns a pid, for the ledger's probe.
    final class Owners { var byPid: [Int32: ProcessProbe] = [:] }

    let ledger: SocketLedger
    let owners = Owners()
    var serial: UInt64 = 1_000
    var now = Bench.begin
    /// What every event carries until it is changed.
    var comm = "nginx"
    var exe = "/usr/sbin/nginx"
    var ppid: Int32 = 1

    init(
        live: Bool = true, light: Bool = false, scope: [String] = ["all"], endedRows: Int = 100,
        kin: ProcessKin? = nil
    ) {
        let owners = owners
        ledger = SocketLedger(
            settings: .init(live: live, light: light, endedRows: endedRows), scope: Scope(patterns: scope),
            probe: live ? { owners.byPid[$0] } : nil, kin: kin)
    }

    func id(_ text: String) -> NameID { ledger.names.intern(Array(text.utf8)) }

    /// A process that /proc knows from now on. Ticks are tens of milliseconds since the beginning.
    func start(_ pid: Int32, comm: String = "nginx", script: String = "") {
        let ticks = UInt64(now - Self.begin) / 10 + 500
        let start = now / 10 * 10
        owners.byPid[pid] = ProcessProbe(startTicks: ticks, start: start, comm: id(comm), script: id(script))
    }

    func gone(_ pid: Int32) { owners.byPid[pid] = nil }

    /// - Parameter at: the entry time, when it is not now: a call that waited for its record.
    func call(
        _ pid: Int32, _ operation: Operation, at: Int64? = nil, node: String = "", script: String = "",
        _ location: SourceLocation = #_sourceLocation
    ) {
        serial += 1
        now += 5
        var event = AuditEvent(
            node: id(node), serial: serial, stamp: at ?? now, pid: pid, ppid: ppid, uid: 33, auid: 1_000,
            session: 3,
            comm: id(comm), exe: id(exe), operation: operation)
        event.script = id(script)
        ledger.apply(event)
        checkSums(location)
    }

    func socket(
        _ pid: Int32, _ fd: Int32, _ family: SocketFamily = .tcp, cloexec: Bool = false, at: Int64? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) {
        call(pid, .socket(fd: fd, family: family, closeOnExec: cloexec), at: at, location)
    }

    func close(_ pid: Int32, _ fd: Int32, at: Int64? = nil, _ location: SourceLocation = #_sourceLocation) {
        call(pid, .close(fd: fd), at: at, location)
    }

    // MARK: what /proc says

    func scan(
        _ pid: Int32, _ sockets: [Int32: UInt64], threaded: Bool = false, comm: String = ""
    ) -> ProcessScan {
        guard let owner = owners.byPid[pid] else { return ProcessScan(presence: .gone) }
        return ProcessScan(
            presence: .alive(sockets: sockets), startTicks: owner.startTicks, start: owner.start,
            comm: id(comm),
            threaded: threaded)
    }

    /// One whole look, both readings alike.
    @discardableResult
    func look(
        _ scans: [Int32: ProcessScan], _ settings: LookSettings = LookSettings(),
        _ location: SourceLocation = #_sourceLocation
    ) -> Settlement {
        ledger.beginLook()
        let doubtful = ledger.doubtful(scans)
        now += 5
        let result = ledger.settle(
            first: scans, second: scans.filter { doubtful.contains($0.key) }, at: now, look: settings)
        checkSums(location)
        return result
    }

    // MARK: figures

    /// Rows without beginning a new interval would be better; the ledger has none, so accounts are
    /// read directly where the interval matters.
    func rows() -> [Row] { ledger.takeRows(now: now) }

    /// The account that is current for a pid or was last.
    func figures(_ pid: Int32, node: String = "") -> Figures {
        let slot = SocketLedger.Slot(node: id(node), pid: pid)
        return ledger.current[slot]?.figures ?? Figures()
    }

    func checkSums(_ location: SourceLocation = #_sourceLocation) {
        for account in ledger.current.values {
            #expect(account.figures.sumsHold, "pid \(account.pid)", sourceLocation: location)
        }
        for account in ledger.fresh.dropFirst(ledger.freshHead) {
            #expect(account.figures.sumsHold, "ended pid \(account.pid)", sourceLocation: location)
        }
        ledger.past.forEach {
            #expect($0.figures.sumsHold, "past pid \($0.pid)", sourceLocation: location)
        }
        for fold in ledger.folded.values {
            #expect(fold.figures.sumsHold, "folded", sourceLocation: location)
        }
    }

    /// The four figures of one process in one line: total, closed, released, open.
    func expect(
        _ pid: Int32, _ total: Int, closed: Int, released: Int, open: Int, node: String = "",
        _ location: SourceLocation = #_sourceLocation
    ) {
        let found = figures(pid, node: node)
        let got = [found.socketTotal, found.closeTotal, found.released, found.stillOpen].map(\.total)
        #expect(
            got == [total, closed, released, open], "total, closed, released, open", sourceLocation: location)
    }
}
