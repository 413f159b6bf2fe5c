import CAudit
import Glibc

/// Which system calls a process may still make, as a program of the kernel's (seccomp(2), linux/filter.h).
///
/// What is not named is refused with EPERM. Calls of another system call table end the process: none of its
/// numbers means here what the rules take it for. Pure, but for ``install()``.
public struct CallFilter {
    /// What an argument of a call must be. Pointers cannot be followed, so rules are about numbers.
    enum Condition: Equatable {
        /// The lower 32 bits, which are all that the kernel looks at in an int.
        case oneOf(argument: Int, [UInt32])
        /// All 64 bits.
        case zero(argument: Int)
        /// None of these bits.
        case without(argument: Int, UInt32)
    }

    /// Elf machine and conventions (AUDIT_ARCH_*, linux/audit.h).
    let architecture: UInt32
    private(set) var instructions: [sock_filter]

    /// - Parameters:
    ///   - architecture: of the calls that the numbers are of.
    ///   - calls: by number; of one call that stands there twice both forms are let through.
    init(architecture: UInt32, _ calls: [(number: UInt32, condition: Condition?)]) {
        self.architecture = architecture
        instructions = [
            Self.load(offset: 4),
            Self.jump(BPF_JEQ, architecture, then: 1, otherwise: 0),
            Self.answer(Self.killed),
            Self.load(offset: 0),
            // The x32 table shares its architecture's name; no other one has numbers this high.
            Self.jump(BPF_JGE, 0x4000_0000, then: 0, otherwise: 1),
            Self.answer(Self.killed),
        ]
        for (number, condition) in calls { add(number, condition) }
        instructions.append(Self.answer(Self.refused))
    }

    private mutating func add(_ number: UInt32, _ condition: Condition?) {
        var body: [sock_filter]
        switch condition {
        case nil: body = []
        case .oneOf(let argument, let values):
            body = [Self.load(argument, high: false)]
            for (index, value) in values.enumerated() {
                // To the answer behind the last of them.
                let isLast = index == values.count - 1
                body.append(
                    Self.jump(
                        BPF_JEQ, value, then: UInt8(values.count - 1 - index), otherwise: isLast ? 1 : 0))
            }
        case .zero(let argument):
            body = [
                Self.load(argument, high: false), Self.jump(BPF_JEQ, 0, then: 0, otherwise: 3),
                Self.load(argument, high: true), Self.jump(BPF_JEQ, 0, then: 0, otherwise: 1),
            ]
        case .without(let argument, let bits):
            body = [Self.load(argument, high: false), Self.jump(BPF_JSET, bits, then: 1, otherwise: 0)]
        }
        body.append(Self.answer(Self.allowed))
        // What was loaded instead of the number goes back.
        if condition != nil { body.append(Self.load(offset: 0)) }
        instructions.append(Self.jump(BPF_JEQ, number, then: 0, otherwise: UInt8(body.count)))
        instructions += body
    }

    // MARK: the program's words (struct seccomp_data, linux/seccomp.h)

    static let allowed = UInt32(SECCOMP_RET_ALLOW)
    static let refused = UInt32(SECCOMP_RET_ERRNO) | UInt32(EPERM)
    static let killed = UInt32(SECCOMP_RET_KILL_PROCESS)

    private static func load(offset: Int) -> sock_filter {
        sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: UInt32(offset))
    }
    private static func load(_ argument: Int, high: Bool) -> sock_filter {
        let isBig = 1.bigEndian == 1
        return load(offset: 16 + 8 * argument + (high != isBig ? 4 : 0))
    }
    private static func jump(_ kind: Int32, _ value: UInt32, then: UInt8, otherwise: UInt8) -> sock_filter {
        sock_filter(code: UInt16(BPF_JMP | kind | BPF_K), jt: then, jf: otherwise, k: value)
    }
    private static func answer(_ word: UInt32) -> sock_filter {
        sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: word)
    }

    // MARK: the kernel

    static func refusal(_ code: Int32) -> AuditError {
        AuditError(
            .notConfined, errno: code,
            "The kernel or the container takes no list of the system calls that the reader of the records may make (seccomp), so nothing but its user keeps it from other files; counting goes on."
        )
    }

    /// Whether the kernel takes such rules from us.
    public static var isTaken: Bool { sockaudit_takes_filters() == 1 }

    /// From here on, and for ever, all threads of this process go by it.
    public func install() throws(AuditError) {
        var program = instructions
        let count = UInt16(program.count)
        // Without privileges of its own a process must give up those of others first.
        let result =
            // The bytes stay for the call.
            sockaudit_no_new_privileges() != 0
            ? -1
            : unsafe program.withUnsafeMutableBufferPointer {
                // The kernel copies it.
                unsafe sockaudit_install_filter($0.baseAddress, count)
            }
        guard result == 0 else {
            throw Self.refusal(result > 0 ? EBUSY : errno)
        }
    }
}
