import CAudit
import Glibc
import SockAuditCore

/// Turns a call's number, arguments and result into what it did to the descriptor table. The
/// constants are those of the C headers.
enum OperationBuilder {
    enum Result {
        case operation(Operation)
        /// The call changed nothing that we follow (it failed, or is about something else).
        case nothing
        /// A field that must be there is missing.
        case malformed
    }

    static func build(_ call: FollowedCall, _ fields: RecordFields) -> Result {
        switch call {
        case .exitGroup: return .operation(.exitGroup)
        case .exit: return .operation(.exitThread)
        case .close: return close(fields)
        default: break
        }
        guard let succeeded = fields.succeeded else { return .malformed }
        guard succeeded else { return .nothing }
        if call == .execve { return .operation(.execute) }
        guard let exit = fields.exit, let result = Int32(exactly: exit), result >= 0 else {
            return .malformed
        }
        let (a0, a1, a2, a3) = fields.arguments
        switch call {
        case .fork: return .operation(.fork(child: result, sharesFiles: false))
        case .clone: return clone(flags: UInt32(truncatingIfNeeded: a0), result)
        case .clone3: return .operation(.clone(child: result))
        case .ring: return .operation(.ring)
        case .unshare:
            let splits = UInt32(truncatingIfNeeded: a0) & sockaudit_clone_files() != 0
            return splits ? .operation(.unshareFiles) : .nothing
        case .socketcall: return socketcall(a0, fields, result)
        case .socketpair: return pair(type: a1, fields)
        default: break
        }
        guard fields.argumentCount >= 3 else { return .malformed }
        return simple(call, a0, a1, a2, a3, result)
    }

    private static func simple(
        _ call: FollowedCall, _ a0: UInt64, _ a1: UInt64, _ a2: UInt64, _ a3: UInt64, _ result: Int32
    ) -> Result {
        switch call {
        case .socket: return .operation(socket(domain: a0, type: a1, protocol: a2, fd: result))
        case .accept: return .operation(.accept(fd: result, listener: fd(a0), closeOnExec: false))
        case .accept4:
            return .operation(.accept(fd: result, listener: fd(a0), closeOnExec: closesOnExec(a3)))
        case .closeRange: return closeRange(a0, a1, a2)
        case .dup: return .operation(.duplicate(from: fd(a0), to: result, closeOnExec: false))
        case .dup2: return .operation(.duplicateOver(from: fd(a0), to: result, closeOnExec: false))
        case .dup3:
            return .operation(
                .duplicateOver(from: fd(a0), to: result, closeOnExec: a2 & UInt64(O_CLOEXEC) != 0))
        case .fcntl: return fcntl(fd(a0), command: Int32(truncatingIfNeeded: a1), a2, result)
        case .ioctl:
            let request = UInt32(truncatingIfNeeded: a1)
            if request == sockaudit_fioclex() { return .operation(.setCloseOnExec(fd: fd(a0), true)) }
            if request == sockaudit_fionclex() { return .operation(.setCloseOnExec(fd: fd(a0), false)) }
            return .nothing
        default: return .nothing
        }
    }

    private static func fd(_ argument: UInt64) -> Int32 { Int32(truncatingIfNeeded: argument) }

    private static func close(_ fields: RecordFields) -> Result {
        guard let succeeded = fields.succeeded, let exit = fields.exit, fields.argumentCount >= 1 else {
            return .malformed
        }
        // EBADF closes nothing; a close that fails otherwise has let the descriptor go.
        if !succeeded && exit == -Int64(EBADF) { return .nothing }
        return .operation(.close(fd: fd(fields.arguments.0)))
    }

    private static func closeRange(_ a0: UInt64, _ a1: UInt64, _ a2: UInt64) -> Result {
        let first = UInt32(truncatingIfNeeded: a0)
        let last = UInt32(truncatingIfNeeded: a1)
        guard first <= last else { return .malformed }
        let marks = UInt32(truncatingIfNeeded: a2) & UInt32(CLOSE_RANGE_CLOEXEC) != 0
        let unshares = UInt32(truncatingIfNeeded: a2) & UInt32(CLOSE_RANGE_UNSHARE) != 0
        return .operation(
            .closeRange(first: first, last: last, marksCloseOnExec: marks, unshares: unshares))
    }

    private static func fcntl(_ fd: Int32, command: Int32, _ argument: UInt64, _ result: Int32) -> Result {
        switch command {
        case F_SETFD: .operation(.setCloseOnExec(fd: fd, argument & UInt64(FD_CLOEXEC) != 0))
        case F_DUPFD: .operation(.duplicate(from: fd, to: result, closeOnExec: false))
        case F_DUPFD_CLOEXEC: .operation(.duplicate(from: fd, to: result, closeOnExec: true))
        default: .nothing
        }
    }

    private static func clone(flags: UInt32, _ child: Int32) -> Result {
        if flags & sockaudit_clone_thread() != 0 { return .operation(.thread) }
        return .operation(.fork(child: child, sharesFiles: flags & sockaudit_clone_files() != 0))
    }

    /// TCP and UDP by domain.md; the flags in the type do not matter for that.
    static func socket(domain: UInt64, type: UInt64, protocol number: UInt64, fd: Int32) -> Operation {
        let flags = UInt64(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let kind = UInt32(truncatingIfNeeded: type & ~flags)
        let domain = Int32(truncatingIfNeeded: domain)
        let number = Int32(truncatingIfNeeded: number)
        var family = SocketFamily.other
        if domain == AF_INET || domain == AF_INET6 {
            if kind == SOCK_STREAM.rawValue && (number == 0 || number == Int32(IPPROTO_TCP)) { family = .tcp }
            if kind == SOCK_DGRAM.rawValue && (number == 0 || number == Int32(IPPROTO_UDP)) { family = .udp }
        }
        return .socket(fd: fd, family: family, closeOnExec: closesOnExec(type))
    }

    /// What the kernel will call a socket of these arguments (the protocols' `.name` in net/).
    static func kind(_ call: FollowedCall, _ fields: RecordFields) -> SocketKind {
        let asked = call == .socketcall ? fields.socketcall ?? (0, 0, 0, 0) : fields.arguments
        let flags = UInt64(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let type = UInt32(truncatingIfNeeded: asked.1 & ~flags)
        switch Int32(truncatingIfNeeded: asked.0) {
        case AF_INET: return inet(type, Int32(truncatingIfNeeded: asked.2), six: false)
        case AF_INET6: return inet(type, Int32(truncatingIfNeeded: asked.2), six: true)
        case AF_UNIX: return type == SOCK_STREAM.rawValue ? .unixStream : .unix
        case AF_NETLINK: return .netlink
        case AF_PACKET: return .packet
        default: return .unknown
        }
    }

    private static func inet(_ type: UInt32, _ number: Int32, six: Bool) -> SocketKind {
        switch (type, number) {
        case (SOCK_STREAM.rawValue, 0), (SOCK_STREAM.rawValue, Int32(IPPROTO_TCP)): six ? .tcp6 : .tcp
        case (SOCK_STREAM.rawValue, Int32(IPPROTO_MPTCP)): six ? .mptcp6 : .mptcp
        case (SOCK_DGRAM.rawValue, 0), (SOCK_DGRAM.rawValue, Int32(IPPROTO_UDP)): six ? .udp6 : .udp
        case (SOCK_DGRAM.rawValue, Int32(IPPROTO_UDPLITE)): six ? .udplite6 : .udplite
        case (SOCK_DGRAM.rawValue, Int32(IPPROTO_ICMP)): .ping
        case (SOCK_DGRAM.rawValue, Int32(IPPROTO_ICMPV6)): .ping6
        case (SOCK_RAW.rawValue, _): six ? .raw6 : .raw
        default: .unknown
        }
    }

    private static func closesOnExec(_ type: UInt64) -> Bool { type & UInt64(SOCK_CLOEXEC.rawValue) != 0 }

    private static func pair(type: UInt64, _ fields: RecordFields) -> Result {
        let (first, second) = fields.pair ?? (-1, -1)
        return .operation(.socketPair(first: first, second: second, closeOnExec: closesOnExec(type)))
    }

    /// 32-bit machines may put all socket calls through one; its arguments are in a record of
    /// their own.
    private static func socketcall(_ which: UInt64, _ fields: RecordFields, _ result: Int32) -> Result {
        switch Int32(truncatingIfNeeded: which) {
        case SYS_SOCKET:
            guard let (domain, type, number, _) = fields.socketcall else { return .malformed }
            return .operation(socket(domain: domain, type: type, protocol: number, fd: result))
        case SYS_ACCEPT, SYS_ACCEPT4:
            let flags = Int32(truncatingIfNeeded: which) == SYS_ACCEPT4 ? fields.socketcall?.3 ?? 0 : 0
            return .operation(
                .accept(
                    fd: result, listener: fields.socketcall.map { fd($0.0) } ?? -1,
                    closeOnExec: closesOnExec(flags)))
        case SYS_SOCKETPAIR: return pair(type: fields.socketcall?.1 ?? 0, fields)
        default: return .nothing
        }
    }
}
