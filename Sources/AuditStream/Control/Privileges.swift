import CAudit
import Glibc

/// Lets go of what a process needs no more. Source: capabilities(7), libcap-ng.
public enum Privileges {
    /// What reading the stream and /proc takes.
    private static let kept: [UInt32] = [
        UInt32(CAP_AUDIT_READ), UInt32(CAP_SYS_PTRACE), UInt32(CAP_DAC_READ_SEARCH),
    ]

    /// The account that the monitor runs as: one of its own where the administrator made it.
    private static let accounts = ["sockaudit", "nobody"]

    /// Turns this process into an unprivileged one that may read the audit stream and /proc, and never
    /// gets more again. One thread only.
    ///
    /// - Throws: when the host does not let us change; the process is then as it was, or has less.
    public static func dropToReader() throws(AuditError) {
        capng_clear(CAPNG_SELECT_BOTH)
        for capability in kept {
            capng_update(
                CAPNG_ADD, capng_type_t(CAPNG_EFFECTIVE.rawValue | CAPNG_PERMITTED.rawValue), capability)
        }
        if geteuid() == 0 {
            let account = try account()
            let flags = capng_flags_t(CAPNG_DROP_SUPP_GRP.rawValue | CAPNG_CLEAR_BOUNDING.rawValue)
            let result = capng_change_id(Int32(account.uid), Int32(account.gid), flags)
            guard result == 0 else { throw failed("libcap-ng says \(result)") }
        } else {
            // Started with capabilities instead of as root: there is no identity to leave.
            guard capng_apply(CAPNG_SELECT_CAPS) == 0 else { throw failed("the capabilities stay") }
        }
        guard sockaudit_no_new_privileges() == 0 else { throw failed("no_new_privs is refused") }
    }

    private static func account() throws(AuditError) -> (uid: uid_t, gid: gid_t) {
        for name in accounts {
            if let entry = getpwnam(name) { return (entry.pointee.pw_uid, entry.pointee.pw_gid) }
        }
        throw failed("there is neither a user sockaudit nor a user nobody")
    }

    private static func failed(_ why: String) -> AuditError {
        AuditError(
            .privilegesKept, errno: errno,
            "The reader of the records could not give up its privileges (\(why)); allow CAP_SETUID, CAP_SETGID and CAP_SETPCAP, or make a user named sockaudit."
        )
    }
}
