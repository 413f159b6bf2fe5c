import CAudit
import Glibc

/// Buffers for many messages read by one recvmmsg(2).
@safe final class MessageBatch {
    static let capacity = 64
    /// The longest audit message with its header (MAX_AUDIT_MESSAGE_LENGTH, libaudit.h),
    /// rounded up so that every header is aligned.
    private static let slot = (Int(MAX_AUDIT_MESSAGE_LENGTH) + 64 + 15) & ~15

    private let memory: UnsafeMutableRawPointer
    private let vectors: UnsafeMutablePointer<iovec>
    private let headers: UnsafeMutablePointer<sockaudit_message>

    init() {
        // All given back in deinit; each vector points to a slot of its own, each header to its vector.
        unsafe memory = .allocate(byteCount: Self.slot * Self.capacity, alignment: 16)
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe headers = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity {
            unsafe vectors[index] = iovec(iov_base: memory + index * Self.slot, iov_len: Self.slot)
            unsafe headers[index] = sockaudit_message()
            unsafe headers[index].header.msg_iov = vectors + index
            unsafe headers[index].header.msg_iovlen = 1
        }
    }

    deinit {
        // Allocated in init, of this object alone.
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe memory.deallocate()
    }

    /// -1 with errno when there is nothing.
    func receive(_ fd: Int32) -> Int {
        unsafe Int(sockaudit_receive(fd, headers, UInt32(Self.capacity)))
    }

    /// Type and text of one received message; a torn one is passed over.
    func message(_ index: Int, _ body: (UInt16, UnsafeRawBufferPointer) -> Void) {
        let length = unsafe min(Int(headers[index].length), Self.slot)
        let header = Int(sockaudit_netlink_header())
        guard length >= header else { return }
        // A slot is aligned and has room for a header, and length bytes of it were filled.
        let start = unsafe memory + index * Self.slot
        let type = unsafe start.load(as: nlmsghdr.self).nlmsg_type
        unsafe body(type, UnsafeRawBufferPointer(start: start + header, count: length - header))
    }
}

/// Records beside the call's own that a run needs.
public struct KeptRecords: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// PROCTITLE: it names scripts.
    public static let titles = KeptRecords(rawValue: 1)
    /// EOE: libauparse waits for it, the lane does not.
    public static let ends = KeptRecords(rawValue: 2)
}

/// A classic socket filter (as tcpdump uses; no eBPF program) that keeps messages we never read
/// out of our buffer. Source: domain.md, and the layout of struct nlmsghdr.
enum MessageFilter {
    /// Types that stand only beside a SYSCALL record of the same event (kernel/auditsc.c). All others
    /// pass, whole: each tells that its serial has arrived. (A filter that cuts messages short would cut
    /// them for the other listeners too: the kernel's copy is one for all.)
    private static let beside = [
        AUDIT_PATH, AUDIT_CWD, AUDIT_EXECVE, AUDIT_SOCKADDR, AUDIT_BPRM_FCAPS, AUDIT_IPC, AUDIT_MMAP,
        AUDIT_OBJ_PID, AUDIT_CAPSET,
    ]

    /// Failing to attach costs speed, not truth: the messages are then skipped here.
    static func attach(to fd: Int32, _ kept: KeptRecords) {
        var dropped = kept.contains(.titles) ? beside : [AUDIT_PROCTITLE] + beside
        if !kept.contains(.ends) { dropped.insert(AUDIT_EOE, at: 0) }
        let offset = UInt32(MemoryLayout<nlmsghdr>.offset(of: \nlmsghdr.nlmsg_type) ?? 4)
        var program = [sock_filter(code: UInt16(BPF_LD | BPF_H | BPF_ABS), jt: 0, jf: 0, k: offset)]
        for (index, type) in dropped.enumerated() {
            // The filter machine reads big-endian, the header is in host order.
            let remaining = UInt8(dropped.count - index)
            program.append(
                sock_filter(
                    code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: remaining, jf: 0,
                    k: UInt32(UInt16(type).bigEndian)))
        }
        program.append(sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: UInt32.max))
        program.append(sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0))
        // The kernel copies the program during the call.
        unsafe program.withUnsafeMutableBufferPointer { code in
            var filter = unsafe sock_fprog(len: UInt16(code.count), filter: code.baseAddress)
            unsafe setsockopt(
                fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, socklen_t(MemoryLayout<sock_fprog>.size))
        }
    }
}

/// /proc/net/netlink: "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode".
public enum NetlinkTable {
    /// How many messages a socket was not given because its buffer was full.
    static func drops(inode: UInt64) -> Int? { first { UInt64($0[9]) == inode }.flatMap { Int($0[8]) } }

    /// Bytes that an audit socket's owner has not read yet; nil where there is no such socket.
    /// - Parameter port: of a daemon its pid.
    public static func unread(port: UInt32) -> Int? {
        first { $0[1] == "\(NETLINK_AUDIT)" && UInt32($0[2]) == port }.flatMap { Int($0[4]) }
    }

    private static func first(_ isWanted: ([Substring]) -> Bool) -> [Substring]? {
        let fd = ProcFiles.open("/proc/\(getpid())/net/netlink")
        guard fd >= 0 else { return nil }
        // Closed at the end of this function.
        guard let file = unsafe fdopen(fd, "r") else {
            close(fd)
            return nil
        }
        // Opened, read and closed here.
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while unsafe fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let columns = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            if columns.count >= 10 && isWanted(columns) { return columns }
        }
        return nil
    }
}
