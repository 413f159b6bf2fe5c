import CAudit
import Glibc

extension CallFilter {
    /// What who reads the records may still do: read what it holds, write to what it holds, and look at names.
    /// It opens nothing: of /proc the keeper does (``ProcFiles``).
    ///
    /// - Parameters:
    ///   - pid: its own.
    ///   - links: the sockets on which it may send messages.
    ///   - machine: whose numbers they are; ours if nil.
    /// - Throws: on a machine whose calls libaudit does not know.
    public static func monitor(
        pid: Int32, links: [Int32], machine: Int32? = nil
    ) throws(AuditError) -> CallFilter {
        let sends: [(String, Condition?)] = [
            // To whom the socket is connected, and to nobody else.
            ("sendto", .zero(argument: 4)),
            ("sendmsg", .oneOf(argument: 0, links.map { UInt32(bitPattern: $0) })),
        ]
        return try filter(plain.map { ($0, nil) } + limited(pid) + sends, machine)
    }

    /// What who holds the rules may do beyond that: open, make and replace files, and speak to the kernel by
    /// netlink. It starts no program, and connects to nobody.
    ///
    /// - Throws: on a machine whose calls libaudit does not know.
    public static func keeper(pid: Int32, machine: Int32? = nil) throws(AuditError) -> CallFilter {
        let more = [
            "openat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "fchmod",
            "fstatfs",
            "statfs", "sendto", "sendmsg", "bind", "setsockopt", "getsockname", "pidfd_open", "setsid",
        ]
        let netlink = ("socket", Condition.oneOf(argument: 0, [UInt32(AF_NETLINK)]))
        // Locks, by which the sockaudits of a host take turns (``OtherRuns``).
        let own = limited(pid, descriptors: [F_GETLK, F_SETLK]) + [netlink]
        return try filter((plain + more).map { ($0, nil) } + own, machine)
    }

    private static func filter(
        _ calls: [(String, Condition?)], _ machine: Int32?
    ) throws(AuditError) -> CallFilter {
        let machine = machine ?? audit_detect_machine()
        guard machine >= 0 else { throw refusal(ENOSYS) }
        return CallFilter(
            architecture: audit_machine_to_elf(machine),
            calls.compactMap { name, condition in
                // Each architecture has only some of the older ones.
                let number = unsafe audit_name_to_syscall(name, machine)
                return number < 0 ? nil : (UInt32(number), condition)
            })
    }

    private static let plain = [
        // Descriptors that it holds.
        "read", "readv", "pread64", "write", "writev", "pwrite64", "close", "lseek", "fstat", "getdents64",
        "fsync", "fdatasync", "ftruncate", "flock", "poll", "ppoll", "recvfrom", "recvmsg", "recvmmsg",
        "shutdown", "getsockopt",
        // Names and sizes, and no contents.
        "newfstatat", "fstatat64", "stat", "lstat", "statx", "readlink", "readlinkat", "access", "faccessat",
        "faccessat2", "getxattr",
        // Memory, threads and time.
        "brk", "munmap", "mremap", "madvise", "futex", "sched_yield", "sched_getaffinity", "restart_syscall",
        "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom",
        "getrusage", "sysinfo", "uname", "membarrier", "rseq",
        // Itself, and the keeper's end.
        "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "wait4", "exit",
        "exit_group",
        // Signals, which it takes from a descriptor.
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "sigaltstack", "signalfd4",
        // Whether two processes share their descriptors.
        "kcmp",
    ]

    private static func limited(_ pid: Int32, descriptors more: [Int32] = []) -> [(String, Condition?)] {
        let itself = Condition.oneOf(argument: 0, [UInt32(bitPattern: pid)])
        return [
            // No new code.
            ("mmap", .without(argument: 2, UInt32(PROT_EXEC))),
            ("mprotect", .without(argument: 2, UInt32(PROT_EXEC))),
            // Of a terminal its size and its state, of a pipe what is in it; nothing typed into it.
            (
                "ioctl",
                .oneOf(
                    argument: 1,
                    [TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCGPGRP, FIONREAD].map { UInt32($0) })
            ),
            // None that has signals sent to others (F_SETOWN).
            (
                "fcntl",
                .oneOf(
                    argument: 1,
                    ([F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC] + more).map { UInt32($0) })
            ),
            // To stop, or to end, itself.
            ("kill", itself), ("tgkill", itself),
            // To ask for limits, not to set them.
            ("prlimit64", .zero(argument: 2)),
        ]
    }
}
