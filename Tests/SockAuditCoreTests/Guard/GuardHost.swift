@testable import SockAuditCore

/// A host for the guard to live on: a queue that a daemon empties at its own speed, processes that fill it
/// unless they are exempt, and a monitor that reports who they are.
struct GuardHost {
    struct Process {
        var pid: Int32
        var exe = "/bin/a"
        /// Events a second that it would make.
        var rate: Int
        /// Of them socket() calls, which light mode audits: one in so many.
        var socketsIn = 2
    }

    var guardian: Guard
    var processes: [Process] = []
    /// Events a second that the daemon takes.
    var drain = 17_000
    var limit: UInt32 = 8_192
    var hasDaemon = true
    /// The monitor reads and reports.
    var isReporting = true
    /// 0: callers never wait, records are lost.
    var waits = true
    private(set) var now: Int64 = 1_000_000
    private(set) var decisions: [(at: Int64, decision: GuardDecision)] = []
    var lost: UInt32 = 0
    var waited: UInt32 = 0
    private(set) var backlog = 0.0
    private(set) var written = 0.0
    private var lastReport: Int64 = 1_000_000
    private var unreported: [Int32: Double] = [:]

    init(_ settings: GuardSettings = GuardSettings()) { guardian = Guard(settings: settings) }

    private func rate(_ process: Process) -> Int {
        let state = guardian.state
        if state.processes.contains(process.pid) || state.programs.contains(Array(process.exe.utf8)) {
            return 0
        }
        return switch state.level {
        case .all: process.rate
        case .light: process.rate / process.socketsIn
        case .nothing: 0
        }
    }

    /// Lets time pass in steps of a hundredth of a second.
    mutating func run(_ milliseconds: Int64) {
        let end = now + milliseconds
        var nextReading = now
        while now < end {
            now += 10
            for process in processes {
                let events = Double(rate(process)) / 100
                let room = max(0, Double(limit) - backlog)
                let taken = min(events, room)
                if taken < events {
                    if waits { waited &+= 1 } else { lost &+= UInt32(events - taken) }
                }
                backlog += taken
                written += taken
                unreported[process.pid, default: 0] += taken
            }
            backlog = max(0, backlog - Double(drain) / 100)
            if isReporting && now - lastReport >= 100 { report() }
            if now >= nextReading {
                let counters = GuardCounters(
                    now: now, backlog: UInt32(backlog), backlogLimit: limit, lost: lost, waited: waited,
                    hasDaemon: hasDaemon)
                if let decision = guardian.step(counters) { decisions.append((now, decision)) }
                nextReading = now + guardian.nextReading
            }
        }
    }

    private mutating func report() {
        var programs: [String: (Int, Int)] = [:]
        for process in processes {
            let events = Int((unreported[process.pid] ?? 0).rounded())
            guard events > 0 else { continue }
            programs[process.exe, default: (0, 0)].0 += events
            programs[process.exe, default: (0, 0)].1 += 1
        }
        let exempt = guardian.state.processes
        guardian.take(
            GuardLoad(
                at: now, span: now - lastReport,
                events: unreported.values.reduce(0) { $0 + Int($1.rounded()) },
                processes: unreported.filter { $0.value >= 1 }
                    .map { .init(pid: $0.key, events: Int($0.value.rounded())) }.sorted {
                        $0.events > $1.events
                    },
                programs: programs.map {
                    .init(exe: Array($0.key.utf8), events: $0.value.0, processes: $0.value.1)
                }.sorted { $0.events > $1.events },
                busy: Set(
                    processes.filter { $0.rate > 1_000 && exempt.contains($0.pid) }.map(\.pid))))
        unreported = [:]
        lastReport = now
    }
}
