import CAudit
import Glibc

/// Where live records come from: a socket that gives raw audit messages.
///
/// Injected into the monitor, so that tests can play a stream.
public protocol RecordSource: ~Copyable {
    /// To wait on; readable when records are there.
    var descriptor: Int32 { get }
    /// Hands every message that is there now to `body`, type and text; never blocks.
    /// - Returns: how many messages were read.
    mutating func drain(
        _ body: (_ type: UInt16, _ text: UnsafeRawBufferPointer) -> Void
    ) throws(AuditError) -> Int
    /// How often our buffer was full, and messages were dropped for it.
    var overruns: Int { get }
    /// How many messages were dropped because our buffer was full, as far as the kernel tells.
    var dropped: Int { get }
}

/// The audit netlink socket as a reader: the multicast group beside whatever daemon there is, or,
/// with no daemon registered, the one unicast stream.
public struct NetlinkSource: ~Copyable, RecordSource {
    public let descriptor: Int32
    public private(set) var overruns = 0
    /// Bytes of receive buffer that the kernel granted.
    public let bufferBytes: Int
    private let batch: MessageBatch
    private let registered: Bool
    private var isOpen = true

    /// Sizes to ask for, largest first (domain.md: 16 to 64 MiB lost nothing at full rate).
    private static let wanted: [Int32] = [64 << 20, 32 << 20, 16 << 20]

    /// Joins the multicast group AUDIT_NLGRP_READLOG (needs CAP_AUDIT_READ).
    public static func multicast(_ kept: KeptRecords) throws(AuditError) -> NetlinkSource {
        try NetlinkSource(groups: 1 << (AUDIT_NLGRP_READLOG.rawValue - 1), kept)
    }

    /// Registers us as the audit daemon. Only for a host that has none: see ``AuditControl/status()``.
    public static func unicast(_ kept: KeptRecords) throws(AuditError) -> NetlinkSource {
        try NetlinkSource(groups: 0, kept)
    }

    private init(groups: UInt32, _ kept: KeptRecords) throws(AuditError) {
        let fd = try Self.connect(groups: groups, kept)
        descriptor = fd
        bufferBytes = Self.granted(fd)
        batch = MessageBatch()
        registered = groups == 0
    }

    private static func connect(groups: UInt32, _ kept: KeptRecords) throws(AuditError) -> Int32 {
        let fd = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_AUDIT)
        guard fd >= 0 else {
            throw AuditError(.socketFailed, errno: errno, "The audit netlink socket could not be opened.")
        }
        enlarge(fd)
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = groups
        // A netlink address is a socket address of this size.
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(fd, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
            }
        }
        guard bound == 0 else {
            let code = errno
            close(fd)
            if code == EPERM {
                throw AuditError(
                    .notPrivileged, errno: code,
                    "The kernel does not let us read audit records; run sockaudit with sudo (it needs CAP_AUDIT_READ)."
                )
            }
            throw AuditError(.socketFailed, errno: code, "The audit record stream could not be joined.")
        }
        guard groups == 0 else {
            MessageFilter.attach(to: fd, kept)
            return fd
        }
        let result = audit_set_pid(fd, UInt32(bitPattern: getpid()), WAIT_YES)
        // After that: the kernel's answer is no record, and the filter would keep it away.
        MessageFilter.attach(to: fd, kept)
        guard result > 0 else {
            _ = audit_set_pid(fd, 0, WAIT_NO)
            close(fd)
            throw AuditError(
                .daemonRegistered, errno: -result,
                "The kernel did not take us as its audit daemon; use --source multicast beside a running one."
            )
        }
        return fd
    }

    deinit { if isOpen { Self.shut(descriptor, registered) } }

    /// Reads no more. A reader that was registered is let go of with the next record that the kernel
    /// cannot give it: call this while one is still to come, such as those of our rules going out.
    public mutating func end() {
        if isOpen { Self.shut(descriptor, registered) }
        isOpen = false
    }

    private static func shut(_ descriptor: Int32, _ registered: Bool) {
        // A daemon's place is given back, so that the next auditd finds it free. Without privileges the
        // kernel refuses.
        if registered { _ = audit_set_pid(descriptor, 0, WAIT_NO) }
        close(descriptor)
    }

    private static func enlarge(_ fd: Int32) {
        for option in [sockaudit_so_rcvbufforce(), SO_RCVBUF] {
            for size in wanted {
                var bytes = size
                // C reads a value of the size that is said.
                if unsafe setsockopt(fd, SOL_SOCKET, option, &bytes, socklen_t(MemoryLayout<Int32>.size)) == 0
                {
                    break
                }
            }
            if granted(fd) >= Int(wanted.last ?? 0) { return }
        }
    }

    private static func granted(_ fd: Int32) -> Int {
        var bytes: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // C fills the struct that it is given.
        unsafe getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &length)
        // The kernel doubles what was asked for, for its own bookkeeping (socket(7)).
        return Int(bytes) / 2
    }

    public mutating func drain(
        _ body: (_ type: UInt16, _ text: UnsafeRawBufferPointer) -> Void
    ) throws(AuditError) -> Int {
        var total = 0
        // Bounded: under a flood the caller must come to its table too.
        for _ in 0..<256 {
            let count = batch.receive(descriptor)
            if count > 0 {
                // One that was just received, for the call alone.
                for index in 0..<count { unsafe batch.message(index, body) }
                total += count
                if count < MessageBatch.capacity { return total }
                continue
            }
            switch errno {
            case EAGAIN: return total
            case EINTR: continue
            case ENOBUFS: overruns += 1
            default:
                throw AuditError(.socketFailed, errno: errno, "Reading the audit record stream failed.")
            }
        }
        return total
    }

    /// The socket's drop counter, from /proc/net/netlink (sk_drops).
    public var dropped: Int {
        guard overruns > 0 else { return 0 }
        var inode = stat()
        // C fills the struct that it is given.
        guard unsafe fstat(descriptor, &inode) == 0 else { return overruns }
        return NetlinkTable.drops(inode: UInt64(inode.st_ino)) ?? overruns
    }
}
