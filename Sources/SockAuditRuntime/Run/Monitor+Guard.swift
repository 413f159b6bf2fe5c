import AuditStream
import Glibc
import SockAuditCore

extension Monitor {
    /// Tells the guard who makes the load, and follows what it decided.
    mutating func guardTurn() {
        if let load = meter.report(now: Clock.steady(), exempt: guardLog.state) {
            keeper?.report(load)
        }
        for decision in keeper?.takeDecisions() ?? [] {
            let lines = guardLog.take(decision, at: Clock.wall()) { Self.label($0) }
            for line in lines { messages.error(line) }
            // Each in its turn: of two that come together the first may be over with the second, and what
            // happened meanwhile was not audited all the same.
            ledger.gaps = guardLog.gaps(ledger.names)
        }
    }

    /// Begins with less than what was asked for.
    mutating func begin(_ level: GuardState.Level, why: String) {
        guardLog.begin(level, why: why, at: Clock.wall())
        ledger.gaps = guardLog.gaps(ledger.names)
        messages.error("\(guardLog.mode.rawValue) mode: \(why) (--mode standard insists).")
    }

    /// comm[pid] of a process, escaped.
    static func label(_ pid: Int32) -> String {
        let name = ProcScanner.stat(pid).map { Escaping.short(Array($0.comm)) } ?? "?"
        return "\(name)[\(pid)]"
    }
}

extension KeeperOrder {
    init(_ settings: WatchSettings, auditedSince: Int64?) {
        self.init()
        mode = settings.mode
        force = settings.force
        report = settings.report
        readers = settings.format.readers
        isWhole = settings.format.isWhole
        monitor = getpid()
        self.auditedSince = auditedSince
        self.settings.budget = settings.budget
        self.settings.mayStep = settings.modeIsAuto
        self.settings.mayExempt = true
        self.settings.tick = Clock.tick()
    }

    mutating func narrow(to files: [[UInt8]]) {
        executables = files
        settings.isNarrowed = true
    }
}
