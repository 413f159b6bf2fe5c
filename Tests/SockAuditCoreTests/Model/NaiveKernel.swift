import TestSupport

@testable import SockAuditCore

/// Which traits a run of the model has.
struct Mix {
    var processes = 6
    /// Threads of each process; 1 makes every process's records come in order.
    var threads = 1
    /// Calls that the mode audits. Otherwise they happen without a record, as in standard mode.
    var audited: Set<String> = ["dup", "fork"]
    /// Plain files share the numbers with sockets. Their closes are audited, their opens are not.
    var files = true
    /// Programs close each number once, and none that they have not been given.
    var sane = true
    /// dup2, close_range and exec race only in ways that no reader of records can tell apart.
    var sweeping = true
    /// Signals end processes without a record, and pids are used again.
    var kills = false
    var exits = true
    var forks = true
    /// Milliseconds that one step takes at most.
    var pace: Int64 = 3
    /// How often (percent) a thread loses its processor between two stages of a call.
    var preempted = 15
    /// Milliseconds in the kernel's coarse clock (CONFIG_HZ 250).
    var tick: Int64 = 4

    /// Two processes of three threads, whose calls race as those of sane programs do.
    static func threads(files: Bool) -> Mix {
        Mix(processes: 2, threads: 3, files: files, sweeping: false, exits: false, forks: false)
    }
}

/// Processes whose threads make calls that take time: entered (stamped), done, and at last written
/// with a serial (domain.md, "The stamp is taken at syscall ENTRY"). Between these steps any other
/// thread may go on, so records come out in other orders than the calls happened.
struct NaiveKernel {
    struct InFlight {
        var call: Call
        var entered: Int64
        /// Set when the call took effect; nil inside when it failed or is not audited.
        var record: Operation??
        /// The numbers that it opened.
        var opened: [Int32] = []
    }

    struct Thread {
        var process: Int
        var flight: InFlight?
    }

    let mix: Mix
    var random: Seeded
    var now: Int64 = 1_700_000_000_000
    var processes: [NaiveProcess] = []
    private var threads: [Thread] = []
    private var serial: UInt64 = 5_000
    private var nextPid: Int32 = 100
    private var nextInode: UInt64 = 10_000
    /// What the call that is being performed has opened.
    var opening: [Int32] = []
    /// When every process that was gone by then was known to be gone.
    var settled: Int64 = 0
    /// Records that were written and nobody has read.
    var written: [AuditEvent] = []

    init(_ mix: Mix, seed: Int) {
        self.mix = mix
        random = Seeded(seed)
        for _ in 0..<mix.processes { spawn(parent: nil, pid: nil) }
    }

    // MARK: time

    mutating func step() {
        now += Int64.random(in: 0...mix.pace, using: &random)
        guard !threads.isEmpty else {
            spawn(parent: nil, pid: nil)
            return
        }
        let index = Int.random(in: 0..<threads.count, using: &random)
        // Most calls run through; some threads lose their processor in the middle of one.
        repeat {
            advance(index)
        } while threads[index].flight != nil && (isLeaving(index) || !random.chance(mix.preempted))
        reap()
    }

    /// Lets every call that has begun come to its end.
    mutating func quiesce() {
        for index in threads.indices {
            while threads[index].flight != nil { advance(index) }
        }
        reap()
    }

    var isQuiet: Bool { threads.allSatisfy { $0.flight == nil } }

    func busy(_ process: Int) -> Bool { threads.contains { $0.process == process && $0.flight != nil } }

    /// exit_group kills the other threads as the first thing that it does.
    private func isLeaving(_ index: Int) -> Bool {
        guard let flight = threads[index].flight, case .exitGroup = flight.call else { return false }
        return flight.record == nil
    }

    private mutating func advance(_ index: Int) {
        let owner = threads[index].process
        guard var flight = threads[index].flight else {
            guard processes[owner].alive, let call = choose(owner) else { return }
            threads[index].flight = InFlight(call: call, entered: now / mix.tick * mix.tick)
            return
        }
        guard let record = flight.record else {
            // A thread of a process that was killed meanwhile never gets to it.
            opening = []
            flight.record = processes[owner].alive ? .some(perform(flight.call, owner)) : .some(nil)
            flight.opened = opening
            threads[index].flight = flight
            return
        }
        threads[index].flight = nil
        for fd in flight.opened { processes[owner].files[fd]?.known = true }
        if let operation = record { write(operation, flight.entered, owner) }
    }

    private mutating func write(_ operation: Operation, _ entered: Int64, _ owner: Int) {
        serial += UInt64.random(in: 1...3, using: &random)
        let process = processes[owner]
        written.append(
            AuditEvent(
                serial: serial, stamp: entered, pid: process.pid, ppid: process.ppid, operation: operation))
    }

    /// Threads of dead processes go when their last record is written.
    private mutating func reap() {
        threads.removeAll { $0.flight == nil && !processes[$0.process].alive }
        let alive = processes.count { $0.alive }
        if alive < mix.processes && random.chance(20) { spawn(parent: nil, pid: reusablePid()) }
    }

    /// The pid of a process that is gone for a while: pids go round.
    private mutating func reusablePid() -> Int32? {
        guard mix.kills || mix.exits, random.chance(50) else { return nil }
        let alive = Set(processes.filter { $0.alive }.map(\.pid))
        return processes.last {
            !alive.contains($0.pid) && !busy(pid: $0.pid) && ($0.leftRecord || $0.ended < settled)
        }.map(\.pid)
    }

    private func busy(pid: Int32) -> Bool { threads.contains { processes[$0.process].pid == pid } }

    @discardableResult
    mutating func spawn(parent: Int?, pid wanted: Int32?) -> Int32 {
        let pid = wanted ?? nextPid
        if wanted == nil { nextPid += 1 }
        // A pid comes round much later than this, but late enough to be told apart by ticks.
        if wanted != nil { now += 60 }
        var process = NaiveProcess(
            pid: pid, ppid: parent.map { processes[$0].pid } ?? Int32(random.pick([1, 2, 3])),
            startTicks: UInt64(now / 10), start: now / 10 * 10, threads: mix.threads)
        if let parent {
            process.files = processes[parent].files.mapValues { file in
                var copy = file
                if copy.socket != nil { copy.way = .inherited }
                return copy
            }
        }
        processes.append(process)
        for _ in 0..<mix.threads { threads.append(Thread(process: processes.count - 1)) }
        return pid
    }

    mutating func freshInode() -> UInt64 {
        nextInode += 1
        return nextInode
    }

    /// A signal ends the process: what was done is still written, nothing else is.
    mutating func kill(_ owner: Int) { processes[owner].end(at: now, leavesRecord: false) }
}
