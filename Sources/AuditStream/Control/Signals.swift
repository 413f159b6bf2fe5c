import CAudit
import Glibc

/// INT, TERM, HUP and CHLD as a descriptor to wait on, so that nothing runs inside a handler.
public struct Signals: ~Copyable {
    public let descriptor: Int32
    private let previous: sigset_t

    /// What a signal asks for.
    public enum Request: Equatable, Sendable { case stop(Int32), reopen, none }

    public init() throws(AuditError) { (descriptor, previous) = try Self.block() }

    private static func block() throws(AuditError) -> (Int32, sigset_t) {
        var set = requests
        var old = sigset_t()
        // Writes to a closed pipe must fail with EPIPE instead of ending us with the rules in.
        signal(SIGPIPE, SIG_IGN)
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

    private static var requests: sigset_t {
        var set = sigset_t()
        // C reads and fills the set that it is given.
        unsafe sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { unsafe sigaddset(&set, number) }
        return set
    }

    /// Keeps what is asked for from now on until someone can read it: auditd hands a HUP to a plugin that it
    /// has only just started, and that would end it.
    public static func hold() {
        var set = requests
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
        // C reads and fills the set that it is given.
        unsafe pthread_sigmask(SIG_SETMASK, &old, nil)
    }

    /// The next pending request, without waiting.
    public func next() -> Request {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // No more than the size of what is filled.
        guard SystemText.retrying({ unsafe read(descriptor, &info, size) }) == size else { return .none }
        return info.ssi_signo == UInt32(SIGHUP) ? .reopen : .stop(Int32(info.ssi_signo))
    }
}
