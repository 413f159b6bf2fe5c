import CAudit
import Glibc
import Testing

@testable import AuditStream

/// The kernel's way through such a program (net/core/filter.c), as far as ours go.
private func verdict(
    _ filter: CallFilter, _ number: UInt32, _ arguments: [UInt64] = [], elf: UInt32? = nil
) -> UInt32 {
    func word(_ offset: UInt32) -> UInt32 {
        switch offset {
        case 0: return number
        case 4: return elf ?? filter.architecture
        default:
            let index = Int(offset - 16) / 8
            let value = index < arguments.count ? arguments[index] : 0
            return UInt32(truncatingIfNeeded: (offset - 16) % 8 == 0 ? value : value >> 32)
        }
    }
    var accumulator: UInt32 = 0
    var position = 0
    while true {
        let step = filter.instructions[position]
        position += 1
        switch Int32(step.code) {
        case BPF_LD | BPF_W | BPF_ABS: accumulator = word(step.k)
        case BPF_JMP | BPF_JEQ | BPF_K: position += Int(accumulator == step.k ? step.jt : step.jf)
        case BPF_JMP | BPF_JGE | BPF_K: position += Int(accumulator >= step.k ? step.jt : step.jf)
        case BPF_JMP | BPF_JSET | BPF_K: position += Int(accumulator & step.k != 0 ? step.jt : step.jf)
        case BPF_RET | BPF_K: return step.k
        default: return 0xDEAD
        }
    }
}

@Suite struct CallFilterTests {
    // libaudit's names for machines (machine_t).
    private static let x86 = Int32(MACH_86_64.rawValue)
    private static let arm = Int32(MACH_AARCH64.rawValue)

    private static func filter(_ machine: Int32) throws -> CallFilter {
        try CallFilter.monitor(pid: 4_242, links: [5, 7], machine: machine)
    }
    private static func number(_ name: String, _ machine: Int32) throws -> UInt32 {
        // C reads the text during the call alone.
        let number = unsafe audit_name_to_syscall(name, machine)
        try #require(number >= 0, "\(name)")
        return UInt32(number)
    }

    /// Calls by which a process gets at something that it does not hold yet.
    @Test(arguments: [x86, arm])
    func nothingNewIsReached(_ machine: Int32) throws {
        let filter = try Self.filter(machine)
        for name in [
            "openat", "execve", "execveat", "socket", "connect", "bind", "listen", "accept4", "clone",
            "ptrace",
            "process_vm_readv", "process_vm_writev", "unlinkat", "renameat2", "linkat", "symlinkat",
            "mkdirat",
            "fchmodat", "fchownat", "truncate", "mount", "umount2", "chroot", "chdir", "unshare", "setns",
            "bpf",
            "perf_event_open", "prctl", "seccomp", "setuid", "setgid", "capset", "open_by_handle_at",
            "memfd_create",
            "init_module", "finit_module", "kexec_load", "reboot", "keyctl", "setxattr", "ioctl", "kill",
            "tgkill",
            "pidfd_send_signal", "rt_sigqueueinfo", "dup", "dup3", "sendmmsg", "fchmod", "fchown", "splice",
        ] {
            let answer = verdict(filter, try Self.number(name, machine), [999, 999, 999, 999, 999, 999])
            #expect(answer == CallFilter.refused, "\(name)")
        }
        for name in ["read", "write", "close", "recvmmsg", "readlinkat", "munmap", "exit_group", "futex"] {
            #expect(verdict(filter, try Self.number(name, machine)) == CallFilter.allowed, "\(name)")
        }
    }

    /// Who opens files and speaks to the kernel starts nothing and connects to nobody either.
    @Test(arguments: [x86, arm])
    func theKeeperStartsNothing(_ machine: Int32) throws {
        let filter = try CallFilter.keeper(pid: 4_242, machine: machine)
        for name in [
            "execve", "execveat", "clone", "connect", "listen", "accept4", "ptrace", "process_vm_readv",
            "mount", "bpf",
            "setns", "unshare", "init_module", "symlinkat", "linkat", "fchownat", "setuid", "capset", "prctl",
            "kill",
        ] {
            #expect(verdict(filter, try Self.number(name, machine)) == CallFilter.refused, "\(name)")
        }
        let socket = try Self.number("socket", machine)
        #expect(verdict(filter, socket, [UInt64(AF_NETLINK)]) == CallFilter.allowed)
        for family in [AF_INET, AF_INET6, AF_UNIX, AF_PACKET] {
            #expect(verdict(filter, socket, [UInt64(family)]) == CallFilter.refused)
        }
        for name in ["openat", "renameat2", "unlinkat", "sendto", "bind"] {
            #expect(verdict(filter, try Self.number(name, machine)) == CallFilter.allowed, "\(name)")
        }
    }

    /// Of all numbers that there are, few; and none that a new kernel adds.
    @Test func mostNumbersAreRefused() throws {
        let filter = try Self.filter(Self.x86)
        let open = (0..<1_024).filter { verdict(filter, UInt32($0)) == CallFilter.allowed }
        #expect(open.count > 40 && open.count < 90, "\(open.count)")
        #expect((424..<1_024).allSatisfy { verdict(filter, $0) == CallFilter.refused || $0 == 439 })
    }

    @Test func argumentsDecide() throws {
        let filter = try Self.filter(Self.x86)
        func answer(_ name: String, _ arguments: UInt64...) throws -> Bool {
            verdict(filter, try Self.number(name, Self.x86), arguments) == CallFilter.allowed
        }
        #expect(try answer("mmap", 0, 4_096, 3) && !answer("mmap", 0, 4_096, 5))
        #expect(try answer("mprotect", 0, 4_096, 1) && !answer("mprotect", 0, 4_096, 4))
        #expect(try answer("kill", 4_242, 20) && !answer("kill", 1, 9))
        #expect(try !answer("kill", UInt64(bitPattern: -1), 9))
        // The kernel looks at 32 bits of a pid.
        #expect(try !answer("kill", 4_242 << 32, 9) && answer("tgkill", 4_242, 4_243, 20))
        #expect(try answer("sendmsg", 5) && answer("sendmsg", 7) && !answer("sendmsg", 6))
        #expect(try answer("sendto", 6, 1, 1, 0, 0) && !answer("sendto", 6, 1, 1, 0, 1))
        // A pointer has 64 bits.
        #expect(try !answer("sendto", 6, 1, 1, 0, 1 << 32))
        // 0x5412: TIOCSTI, which types into a terminal.
        #expect(try answer("ioctl", 1, UInt64(TIOCGWINSZ)) && !answer("ioctl", 1, 0x5412))
        #expect(try answer("fcntl", 1, UInt64(F_SETFL)) && !answer("fcntl", 1, UInt64(F_SETOWN)))
        #expect(try answer("prlimit64", 0, 7, 0) && !answer("prlimit64", 0, 7, 1))
    }

    /// Numbers of another table are other calls.
    @Test func otherTablesEndTheProcess() throws {
        let filter = try Self.filter(Self.x86)
        let read = try Self.number("read", Self.x86)
        #expect(verdict(filter, read) == CallFilter.allowed)
        #expect(verdict(filter, read | 0x4000_0000) == CallFilter.killed)
        #expect(
            verdict(filter, read, elf: audit_machine_to_elf(Int32(MACH_X86.rawValue))) == CallFilter.killed)
        #expect(verdict(filter, read, elf: try Self.filter(Self.arm).architecture) == CallFilter.killed)
    }
}
