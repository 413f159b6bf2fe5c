import AuditStream
import Glibc

/// Starts this program once more, with another subcommand.
struct OwnProgram: ~Copyable {
    let pid: Int32
    /// To its standard input, and from its standard output; -1 where it has none.
    let input: Int32
    let output: Int32
    private var isReaped = false

    /// - Parameter piped: with pipes to and from it, otherwise with nothing.
    init(_ arguments: [String], piped: Bool) throws(AuditError) {
        (pid, input, output) = try Self.start(arguments, piped)
    }

    private static func start(
        _ arguments: [String], _ piped: Bool
    ) throws(AuditError) -> (pid: Int32, input: Int32, output: Int32) {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        defer { for fd in [toChild[0], fromChild[1]] where fd >= 0 { close(fd) } }
        if piped {
            // Two descriptors are written, and there is room for two.
            guard unsafe pipe(&toChild) == 0, unsafe pipe(&fromChild) == 0 else {
                let code = errno
                for fd in [toChild[1], fromChild[0]] where fd >= 0 { close(fd) }
                throw AuditError(.spawnFailed, errno: code, "No pipe to a process of our own could be made.")
            }
            for fd in toChild + fromChild { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
        }
        // Made, used and destroyed here; C copies the paths that it is given.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if piped {
            unsafe posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
            unsafe posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
            unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        let words: [UnsafeMutablePointer<CChar>?] =
            unsafe (["sockaudit"] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        // Whatever has become of the file since we began.
        let code = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, nil, words, environ)
        guard code == 0 else {
            for fd in [toChild[1], fromChild[0]] where fd >= 0 { close(fd) }
            throw AuditError(.spawnFailed, errno: code, "A process of our own could not be started.")
        }
        return (pid, toChild[1], fromChild[0])
    }

    deinit {
        for fd in [input, output] where fd >= 0 { close(fd) }
        guard !isReaped else { return }
        kill(pid, SIGKILL)
        Self.reap(pid)
    }

    /// Its exit code; 128 and the signal for one that a signal ended.
    mutating func wait() -> Int32 {
        isReaped = true
        return Self.reap(pid)
    }

    @discardableResult private static func reap(_ pid: Int32) -> Int32 {
        var status: Int32 = 0
        // C fills the status.
        guard SystemText.retrying({ unsafe waitpid(pid, &status, 0) }) == pid else { return -1 }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    /// Whether this kernel takes 32-bit calls; nil when a process to try it with cannot be started, and
    /// on machines where a 64-bit program has none.
    static func takes32BitCalls() -> Bool? {
        guard ForeignCalls.mayExist, var child = try? OwnProgram(["self-test", "--probe"], piped: false)
        else { return nil }
        switch child.wait() {
        case 0: return true
        case 1, 128 + SIGSEGV: return false
        default: return nil
        }
    }
}
