/// What went wrong between us and the audit subsystem, and what the user can do about it.
public struct AuditError: Error, Equatable, CustomStringConvertible, Sendable {
    public enum Code: String, Sendable {
        case notPrivileged = "not_privileged"
        case noAudit = "no_audit"
        case notInitialNamespace = "not_initial_namespace"
        case rulesLocked = "rules_locked"
        case taskNever = "task_never"
        case ruleShadowed = "rule_shadowed"
        case recordsExcluded = "records_excluded"
        case panicOnFailure = "panic_on_failure"
        case ruleRefused = "rule_refused"
        case socketFailed = "socket_failed"
        case daemonRegistered = "daemon_registered"
        case kernelSilent = "kernel_silent"
        case inputFailed = "input_failed"
        /// A compressed input that is cut or damaged: what came before was read.
        case inputDamaged = "input_damaged"
        case outputFailed = "output_failed"
        case spawnFailed = "spawn_failed"
        case privilegesKept = "privileges_kept"
        case notConfined = "not_confined"
        case keeperGone = "keeper_gone"
        /// A file of settings has a line that cannot be taken.
        case settingsWrong = "settings_wrong"
        /// There is no /proc to look into.
        case procMissing = "proc_missing"
        /// Too few files may be open (RLIMIT_NOFILE).
        case tooFewFiles = "too_few_files"
    }

    public let code: Code
    /// 0 where no system call is to blame.
    public let errno: Int32
    /// A full sentence that says what to do.
    public let message: String

    public init(_ code: Code, errno: Int32 = 0, _ message: String) {
        self.code = code
        self.errno = errno
        self.message = message
    }

    public var description: String {
        errno == 0 ? message : "\(message) (\(SystemText.error(errno)))"
    }

    /// This host, as it is, cannot be audited: exit code 3. Anything else that fails is 2.
    public var isHostRefusal: Bool {
        switch code {
        case .notPrivileged, .noAudit, .notInitialNamespace, .rulesLocked, .taskNever, .ruleShadowed,
            .recordsExcluded, .panicOnFailure, .daemonRegistered, .procMissing:
            true
        default: false
        }
    }
}
