import CAudit
import Glibc

/// The system calls that we follow.
enum FollowedCall: UInt8 {
    case socket, accept, accept4, socketpair, socketcall
    case close, closeRange, dup, dup2, dup3, fcntl, ioctl
    case execve, clone, clone3, fork, unshare, exitGroup, exit, ring

    /// Their names, as libaudit knows them.
    static let names: [(String, FollowedCall)] = [
        ("socket", .socket), ("accept", .accept), ("accept4", .accept4), ("socketpair", .socketpair),
        ("socketcall", .socketcall), ("close", .close), ("close_range", .closeRange), ("dup", .dup),
        ("dup2", .dup2), ("dup3", .dup3), ("fcntl", .fcntl), ("fcntl64", .fcntl), ("ioctl", .ioctl),
        ("execve", .execve), ("execveat", .execve), ("clone", .clone), ("clone3", .clone3),
        ("fork", .fork), ("vfork", .fork), ("unshare", .unshare), ("exit_group", .exitGroup),
        ("exit", .exit), ("io_uring_setup", .ring),
    ]
}

/// Numbers of the followed calls by architecture, asked of libaudit once for each that a record
/// names: a log may come from a machine of another kind.
struct SyscallTable {
    /// call + 1 by number, 0 for calls that we do not follow.
    private var tables: [UInt32: [UInt8]] = [:]
    private var lastElf: UInt32 = 0
    private var lastTable: [UInt8] = []

    mutating func call(elf: UInt32, number: UInt64) -> FollowedCall? {
        if elf != lastElf || lastTable.isEmpty {
            lastTable = table(elf)
            lastElf = elf
        }
        guard number < UInt64(lastTable.count) else { return nil }
        let entry = lastTable[Int(number)]
        return entry == 0 ? nil : FollowedCall(rawValue: entry - 1)
    }

    /// Whether libaudit knows the architecture that was last asked for.
    var knowsLast: Bool { lastTable.count > 1 }

    /// Whether libaudit knows the architecture at all.
    mutating func knows(elf: UInt32) -> Bool { table(elf).count > 1 }

    private mutating func table(_ elf: UInt32) -> [UInt8] {
        if let known = tables[elf] { return known }
        var table: [UInt8] = [0]
        let machine = audit_elf_to_machine(elf)
        if machine >= 0 {
            for (name, call) in FollowedCall.names {
                // C reads the name during the call alone.
                let number = unsafe Int(audit_name_to_syscall(name, machine))
                // Numbers reach some thousands on MIPS-like tables; more is no table of Linux.
                guard number >= 0, number < 65_536 else { continue }
                if table.count <= number {
                    table += [UInt8](repeating: 0, count: number + 1 - table.count)
                }
                table[number] = call.rawValue + 1
            }
        }
        // A hostile log may name any number of architectures; a handful is all there is.
        if tables.count < 64 { tables[elf] = table }
        return table
    }
}
