import AuditStream
import Glibc
import SockAuditCore

/// The privileged half of a live run: the only process that changes the kernel's audit rules.
///
/// It never reads a record. It puts the rules in, reads the kernel's counters, does what the guard says,
/// and takes the rules out when it is told to or when the monitor's end of the socket closes, for whatever
/// reason: a killed monitor leaves nothing behind.
public struct Keeper: ~Copyable {
    /// argv[0] by which the program knows that it is the keeper. Nobody types it by chance.
    public static let argument = "sockaudit: keeper"
    /// Where the monitor's other ends are: of what it asks, and of what it has us open.
    static let descriptors: (link: Int32, desk: Int32) = (3, 4)

    let link: MessageSocket
    private var desk: ProcFileDesk
    /// Somebody may still ask at it.
    private var isDeskOpen = true
    private let signals: Signals
    var installer: RuleInstaller
    var order: KeeperOrder
    /// As it was before a screen was drawn on it.
    private let terminal: TerminalMemory
    var guardian: Guard
    /// Those who are exempt, each with a descriptor that tells its end.
    var exempt = ExemptProcesses()
    /// The report, where it is replaced whole.
    var whole: WholeFile
    private var lastReading: Int64
    /// When whoever may have missed the emptying of the queue is woken, in the guard's clock.
    private var pokes: [Int64] = []
    /// How long (ms) after a step that is: a queue of thousands takes its time.
    private static let pokeDelays: [Int64] = [300, 1_000, 3_000]
    /// The rules are out: there is nothing left to guard.
    var isDone = false

    /// - Returns: the exit code of the keeper's process.
    public static func run() -> Int32 {
        ProcessName.set("sockaudit-guard")
        // Of its own session: Ctrl-C is for the monitor, which then tells us.
        setsid()
        let terminal = TerminalMemory(of: STDERR_FILENO)
        let link = MessageSocket(adopting: descriptors.link)
        let desk = ProcFileDesk(adopting: descriptors.desk)
        do {
            let signals = try Signals()
            let installer = try RuleInstaller(isSockaudit: { ProcScanner.isSockaudit($0) })
            guard let order = hello(link) else { return ExitStatus.failed }
            Privileges.dropToKeeper()
            // Where that is refused, it is for the monitor as well, which says so.
            try? CallFilter.keeper(pid: getpid()).install()
            var keeper = Keeper(
                link: link, desk: desk, signals: signals, installer: installer, order: order,
                terminal: terminal)
            return keeper.keep()
        } catch {
            return ExitStatus.failed
        }
    }

    private init(
        link: consuming MessageSocket, desk: consuming ProcFileDesk, signals: consuming Signals,
        installer: consuming RuleInstaller, order: KeeperOrder, terminal: TerminalMemory
    ) {
        self.link = link
        self.desk = desk
        self.desk.named = order.named
        self.signals = signals
        self.installer = installer
        self.order = order
        self.terminal = terminal
        whole = WholeFile(path: order.report ?? "", readers: order.readers)
        var state = GuardState()
        state.level = order.level
        guardian = Guard(settings: order.settings, state: state)
        lastReading = Clock.steady()
    }

    /// The monitor's first message; nil when it goes before it sends one.
    private static func hello(_ link: borrowing MessageSocket) -> KeeperOrder? {
        while true {
            var waiting = pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0)
            // As many as are given.
            guard SystemText.retrying({ unsafe poll(&waiting, 1, -1) }) > 0 else { return nil }
            switch link.receive() {
            case .none: continue
            case .closed: return nil
            case .message(let bytes, _):
                guard bytes.first == KeeperMessage.hello else { return nil }
                var reader = WireReader(bytes)
                return try? KeeperOrder(&reader)
            }
        }
    }

    // MARK: the loop

    private mutating func keep() -> Int32 {
        do {
            let report =
                order.plugin == nil
                ? try installer.install(plan(guardian.state), force: order.force)
                : try installer.observe(plan(guardian.state))
            if order.mode != .proc { AuditAge.remember(at: order.auditedSince ?? Clock.wall()) }
            answer { report.encode(to: &$0) }
        } catch {
            refuse(error)
            return ExitStatus.failed
        }
        while true {
            let passed = Clock.steady() - lastReading
            let limit =
                isDone ? -1 : exempt.hasMissed ? 0 : Int32(clamping: max(0, guardian.nextReading - passed))
            var waiting = [
                pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isDeskOpen ? desk.descriptor : -1, events: Int16(POLLIN), revents: 0),
            ]
            waiting += exempt.polled
            let count = nfds_t(waiting.count)
            // As many as are given.
            let ready = SystemText.retrying { unsafe poll(&waiting, count, limit) }
            if ready > 0 {
                // Whoever ends us ends the run: the monitor prints its last table first.
                if waiting[1].revents != 0, case .stop = signals.next() { link.send([KeeperMessage.stop]) }
                if waiting[0].revents != 0 && !serve() { break }
                if waiting[2].revents != 0 { isDeskOpen = desk.serve() }
            }
            let gone = exempt.ended(waiting.dropFirst(3))
            if !gone.isEmpty, let decision = guardian.ended(gone) { follow(decision) }
            if !isDone && Clock.steady() - lastReading >= guardian.nextReading { watch() }
        }
        let failures = installer.remove()
        if !isDone && order.plugin == nil { sayOrphaned(failures) }
        return failures.isEmpty ? ExitStatus.done : ExitStatus.failed
    }

    /// The monitor went without a word: it was killed, or the host had no memory left for it.
    private func sayOrphaned(_ failures: [AuditError]) {
        if order.hasScreen && terminal.isTerminal {
            terminal.restore()
            Messages.write(text: FrameQueue.leave)
        }
        let messages = Messages(quiet: false)
        let rules = failures.isEmpty ? "its rules are out" : "not all of its rules could be taken out"
        messages.error(
            "The reader of the records (pid \(order.monitor)) has ended without a last table: it was killed, or had no memory left; \(rules)."
        )
        for failure in failures { messages.error(failure.description) }
    }

    /// So many questions are answered in a row: whoever asks without an end must not keep the guard waiting.
    private static let turn = 64

    /// Answers what the monitor asks now.
    /// - Returns: false when it is gone.
    private mutating func serve() -> Bool {
        for _ in 0..<Self.turn {
            switch link.receive() {
            case .none: return true
            case .closed: return false
            case .message(let bytes, let passed):
                if let passed { close(passed) }
                serve(bytes)
            }
        }
        return true
    }

    // MARK: the guard

    private mutating func watch() {
        lastReading = Clock.steady()
        guard order.mode != .proc, order.plugin == nil, let status = try? installer.status() else { return }
        let counters = GuardCounters(
            now: lastReading, backlog: status.backlog, backlogLimit: status.backlogLimit, lost: status.lost,
            waited: status.backlogWaitActual, hasDaemon: status.daemon != 0)
        if let decision = guardian.step(counters) {
            follow(decision)
            // Fewer records are to come: perhaps none for a while.
            if decision.cause != .quiet { pokes = Self.pokeDelays.map { lastReading + $0 } }
        }
        if let next = pokes.first, lastReading >= next {
            pokes.removeFirst()
            installer.poke()
        } else if guardian.wantsRecord(counters) {
            installer.poke()
        }
    }

    /// Brings the rules to what the guard decided, and tells the monitor.
    private mutating func follow(_ decision: GuardDecision) {
        exempt.watch(decision.state.processes)
        // One that ended before we could watch it may already have given its number to another: its
        // descriptor says so at once, and the next turn of the loop takes it out again.
        do {
            guard try installer.swap(to: plan(decision.state)) else { return }
            link.send(decision.encode())
        } catch {
            // A program of another mount namespace, or one that was removed, has a path that no rule can
            // name. What was refused must not stay in the state: it would be refused at every later step.
            var bare = decision
            bare.state.programs = []
            if decision.state.programs.isEmpty || (try? installer.swap(to: plan(bare.state))) != true {
                // The rules that help could not be put in: none help as well.
                _ = try? installer.swap(to: RulePlan(mode: .proc))
                exempt.clear()
                bare.state = GuardState()
                bare.state.level = .nothing
            }
            guardian.isOverruled(by: bare.state)
            link.send(bare.encode())
        }
    }

    func plan(_ state: GuardState) -> RulePlan {
        let mode: AuditMode =
            switch state.level {
            case .all: order.mode
            case .light: .light
            case .nothing: .proc
            }
        if let plugin = order.plugin {
            // Whoever leaves the plugin's own calls out of the rules leaves nothing out that we need.
            return RulePlan(
                mode: mode, executables: order.executables, exemptPrograms: [plugin.program])
        }
        return RulePlan(
            mode: mode, executables: order.executables,
            exemptPids: [order.monitor, getpid()] + state.processes, exemptPrograms: state.programs)
    }
}
