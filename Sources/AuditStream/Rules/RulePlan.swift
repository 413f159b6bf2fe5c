import CAudit
import Glibc

/// How much of a process's calls is audited (interface.md, Modes).
public enum AuditMode: String, CaseIterable, Sendable {
    case light, standard, full, proc
}

/// One of the system call tables of this machine: `b64` and, where there is one, `b32`.
public struct Architecture: Equatable, Sendable {
    public let name: String
    public let machine: Int32
    public let elf: UInt32

    /// Those of this machine, native first. Source: audit_determine_machine, libaudit.
    public static let local: [Architecture] = ["b64", "b32"].compactMap { name in
        let machine = unsafe audit_determine_machine(name)
        guard machine >= 0 else { return nil }
        let elf = audit_machine_to_elf(machine)
        return elf == 0 ? nil : Architecture(name: name, machine: machine, elf: elf)
    }

    /// The number of a call, or nil where this table has no such call.
    public func number(_ call: String) -> Int32? {
        let number = unsafe audit_name_to_syscall(call, machine)
        return number >= 0 ? number : nil
    }
}

/// The rules that one run needs, computed without touching the kernel.
public struct RulePlan: Equatable, Sendable {
    /// The key that all rules of ours carry.
    public static let key = Array("sockaudit".utf8)

    public let mode: AuditMode
    /// `-F exe=` rules for these files; empty for every process.
    public let executables: [[UInt8]]
    /// `-F pid!=`: ourselves, the monitor first (it owns the rules), and whom the guard exempts.
    public let exemptPids: [Int32]
    /// `-F exe!=`: programs that the guard exempts.
    public let exemptPrograms: [[UInt8]]

    public init(
        mode: AuditMode, executables: [[UInt8]] = [], exemptPids: [Int32] = [],
        exemptPrograms: [[UInt8]] = []
    ) {
        self.mode = mode
        self.executables = executables
        self.exemptPids = exemptPids
        self.exemptPrograms = exemptPrograms
    }

    /// All rules, in the order in which they go in.
    public var rules: [KernelRule] {
        guard mode != .proc else { return [] }
        return Architecture.local.flatMap { architecture in
            let narrowed: [[UInt8]?] = executables.isEmpty ? [nil] : executables.map { $0 }
            return narrowed.flatMap { executable in
                calls.compactMap { rule($0, architecture, executable) }
            }
        }
    }

    /// Calls that share their filters, and so a rule.
    private struct Calls {
        var names: [String]
        var filters: [KernelRule.Field]
    }

    private static let succeeded = KernelRule.Field(UInt32(AUDIT_SUCCESS), sockaudit_op_equal(), 1)

    private static func argument(_ field: Int32, is value: UInt32) -> KernelRule.Field {
        KernelRule.Field(UInt32(field), sockaudit_op_equal(), value)
    }

    private var calls: [Calls] {
        var list: [Calls] = []
        switch mode {
        case .proc: return []
        case .light:
            list.append(Calls(names: ["socket"], filters: [Self.succeeded]))
        case .standard, .full:
            var plain = [
                "socket", "accept", "accept4", "socketpair", "close_range", "dup2", "dup3", "execve",
                "execveat", "io_uring_setup",
            ]
            if mode == .full { plain += ["dup", "clone", "clone3", "fork", "vfork"] }
            list.append(Calls(names: plain, filters: [Self.succeeded]))
            if mode == .full {
                let files = KernelRule.Field(UInt32(AUDIT_ARG0), sockaudit_op_bits(), sockaudit_clone_files())
                list.append(Calls(names: ["unshare"], filters: [files, Self.succeeded]))
            }
            // A close that fails with EBADF closes nothing; one that fails otherwise let go.
            let notOpen = KernelRule.Field(
                UInt32(AUDIT_EXIT), sockaudit_op_not_equal(), UInt32(bitPattern: -EBADF))
            list.append(Calls(names: ["close"], filters: [notOpen]))
            // These never return, so there is no success to ask for.
            list.append(Calls(names: mode == .full ? ["exit_group", "exit"] : ["exit_group"], filters: []))
            var commands = [UInt32(F_SETFD)]
            if mode == .full { commands += [UInt32(F_DUPFD), UInt32(F_DUPFD_CLOEXEC)] }
            for command in commands {
                list.append(
                    Calls(
                        names: ["fcntl", "fcntl64"],
                        filters: [Self.argument(AUDIT_ARG1, is: command), Self.succeeded]))
            }
            let requests = [sockaudit_fioclex(), sockaudit_fionclex()].sorted()
            list.append(
                Calls(
                    names: ["ioctl"],
                    filters: [
                        KernelRule.Field(UInt32(AUDIT_ARG1), sockaudit_op_greater_equal(), requests[0]),
                        KernelRule.Field(UInt32(AUDIT_ARG1), sockaudit_op_less_equal(), requests[1]),
                        Self.succeeded,
                    ]))
        }
        // One call for all of them on some 32-bit machines; send and recv must stay out.
        var multiplexed = [UInt32(SYS_SOCKET)]
        if mode != .light {
            multiplexed += [UInt32(SYS_ACCEPT), UInt32(SYS_SOCKETPAIR), UInt32(SYS_ACCEPT4)]
        }
        for call in multiplexed {
            list.append(
                Calls(names: ["socketcall"], filters: [Self.argument(AUDIT_ARG0, is: call), Self.succeeded]))
        }
        return list
    }

    private func rule(_ calls: Calls, _ architecture: Architecture, _ executable: [UInt8]?) -> KernelRule? {
        let numbers = calls.names.compactMap { architecture.number($0) }
        guard !numbers.isEmpty else { return nil }
        var fields = [KernelRule.Field(UInt32(AUDIT_ARCH), sockaudit_op_equal(), architecture.elf)]
        fields += calls.filters
        if let executable {
            fields.append(KernelRule.Field(UInt32(AUDIT_EXE), sockaudit_op_equal(), text: executable))
        }
        for pid in exemptPids {
            fields.append(
                KernelRule.Field(UInt32(AUDIT_PID), sockaudit_op_not_equal(), UInt32(bitPattern: pid)))
        }
        for program in exemptPrograms {
            fields.append(KernelRule.Field(UInt32(AUDIT_EXE), sockaudit_op_not_equal(), text: program))
        }
        fields.append(KernelRule.Field(UInt32(AUDIT_FILTERKEY), sockaudit_op_equal(), text: Self.key))
        return KernelRule(
            list: UInt32(AUDIT_FILTER_EXIT), action: UInt32(AUDIT_ALWAYS), syscalls: numbers, fields: fields)
    }
}
