import AuditStream
import Glibc
import SockAuditCore

/// The monitor's end: the keeper as a child process, and what can be asked of it.
struct KeeperLink: ~Copyable {
    let process: Int32
    /// To the keeper's desk (``ProcFiles``); closed with us.
    private let desk: Int32
    private let link: MessageSocket
    private var decisions: [GuardDecision] = []
    /// Rules of ours go out only by its hand.
    var holdsRules = true
    /// Someone asked the keeper to end.
    private(set) var wantsStop = false

    /// How long the keeper may take to answer: the kernel may have many rules to look at. So many waits of so
    /// many ms: when we were stopped ourselves, that counts as one of them.
    private static let patience = 20
    private static let wait: Int32 = 1_000

    /// How often, 10 ms apart, is asked whether the keeper has ended.
    private static let endPatience = 1_000

    /// Starts the keeper while we still have our privileges.
    static func spawn() throws(AuditError) -> KeeperLink {
        let ends = try MessageSocket.pair()
        let ours = MessageSocket(adopting: ends.0)
        let theirs = MessageSocket(adopting: ends.1)
        let files = try ProcFiles.pair()
        defer { close(files.theirs) }
        do throws(AuditError) {
            return KeeperLink(
                process: try start(theirs, files.theirs), link: ours, desk: files.ours)
        } catch {
            close(files.ours)
            throw error
        }
    }

    private init(process: Int32, link: consuming MessageSocket, desk: Int32) {
        self.process = process
        self.link = link
        self.desk = desk
    }

    deinit {
        close(desk)
        // The rules are out when it has ended; one that was stopped must not hold us for ever.
        link.hangUp()
        for _ in 0..<Self.endPatience {
            var status: Int32 = 0
            // C fills the status.
            let ended = SystemText.retrying { unsafe waitpid(process, &status, WNOHANG) }
            if ended != 0 { return }
            _ = poll(nil, 0, 10)
        }
    }

    /// A new program, not a copy of this process: it shares no memory with what reads the records.
    private static func start(
        _ end: borrowing MessageSocket, _ desk: Int32
    ) throws(AuditError) -> Int32 {
        // Made, used and destroyed here; C copies the paths that it is given.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // It must not hold our reader's pipe open.
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        let (link, files) = Keeper.descriptors
        // Neither may be where the other one is to be.
        var aside: [Int32] = []
        for fd in [end.descriptor, desk] { aside.append(fcntl(fd, F_DUPFD_CLOEXEC, files + 1)) }
        defer { for fd in aside where fd >= 0 { close(fd) } }
        // Both are descriptors that this process holds.
        unsafe posix_spawn_file_actions_adddup2(&actions, aside[0], link)
        unsafe posix_spawn_file_actions_adddup2(&actions, aside[1], files)
        var pid: Int32 = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [strdup(Keeper.argument), nil]
        defer { unsafe free(arguments[0]) }
        let code = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard code == 0 else {
            throw AuditError(
                .spawnFailed, errno: code,
                "The keeper of the rules could not be started; see that /proc is there and that processes are not limited."
            )
        }
        return pid
    }

    /// All on which we still send.
    var sockets: [Int32] { [link.descriptor, desk] }

    /// From now on the keeper opens what we read of /proc.
    /// - Parameter named: what the order named.
    func openFiles(named: [String]) { ProcFiles.ask(through: desk, named: named) }

    /// Readable when the keeper says something, or has ended.
    var descriptor: Int32 { link.descriptor }

    // MARK: questions

    mutating func install(_ order: KeeperOrder) throws(AuditError) -> RuleInstaller.Report {
        try ask(order.encode()) { reader throws(WireReader.Damaged) in try RuleInstaller.Report(&reader) }
    }

    /// From a lower level to all that was asked for, before the run has begun.
    /// - Parameter report: what was said of the rules at the lower level.
    mutating func raise(_ report: inout RuleInstaller.Report) throws(AuditError) {
        (report.added, report.rules) = try ask([KeeperMessage.raise]) { reader throws(WireReader.Damaged) in
            (try reader.number(), try reader.strings())
        }
    }

    mutating func status() throws(AuditError) -> KernelStatus {
        try ask([KeeperMessage.status]) { reader throws(WireReader.Damaged) in try KernelStatus(&reader) }
    }

    mutating func inspect() throws(AuditError) -> RuleInstaller.Inspection {
        try ask([KeeperMessage.inspect]) { reader throws(WireReader.Damaged) in
            try RuleInstaller.Inspection(&reader)
        }
    }

    /// Opens the report's file anew: we no longer may.
    mutating func reopen() throws(AuditError) -> Int32 { try askForFile(KeeperMessage.reopen) }

    /// Of a plugin: which rules bring what this run wants.
    mutating func observe() throws(AuditError) -> (RuleInstaller.Report, ExecutableFinder.Answer) {
        try ask([KeeperMessage.observe]) { reader throws(WireReader.Damaged) in
            (try RuleInstaller.Report(&reader), try ExecutableFinder.Answer(&reader))
        }
    }

    /// Of a plugin: its settings as they stand in the file now, and the report that they name, where it is
    /// one to append to.
    mutating func reload() throws(AuditError) -> (text: [UInt8], report: Int32?) {
        let (bytes, descriptor) = try call([KeeperMessage.reload])
        var reader = WireReader(bytes)
        guard bytes.first == KeeperMessage.done, let text = try? reader.text() else {
            if let descriptor { close(descriptor) }
            throw Self.refusal(bytes)
        }
        return (text, descriptor)
    }

    private mutating func askForFile(_ question: UInt8) throws(AuditError) -> Int32 {
        let (bytes, descriptor) = try call([question])
        guard bytes.first == KeeperMessage.done else { throw Self.refusal(bytes) }
        guard let descriptor else {
            throw AuditError(
                .tooFewFiles, errno: EMFILE,
                "The report's file could not be taken over, as no more files may be open here; raise the limit (ulimit -n 1024)."
            )
        }
        return descriptor
    }

    func report(_ load: GuardLoad) {
        var out = WireWriter(KeeperMessage.load)
        load.encode(to: &out)
        link.send(out.bytes)
    }

    /// Has the rules taken out and waits until they are. May be called again.
    /// - Returns: what could not be undone.
    mutating func remove() -> [AuditError] {
        do {
            return try ask([KeeperMessage.remove]) { reader throws(WireReader.Damaged) in
                try reader.list { reader throws(WireReader.Damaged) in try AuditError(&reader) }
            }
        } catch { return [error] }
    }

    /// What the guard decided since the last time.
    mutating func takeDecisions() -> [GuardDecision] {
        defer { decisions = [] }
        return decisions
    }

    /// Takes in what the keeper tells without being asked.
    mutating func listen() throws(AuditError) {
        while true {
            switch link.receive() {
            case .none: return
            case .closed: throw lost()
            case .message(let bytes, let passed):
                if let passed { close(passed) }
                note(bytes)
            }
        }
    }

    // MARK: parts

    private mutating func ask<T>(
        _ question: [UInt8], _ read: (inout WireReader) throws(WireReader.Damaged) -> T
    ) throws(AuditError) -> T {
        let (bytes, passed) = try call(question)
        if let passed { close(passed) }
        guard bytes.first == KeeperMessage.done else { throw Self.refusal(bytes) }
        var reader = WireReader(bytes)
        do { return try read(&reader) } catch {
            throw AuditError(
                .keeperGone, "The keeper of the rules gave an answer that makes no sense; start again.")
        }
    }

    private mutating func call(_ question: [UInt8]) throws(AuditError) -> ([UInt8], Int32?) {
        guard link.send(question) else { throw lost() }
        var waits = 0
        while true {
            var waiting = pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0)
            // As many as are given.
            let ready = SystemText.retrying { unsafe poll(&waiting, 1, Self.wait) }
            guard ready > 0 else {
                waits += 1
                if ready == 0 && waits < Self.patience { continue }
                throw AuditError(
                    .kernelSilent, "The keeper of the rules does not answer (pid \(process)); is it stopped?")
            }
            switch link.receive() {
            case .none: continue
            case .closed: throw lost()
            case .message(let bytes, let passed):
                let kind = bytes.first ?? 0
                if kind == KeeperMessage.done || kind == KeeperMessage.failed { return (bytes, passed) }
                note(bytes)
            }
        }
    }

    private mutating func note(_ bytes: [UInt8]) {
        var reader = WireReader(bytes)
        switch bytes.first {
        case KeeperMessage.decision:
            if let decision = try? GuardDecision(&reader) { decisions.append(decision) }
        case KeeperMessage.stop: wantsStop = true
        default: break
        }
    }

    private static func refusal(_ bytes: [UInt8]) -> AuditError {
        var reader = WireReader(bytes)
        return (try? AuditError(&reader))
            ?? AuditError(.keeperGone, "The keeper of the rules gave an answer that makes no sense.")
    }

    private mutating func lost() -> AuditError {
        guard holdsRules else {
            return AuditError(
                .keeperGone,
                "The keeper of the report (pid \(process)) has ended; reload auditd, which starts the plugin again."
            )
        }
        return AuditError(
            .keeperGone,
            "The keeper of the rules (pid \(process)) has ended, and only it could remove them; remove them with 'sudo sockaudit rules --clear', or start sockaudit again, which does it too."
        )
    }
}

extension KeeperLink: ReportFolder {
    mutating func fresh() throws(AuditError) -> Int32 { try askForFile(KeeperMessage.fresh) }

    mutating func publish() throws(AuditError) { try ask([KeeperMessage.publish]) { _ in } }
}
