import AuditStream
import Glibc
import SockAuditCore

/// The audit daemon's log, which our records are written to as well: what is in it comes first.
struct Evidence {
    private let log: EvidenceLog
    private let capacity: Double
    private let bytesPerEvent: Double
    /// How long the run lasts (s), where that is known.
    private let length: Double

    /// In less than this (hours) our records would have pushed out all older evidence: then we begin light.
    /// What is slower than that the guard sees in time: its allowance is a quarter of the log.
    static let leastHours = 1.0 / 6
    /// What one socket() brings in standard mode: its own event, its close, those of other descriptors, exec
    /// and exit. A guess that errs upwards; it is measured as soon as standard mode is in.
    static let eventsPerSocket = 5.0
    /// How long (ms) the calls of the host are counted before it is decided.
    private static let probe: Int64 = 500

    /// - Returns: nil where nobody writes our records, nobody knows how much fits, or the mode is not ours to
    ///   choose.
    static func find(_ settings: WatchSettings, _ status: KernelStatus, _ clock: Clock) -> Evidence? {
        guard settings.modeIsAuto, status.daemon != 0 else { return nil }
        let daemon = RegisteredDaemon.find(
            pid: Int32(bitPattern: status.daemon), clock: clock, searching: false)
        guard let log = daemon.log, let conf = daemon.conf, let capacity = log.capacityBytes else {
            return nil
        }
        let counted = settings.count.map { Double($0) * settings.interval } ?? .infinity
        return Evidence(
            log: log, capacity: Double(capacity),
            bytesPerEvent: Double(EvidenceLog.bytesPerEvent(conf.logFormat)),
            length: min(settings.duration ?? settings.lifetime ?? .infinity, counted))
    }

    /// What the guard holds us to, and the rules of the probe.
    func limit(_ order: inout KeeperOrder) {
        order.settings.evidence = EvidenceAllowance(capacity: capacity, bytesPerEvent: bytesPerEvent)
        order.level = .light
    }

    /// Counts the sockets that the host makes for a moment, and puts the other rules in where the log can
    /// stand it.
    /// - Returns: why not, where it cannot.
    func judge(
        _ keeper: inout KeeperLink, _ source: inout NetlinkSource, _ report: inout RuleInstaller.Report
    ) throws(AuditError) -> String? {
        let begin = Clock.steady()
        var sockets = 0
        while true {
            let left = begin + Self.probe - Clock.steady()
            guard left > 0 else { break }
            var waiting = pollfd(fd: source.descriptor, events: Int16(POLLIN), revents: 0)
            // As many as are given.
            _ = unsafe poll(&waiting, 1, Int32(left))
            _ = try unsafe source.drain { type, text in
                if unsafe RecordType.isCall(type) && CallMaker.isForUs(text) { sockets += 1 }
            }
        }
        let rate = Double(sockets) * 1_000 / Double(Self.probe) * Self.eventsPerSocket
        let hours = EvidenceAllowance.hours(capacity: capacity, bytesPerEvent: bytesPerEvent, rate: rate)
        let isShort =
            rate * length <= EvidenceAllowance(capacity: capacity, bytesPerEvent: bytesPerEvent).burst
        guard hours < Self.leastHours && !isShort else {
            try keeper.raise(&report)
            return nil
        }
        let size = "\(Int(capacity) >> 20) MiB"
        let what =
            log.rotates
            ? "push all older evidence out of the audit daemon's log (it holds \(size) and rotates)"
            : "fill the audit daemon's log (there is room for \(size))"
        let time = hours < 1 / 60.0 ? "a minute" : "\(Int((hours * 60).rounded(.up))) minutes"
        return "at some \(Int(rate)) events/s standard mode would \(what) within \(time)"
    }
}
