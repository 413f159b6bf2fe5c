import SockAuditCore

@testable import SockAuditCore

/// Calls that no kernel would write, and looks into a /proc that says anything: whatever comes, the books add up after
/// each step, and every renderer makes of them what its readers can read.
enum LedgerProperty {
    /// Steps of one input; what a process can do to another is done in fewer.
    private static let most = 400

    static func fault(_ bytes: [UInt8]) -> String? {
        var run = LedgerRun(bytes)
        for _ in 0..<most where !run.choices.isOver {
            run.step()
            if let fault = run.fault ?? run.booksFault() { return fault }
        }
        run.finish()
        return run.fault ?? run.booksFault()
    }
}

/// One input played into a ledger. A byte says what happens, those behind it say to whom.
struct LedgerRun {
    var choices: Choices
    private(set) var fault: String?

    private final class Owners { var byPid: [Int32: ProcessProbe] = [:] }

    private let ledger: SocketLedger
    private let owners = Owners()
    private var window: ReorderWindow
    private let isLive: Bool
    private var names: [[UInt8]] = [[], Array("nginx".utf8), Array("a\u{1B}[2J\u{202E}".utf8), [0xFF, 0x41]]
    private var serial: UInt64 = 1_000
    private var now: Int64 = 1_700_000_000_000
    private var tables = RenderedTables()
    /// Successful socket() calls that were taken in; nil once something has happened that adds to them or takes
    /// from them by its nature.
    private var opened: Int? = 0

    init(_ bytes: [UInt8]) {
        choices = Choices(bytes)
        let flags = choices.byte()
        isLive = flags & 1 != 0
        let owners = owners
        let kin = ProcessKin(
            isThread: { $0 < 0 ? nil : $0 % 3 == 0 }, shareTable: { $0 == $1 ? nil : ($0 + $1) % 2 == 0 },
            isInOtherNamespace: { $0 % 7 == 0 })
        ledger = SocketLedger(
            settings: .init(
                live: isLive, light: flags & 2 != 0, units: flags & 4 != 0, endedRows: flags & 8 != 0 ? 2 : 40
            ),
            scope: flags & 16 != 0 ? Scope(patterns: ["nginx", "a*"]) : .all,
            probe: isLive ? { owners.byPid[$0] } : nil, kin: flags & 32 != 0 ? kin : nil)
        window = ReorderWindow(span: flags & 64 != 0 ? 8 : 0, detectsRestart: !isLive)
        if flags & 16 != 0 { opened = nil }
    }

    // MARK: steps

    mutating func step() {
        switch choices.below(32) {
        case 0: table()
        case 1: look()
        case 2: process()
        case 3: time()
        case 4: rare()
        case 5: names.append(choices.text())
        case 6: pass { $0.age($1) }
        default: call()
        }
    }

    mutating func finish() {
        pass { $0.flush($1) }
        table()
    }

    private mutating func name() -> NameID { ledger.names.intern(choices.pick(names)) }
    private mutating func pid() -> Int32 { Int32(choices.below(7)) + 1 }

    private mutating func fd() -> Int32 {
        let byte = choices.byte()
        return byte < 0xF0
            ? Int32(byte % 16) : [.min, -1, 1_023, 65_535, 1 << 20, .max - 1, .max][Int(byte) % 7]
    }

    private mutating func end() -> UInt32 {
        let byte = choices.byte()
        return byte < 0xF0 ? UInt32(byte % 16) : [1 << 20, 1 << 31, .max - 1, .max][Int(byte) % 4]
    }

    private mutating func operation() -> Operation {
        let kind = choices.byte()
        let flag = kind & 0x80 != 0
        switch kind % 24 {
        case 0...5: return .socket(fd: fd(), family: choices.pick(SocketFamily.allCases), closeOnExec: flag)
        case 6: return .accept(fd: fd(), listener: fd(), closeOnExec: flag)
        case 7: return .socketPair(first: fd(), second: fd(), closeOnExec: flag)
        case 8...11: return .close(fd: fd())
        case 12:
            return .closeRange(first: end(), last: end(), marksCloseOnExec: flag, unshares: kind & 0x40 != 0)
        case 13: return .duplicate(from: fd(), to: fd(), closeOnExec: flag)
        case 14: return .duplicateOver(from: fd(), to: fd(), closeOnExec: flag)
        case 15: return .setCloseOnExec(fd: fd(), flag)
        case 16: return .execute
        case 17: return .fork(child: pid() - 1, sharesFiles: flag)
        case 18: return .clone(child: pid() - 1)
        case 19: return .thread
        case 20: return .unshareFiles
        case 21: return .ring
        case 22: return .exitGroup
        default: return .exitThread
        }
    }

    private mutating func call() {
        let who = choices.byte()
        serial += 1
        now += 3
        // Most come in order; the others are late, or were asked for long ago.
        let late = who & 0x40 != 0 ? UInt64(choices.below(12)) : 0
        let slept = who & 0x80 != 0 ? Int64(choices.byte()) * 16 : 0
        var event = AuditEvent(
            node: who & 0x20 != 0 ? ledger.names.intern(Array("web2".utf8)) : .none,
            serial: serial - min(late, serial), stamp: now - slept, pid: Int32(who % 7) + 1,
            ppid: Int32(who >> 3 & 3), uid: 33, auid: UInt32(who), session: 3, operation: operation())
        event.comm = name()
        event.exe = name()
        if who & 8 != 0 { event.script = name() }
        if case .socket = event.operation { event.kind = choices.pick([.unknown, .tcp, .udp6, .unix, .raw]) }
        pass { $0.push(event, $1) }
    }

    /// What the window lets out goes into the books.
    private mutating func pass(_ body: (inout ReorderWindow, (ReorderWindow.Output) -> Void) -> Void) {
        var outputs: [ReorderWindow.Output] = []
        body(&window) { outputs.append($0) }
        for output in outputs { take(output) }
    }

    private mutating func take(_ output: ReorderWindow.Output) {
        switch output {
        case .restart: ledger.rebooted(node: .none)
        case .event(let event):
            ledger.apply(event)
            if case .socket(let fd, _, _) = event.operation, fd >= 0 { opened = opened.map { $0 + 1 } }
        }
    }

    private mutating func process() {
        let pid = pid()
        guard choices.byte() & 3 != 0 else { return owners.byPid[pid] = nil }
        var probe = ProcessProbe(
            startTicks: UInt64(now / 10 % 1_000_000), start: now / 10 * 10, comm: name(), script: name())
        probe.threaded = choices.byte() & 1 != 0
        probe.unit = name()
        owners.byPid[pid] = probe
    }

    /// The farthest that a record can say: LineGate takes eleven digits of seconds.
    private mutating func time() {
        switch choices.byte() % 6 {
        case 0: now = 0
        case 1: now = 99_999_999_999_999
        case 2: now = max(0, now - Int64(choices.byte()) * 1_000)
        case 3: serial += UInt64(choices.byte()) * 40
        case 4: serial = [1, 4_294_967_290, 9_999_999_000][choices.below(3)]
        default: now = min(now + Int64(choices.byte()) * 60_000, 99_999_999_999_999)
        }
    }

    private mutating func rare() {
        switch choices.byte() % 6 {
        case 0:
            ledger.beginWindow(node: .none, at: now)
            opened = nil
        case 1:
            ledger.rebooted(node: choices.byte() & 1 != 0 ? .none : ledger.names.intern(Array("web2".utf8)))
        case 2:
            var gaps = AuditGaps()
            let byte = choices.byte()
            (gaps.light, gaps.nothing) = (byte & 1 != 0, byte & 2 != 0)
            if byte & 4 != 0 { gaps.processes = [pid()] }
            if byte & 8 != 0 { gaps.programs = [name()] }
            ledger.gaps = gaps
            opened = nil
        case 3:
            let kept = window
            ledger.names.sweep { mark in
                ledger.markNames(mark)
                kept.forEach { $0.markNames(mark) }
                for owner in owners.byPid.values {
                    for id in [owner.comm, owner.script, owner.unit] { mark(id) }
                }
            }
        case 4: ledger.watchingSince = now
        default:
            let event = AuditEvent(serial: 0, stamp: now, pid: pid(), operation: .exitThread)
            if let probe = owners.byPid[event.pid] {
                ledger.adoptProcess(event, probe: probe, scan: scan(event.pid), look: LookSettings())
            }
        }
    }

    // MARK: /proc

    private mutating func scan(_ pid: Int32) -> ProcessScan {
        let flags = choices.byte()
        guard flags & 15 != 1, let owner = owners.byPid[pid] else {
            return ProcessScan(presence: flags & 16 != 0 ? .unreadable : .gone)
        }
        var sockets: [Int32: UInt64] = [:]
        for _ in 0..<Int(flags >> 4 & 3) { sockets[fd()] = UInt64(choices.byte() % 16) + 1 }
        var scan = ProcessScan(
            presence: .alive(sockets: sockets), startTicks: owner.startTicks, start: owner.start,
            comm: flags & 2 != 0 ? owner.comm : .none, threaded: flags & 4 != 0,
            usesRing: flags & 0x4F == 0x47)
        scan.isBusy = flags & 8 != 0
        scan.exe = flags & 0x80 != 0 ? owner.comm : .none
        return scan
    }

    /// As a table takes it: what waits goes in, /proc is read, again where it is doubtful, and calls go on meanwhile.
    private mutating func look() {
        let flags = choices.byte()
        pass { $0.flush($1) }
        ledger.beginLook()
        var first: [Int32: ProcessScan] = [:]
        for pid in Set(ledger.watched()).sorted() { first[pid] = scan(pid) }
        for _ in 0..<Int(flags & 3) { call() }
        pass { $0.flush($1) }
        var second: [Int32: ProcessScan] = [:]
        for pid in Set(ledger.doubtful(first)).sorted() {
            second[pid] = flags & 4 != 0 ? first[pid] : scan(pid)
        }
        for _ in 0..<Int(flags >> 3 & 1) { call() }
        var settings = LookSettings(
            lossy: flags & 0xC0 == 0x40, closesUnseen: flags & 0xC0 == 0x80, callsUnseen: flags & 0xF0 == 0xF0
        )
        settings.info = { _, fd, inode in
            inode % 5 == 0
                ? nil
                : SocketInfo(
                    family: inode % 2 == 0 ? .tcp : .other, kind: inode % 2 == 0 ? .tcp : .netlink,
                    looksAccepted: fd % 3 == 0)
        }
        if settings.lossy || settings.callsUnseen { opened = nil }
        ledger.settle(first: first, second: second, at: now, look: settings)
    }

    // MARK: what must hold

    /// Of every account, ended ones too.
    func booksFault() -> String? {
        for account in ledger.current.values where !account.figures.sumsHold {
            return "pid \(account.pid): \(account.figures)"
        }
        for account in ledger.fresh.dropFirst(ledger.freshHead) where !account.figures.sumsHold {
            return "ended pid \(account.pid): \(account.figures)"
        }
        for fold in ledger.folded.values where !fold.figures.sumsHold { return "folded: \(fold.figures)" }
        return nil
    }

    private mutating func table() {
        let flags = choices.byte()
        let request = OpenSocketRequest(now: now, olderThan: flags & 1 != 0 ? 1 : 0) { [names] _, fd, inode in
            RenderedTables.endpoint(fd, inode, names)
        }
        let rows = ledger.takeRows(now: isLive ? now : nil, open: flags & 2 != 0 ? request : nil)
        var sum = Figures()
        for row in rows {
            if let wrong = Self.fault(of: row) { return fault = "pid \(row.pid): \(wrong): \(row.figures)" }
            sum += row.figures
        }
        if let opened, sum.socketTotal.total != opened {
            fault = "\(opened) sockets were opened, the rows have \(sum.socketTotal)"
            return
        }
        // To render takes much longer than all the rest.
        if fault == nil, tables.count < 3 {
            fault = tables.fault(rows, at: now, flags, names: names, isLive: isLive)
        }
    }

    private static func fault(of row: Row) -> String? {
        let figures = row.figures
        if !figures.sumsHold { return "the sum does not hold" }
        let counts = [
            figures.socketTotal, figures.socketLast, figures.closeTotal, figures.released, figures.stillOpen,
        ]
        let others = Origin.allCases.flatMap {
            [figures.others.opened($0), figures.others.closed($0), figures.others.open($0)]
        }
        for family in SocketFamily.allCases where (counts + others).contains(where: { $0[family] < 0 }) {
            return "a figure is negative"
        }
        return row.duration >= 0 && row.processes >= 1 ? nil : "a duration or a number of processes"
    }
}
