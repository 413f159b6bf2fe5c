import AuditStream
import SockAuditCore

/// What keeper and monitor say to each other, a message each (SOCK_SEQPACKET).
enum KeeperMessage {
    /// First bytes: what the monitor asks...
    static let hello: UInt8 = 1
    static let status: UInt8 = 2
    static let inspect: UInt8 = 3
    static let remove: UInt8 = 4
    static let reopen: UInt8 = 5
    static let raise: UInt8 = 7
    /// A new file beside the report, and that it takes the report's place.
    static let fresh: UInt8 = 12
    static let publish: UInt8 = 13
    /// Of a plugin: which of the rules that it needs are there, and its settings, read again.
    static let observe: UInt8 = 14
    static let reload: UInt8 = 15
    /// ...and tells: no answer comes.
    static let load: UInt8 = 6
    /// What the keeper answers...
    static let done: UInt8 = 20
    static let failed: UInt8 = 21
    /// ...and tells: the guard's decisions, and that someone wants us to stop.
    static let decision: UInt8 = 30
    static let stop: UInt8 = 31
}

/// All that the keeper is told about the run, before the monitor reads its first record.
struct KeeperOrder {
    var mode = AuditMode.standard
    var force = false
    var executables: [[UInt8]] = []
    var report: String?
    var readers = WholeFile.Readers.owner
    /// The report is replaced at each table.
    var isWhole = false
    /// Files outside of /proc that the monitor may have opened later (``ProcFile/Kind/named``).
    var named: [String] = []
    var monitor: Int32 = 0
    /// The monitor draws a screen on its terminal, which it cannot put back when it is killed.
    var hasScreen = false
    /// Since when the host audits new processes (ms since the epoch); nil from boot.
    var auditedSince: Int64?
    var settings = GuardSettings()
    var level = GuardState.Level.all
    /// Of a plugin: whose processes it is about (``Scope/patterns``).
    var patterns: [String] = []
    /// Of a plugin, whose rules are the administrator's.
    var plugin: PluginConfig?

    func encode() -> [UInt8] {
        var out = WireWriter(KeeperMessage.hello)
        out.put(mode.rawValue)
        out.put(force)
        out.put(executables) { $0.put($1) }
        out.put(report.map { [$0] } ?? [])
        out.put(readers.rawValue)
        out.put(isWhole)
        out.put(named)
        out.put(monitor)
        out.put(hasScreen)
        out.put(auditedSince ?? -1)
        out.put(settings.mayStep)
        out.put(settings.mayExempt)
        out.put(settings.isNarrowed)
        out.put(settings.tick)
        out.put(settings.budget ?? -1)
        out.put(settings.evidence != nil)
        out.put(settings.evidence?.burst ?? 0)
        out.put(settings.evidence?.rate ?? 0)
        out.put(level.rawValue)
        out.put(patterns)
        out.put(plugin != nil)
        plugin?.encode(to: &out)
        return out.bytes
    }

    init() {}

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        guard let mode = AuditMode(rawValue: try reader.string()) else { throw WireReader.Damaged() }
        self.mode = mode
        force = try reader.flag()
        executables = try reader.list { reader throws(WireReader.Damaged) in try reader.text() }
        report = try reader.strings().first
        readers = WholeFile.Readers(rawValue: try reader.number()) ?? .owner
        isWhole = try reader.flag()
        named = try reader.strings()
        monitor = try reader.number()
        hasScreen = try reader.flag()
        let since: Int64 = try reader.number()
        auditedSince = since < 0 ? nil : since
        settings.mayStep = try reader.flag()
        settings.mayExempt = try reader.flag()
        settings.isNarrowed = try reader.flag()
        settings.tick = try reader.double()
        let budget: Int = try reader.number()
        settings.budget = budget < 0 ? nil : budget
        let isSparing = try reader.flag()
        let allowance = EvidenceAllowance(burst: try reader.double(), rate: try reader.double())
        settings.evidence = isSparing ? allowance : nil
        // The guard counts with these: what is no number would end the keeper, with its rules in.
        guard (0...1_000).contains(settings.tick), (0...1e12).contains(allowance.burst),
            (0...1e12).contains(allowance.rate)
        else { throw WireReader.Damaged() }
        level = GuardState.Level(rawValue: try reader.number()) ?? .all
        patterns = try reader.strings()
        if try reader.flag() { plugin = try PluginConfig(&reader) }
    }
}

extension KernelStatus {
    func encode(to out: inout WireWriter) {
        for value in [
            enabled, failure, daemon, rateLimit, backlogLimit, lost, backlog, backlogWaitTime,
            backlogWaitActual,
        ] { out.put(value) }
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        self.init(
            enabled: try reader.number(), failure: try reader.number(), daemon: try reader.number(),
            rateLimit: try reader.number(), backlogLimit: try reader.number(), lost: try reader.number(),
            backlog: try reader.number(), backlogWaitTime: try reader.number(),
            backlogWaitActual: try reader.number())
    }
}

extension RuleInstaller.Report {
    func encode(to out: inout WireWriter) {
        out.put(added)
        out.put(shared)
        out.put(swept)
        out.put(switchedOn)
        out.put(partlyShadowed)
        out.put(findings) {
            $0.put($1.text)
            $0.put($1.hides)
        }
        out.put(refusedArchitectures)
        out.put(rules)
        out.put(missing)
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        self.init()
        added = try reader.number()
        shared = try reader.number()
        swept = try reader.number()
        switchedOn = try reader.flag()
        partlyShadowed = try reader.strings()
        findings = try reader.list { reader throws(WireReader.Damaged) in
            HostChecks.Finding(text: try reader.string(), hides: try reader.flag())
        }
        refusedArchitectures = try reader.strings()
        rules = try reader.strings()
        missing = try reader.number()
    }
}

extension ExecutableFinder.Answer {
    func encode(to out: inout WireWriter) {
        switch self {
        case .files(let files):
            out.put(true)
            out.put(files) { $0.put($1) }
        case .all(let because):
            out.put(false)
            out.put(because)
        }
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        if try reader.flag() {
            self = .files(try reader.list { reader throws(WireReader.Damaged) in try reader.text() })
        } else {
            self = .all(because: try reader.string())
        }
    }
}

extension RuleInstaller.Inspection {
    func encode(to out: inout WireWriter) {
        out.put(missing)
        out.put(moved)
        out.put(hiding)
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        self.init()
        missing = try reader.number()
        moved = try reader.flag()
        hiding = try reader.strings()
    }
}

extension AuditError {
    func encode(to out: inout WireWriter) {
        out.put(code.rawValue)
        out.put(errno)
        out.put(message)
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        guard let code = Code(rawValue: try reader.string()) else { throw WireReader.Damaged() }
        self.init(code, errno: try reader.number(), try reader.string())
    }
}

extension GuardLoad {
    func encode(to out: inout WireWriter) {
        out.put(span)
        out.put(events)
        out.put(processes) {
            $0.put($1.pid)
            $0.put($1.events)
        }
        out.put(programs) {
            $0.put($1.exe)
            $0.put($1.events)
            $0.put($1.processes)
        }
        out.put(Array(busy)) { $0.put($1) }
    }

    /// The monitor reads what anybody on the host wrote: no number of its may make a sum of the keeper's
    /// overflow, which would end it with the rules in.
    private static func count(_ reader: inout WireReader) throws(WireReader.Damaged) -> Int {
        min(max(0, try reader.number() as Int), 1 << 32)
    }

    /// - Parameter at: when it came, by the keeper's own clock.
    init(_ reader: inout WireReader, at: Int64) throws(WireReader.Damaged) {
        let span: Int64 = try reader.number()
        self.init(at: at, span: max(1, span), events: try Self.count(&reader))
        processes = try reader.list { reader throws(WireReader.Damaged) in
            Process(pid: try reader.number(), events: try Self.count(&reader))
        }
        programs = try reader.list { reader throws(WireReader.Damaged) in
            Program(
                exe: try reader.text(), events: try Self.count(&reader), processes: try Self.count(&reader))
        }
        busy = Set(try reader.list { reader throws(WireReader.Damaged) in try reader.number() as Int32 })
    }
}

extension GuardDecision {
    func encode() -> [UInt8] {
        var out = WireWriter(KeeperMessage.decision)
        out.put(state.level.rawValue)
        out.put(state.processes) { $0.put($1) }
        out.put(state.programs) { $0.put($1) }
        out.put(cause.rawValue)
        out.put(rate)
        out.put(backlog)
        out.put(backlogLimit)
        return out.bytes
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        var state = GuardState()
        guard let level = GuardState.Level(rawValue: try reader.number()) else { throw WireReader.Damaged() }
        state.level = level
        state.processes = try reader.list { reader throws(WireReader.Damaged) in try reader.number() }
        state.programs = try reader.list { reader throws(WireReader.Damaged) in try reader.text() }
        guard let cause = Cause(rawValue: try reader.number()) else { throw WireReader.Damaged() }
        self.init(
            state: state, cause: cause, rate: try reader.number(), backlog: try reader.number(),
            backlogLimit: try reader.number())
    }
}
