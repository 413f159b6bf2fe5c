import CAudit
import Glibc

/// INT, TERM, HUP, QUIT and others that end a process as a descriptor to wait on, so that nothing runs inside a handler; of a run with a
/// screen also what its terminal tells of.
public struct Signals: ~Copyable {
    public let descriptor: Int32
    private let previous: sigset_t

    /// What a signal asks for.
    public enum Request: Equatable, Sendable {
        case stop(Int32), reopen, none
        /// The terminal has another size.
        case resized
        /// Ctrl-Z: make room for the shell, then ``stopOurselves()``.
        case suspend
        /// Somebody had stopped us.
        case resumed
    }

    public init() throws(AuditError) { (descriptor, previous) = try Self.block() }

    private static func block() throws(AuditError) -> (Int32, sigset_t) {
        var set = members(ends)
        var old = sigset_t()
        // Writes to a closed pipe must fail with EPIPE instead of ending us with the rules in.
        signal(SIGPIPE, SIG_IGN)
        // And to a file that may not grow (ulimit -f) with EFBIG.
        signal(SIGXFSZ, SIG_IGN)
        guard unsafe pthread_sigmask(SIG_BLOCK, &set, &old) == 0 else {
            throw AuditError(.socketFailed, errno: errno, "Signals could not be blocked.")
        }
        // C reads and fills the set that it is given.
        let fd = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        guard fd >= 0 else {
            throw AuditError(.socketFailed, errno: errno, "No descriptor for signals could be made.")
        }
        return (fd, old)
    }

    /// Each of them would end us at once, with the rules in or a terminal not put back (signal(7)).
    private static let ends = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
        SIGXCPU,
    ]
    private static let terminals = [SIGWINCH, SIGTSTP, SIGCONT]

    private static func members(_ numbers: [Int32]) -> sigset_t {
        var set = sigset_t()
        // C reads and fills the set that it is given.
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        return set
    }

    /// Takes in, or no more, what a terminal tells of.
    ///
    /// - Parameter descriptor: ``descriptor`` of the one instance.
    public static func watchTerminal(_ isWatched: Bool, on descriptor: Int32) {
        var extra = members(terminals)
        // C reads and fills the sets that it is given.
        if isWatched { unsafe pthread_sigmask(SIG_BLOCK, &extra, nil) }
        var all = members(isWatched ? ends + terminals : ends)
        _ = unsafe signalfd(descriptor, &all, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        if !isWatched { unsafe pthread_sigmask(SIG_UNBLOCK, &extra, nil) }
    }

    /// Stops this process as Ctrl-Z does, and comes back when somebody has it go on. In a process group that
    /// nobody would wake the kernel stops nobody, and it comes back at once.
    public static func stopOurselves() {
        var stop = members([SIGTSTP])
        kill(getpid(), SIGTSTP)
        // C reads the set that it is given.
        unsafe pthread_sigmask(SIG_UNBLOCK, &stop, nil)
        unsafe pthread_sigmask(SIG_BLOCK, &stop, nil)
    }

    /// Keeps what is asked for from now on until someone can read it: auditd hands a HUP to a plugin that it
    /// has only just started, and that would end it.
    public static func hold() {
        var set = members(ends)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Daemons ignore signals, and what they start inherits that: an ignored one would never arrive, and
    /// children whose end is ignored cannot be waited for.
    public static func resetInherited() {
        for number in 1..<firstRealTime where number != SIGKILL && number != SIGSTOP {
            signal(number, SIG_DFL)
        }
    }

    /// The first real-time signal (signal(7)); the C library's own name for it is a call.
    private static let firstRealTime: Int32 = 32

    deinit {
        close(descriptor)
        var old = previous
        // C reads the set that it is given.
        unsafe pthread_sigmask(SIG_SETMASK, &old, nil)
    }

    /// The next pending request, without waiting.
    public func next() -> Request {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // No more than the size of what is filled.
        guard SystemText.retrying({ unsafe read(descriptor, &info, size) }) == size else { return .none }
        switch Int32(info.ssi_signo) {
        case SIGHUP: return .reopen
        case SIGWINCH: return .resized
        case SIGTSTP: return .suspend
        case SIGCONT: return .resumed
        case let number: return .stop(number)
        }
    }
}
