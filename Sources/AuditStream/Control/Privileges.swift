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
    /// - Throws: when the host does not let us become another user; the capabilities are given up all the
    ///   same, as far as /proc can then still be read.
    public static func dropToReader() throws(AuditError) {
        // Where a container never gave us one of them, another user, or a root with less, could not read
        // /proc at all, and the figures would be worth less than the privileges.
        capng_get_caps_process()
        guard kept.allSatisfy({ capng_have_capability(CAPNG_PERMITTED, $0) != 0 }) else {
            throw failed("one of the capabilities that it would keep is missing")
        }
        keepWhatIsNeeded()
        // No capability is gained again, whoever we stay.
        guard sockaudit_no_new_privileges() == 0 else { throw failed("no_new_privs is refused") }
        var failure: AuditError?
        if geteuid() == 0 {
            do {
                try becomeAnother()
                return
            } catch { failure = error }
            keepWhatIsNeeded()
        }
        // Started with capabilities instead of as root: there is no identity to leave.
        guard capng_apply(CAPNG_SELECT_CAPS) == 0 else { throw failed("the capabilities stay") }
        if let failure { throw failure }
    }

    /// What changing rules and settings, reading /proc, and opening a report in any user's folder take.
    private static let keepers: [UInt32] = [
        UInt32(CAP_AUDIT_CONTROL), UInt32(CAP_SYS_PTRACE), UInt32(CAP_DAC_READ_SEARCH),
        UInt32(CAP_DAC_OVERRIDE),
    ]

    /// The keeper stays who it is, with what it needs of what it has.
    public static func dropToKeeper() {
        capng_get_caps_process()
        let held = keepers.filter { capng_have_capability(CAPNG_PERMITTED, $0) != 0 }
        keepWhatIsNeeded(held)
        // Without CAP_SETPCAP the bounding set stays, which no_new_privs makes worth nothing.
        if capng_apply(CAPNG_SELECT_BOTH) == 0 { return }
        keepWhatIsNeeded(held)
        _ = capng_apply(CAPNG_SELECT_CAPS)
    }

    /// The stream is joined, and is read without it: what is left is for /proc.
    public static func dropStream() throws(AuditError) {
        capng_get_caps_process()
        // Where not all could go, none went.
        guard kept.allSatisfy({ capng_have_capability(CAPNG_PERMITTED, $0) != 0 }) else { return }
        keepWhatIsNeeded(kept.filter { $0 != UInt32(CAP_AUDIT_READ) })
        guard capng_apply(CAPNG_SELECT_CAPS) == 0 else { throw failed("CAP_AUDIT_READ stays") }
    }

    private static func keepWhatIsNeeded(_ kept: [UInt32] = kept) {
        capng_clear(CAPNG_SELECT_BOTH)
        for capability in kept {
            capng_update(
                CAPNG_ADD, capng_type_t(CAPNG_EFFECTIVE.rawValue | CAPNG_PERMITTED.rawValue), capability)
        }
    }

    private static func becomeAnother() throws(AuditError) {
        let account = try account()
        // Without CAP_SETPCAP the bounding set stays, which no_new_privs makes worth nothing.
        var result: Int32 = 0
        for flags in [
            CAPNG_DROP_SUPP_GRP.rawValue | CAPNG_CLEAR_BOUNDING.rawValue, CAPNG_DROP_SUPP_GRP.rawValue,
        ] {
            keepWhatIsNeeded()
            result = capng_change_id(Int32(account.uid), Int32(account.gid), capng_flags_t(flags))
            if result == 0 { return }
        }
        throw failed("libcap-ng says \(result)")
    }

    private static func account() throws(AuditError) -> (uid: uid_t, gid: gid_t) {
        for name in accounts {
            // C's own entry, read before anything else asks for one; there is one thread yet.
            if let entry = unsafe getpwnam(name) {
                return unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
            }
        }
        throw failed("there is neither a user sockaudit nor a user nobody")
    }

    private static func failed(_ why: String) -> AuditError {
        AuditError(
            .privilegesKept, errno: errno,
            "The reader of the records could not become an unprivileged user (\(why)); allow CAP_SETUID, CAP_SETGID, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or make a user named sockaudit."
        )
    }
}
