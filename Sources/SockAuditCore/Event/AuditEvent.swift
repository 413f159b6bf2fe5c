/// What one audited system call did to its process's file descriptors.
///
/// Only calls that succeeded (or, for close, let the descriptor go) become operations; the
/// decoder drops the rest.
public enum Operation: Equatable, Sendable {
    /// socket(2), or socketcall(SYS_SOCKET): the returned fd.
    case socket(fd: Int32, family: SocketFamily, closeOnExec: Bool)
    /// accept(2), accept4(2): the returned fd and the listening one.
    case accept(fd: Int32, listener: Int32, closeOnExec: Bool)
    /// socketpair(2): both fds from the FD_PAIR record; -1 where that record is missing.
    case socketPair(first: Int32, second: Int32, closeOnExec: Bool)
    /// close(2) that did not fail with EBADF.
    case close(fd: Int32)
    /// close_range(2), both ends included. `unshares`: CLOSE_RANGE_UNSHARE, on a table of its own first.
    case closeRange(first: UInt32, last: UInt32, marksCloseOnExec: Bool, unshares: Bool = false)
    /// dup(2), fcntl(F_DUPFD, F_DUPFD_CLOEXEC): a new lowest fd.
    case duplicate(from: Int32, to: Int32, closeOnExec: Bool)
    /// dup2(2), dup3(2): `to` is released first when it was open.
    case duplicateOver(from: Int32, to: Int32, closeOnExec: Bool)
    /// fcntl(F_SETFD), ioctl(FIOCLEX, FIONCLEX).
    case setCloseOnExec(fd: Int32, Bool)
    /// execve(2), execveat(2) that succeeded.
    case execute
    /// fork, vfork, clone as the parent saw it. `sharesFiles`: CLONE_FILES.
    case fork(child: Int32, sharesFiles: Bool)
    /// clone3, whose flags are in user memory: `child` is a process, or a thread of this one.
    case clone(child: Int32)
    /// clone with CLONE_THREAD: one more thread of this process.
    case thread
    /// unshare(CLONE_FILES): a descriptor table of its own from now on.
    case unshareFiles
    /// io_uring_setup(2): from now on sockets may come and go without a record.
    case ring
    /// exit_group(2): the whole process ends.
    case exitGroup
    /// exit(2): one thread ends; the last one ends the process, which only /proc tells.
    case exitThread
}

/// One audit event that concerns file descriptors, reduced to values.
public struct AuditEvent: Equatable, Sendable {
    /// auid, session or uid that is not set (the kernel's 4294967295).
    public static let unset = UInt32.max

    /// The host that wrote it, for aggregated logs; ``NameID/none`` without a node= prefix.
    public var node: NameID
    /// The event's serial: the order in which the kernel wrote records.
    public var serial: UInt64
    /// The time of the call's ENTRY in milliseconds since the epoch.
    public var stamp: Int64
    /// The process (thread group), not the thread.
    public var pid: Int32
    public var ppid: Int32
    public var uid: UInt32
    public var auid: UInt32
    public var session: UInt32
    /// The calling THREAD's name.
    public var comm: NameID
    /// The process's file.
    public var exe: NameID
    /// The script that an interpreter runs, where the record's PROCTITLE was asked for and shows one.
    public var script: NameID = .none
    /// What a socket() call asked for; unknown for other calls.
    public var kind = SocketKind.unknown
    public var operation: Operation

    public init(
        node: NameID = .none, serial: UInt64, stamp: Int64, pid: Int32, ppid: Int32 = 0,
        uid: UInt32 = AuditEvent.unset, auid: UInt32 = AuditEvent.unset,
        session: UInt32 = AuditEvent.unset, comm: NameID = .none, exe: NameID = .none,
        operation: Operation
    ) {
        self.node = node
        self.serial = serial
        self.stamp = stamp
        self.pid = pid
        self.ppid = ppid
        self.uid = uid
        self.auid = auid
        self.session = session
        self.comm = comm
        self.exe = exe
        self.operation = operation
    }

    /// See ``NameTable/sweep(_:)``.
    public func markNames(_ mark: (NameID) -> Void) {
        for id in [node, comm, exe, script] { mark(id) }
    }
}
