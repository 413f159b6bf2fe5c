@testable import AuditStream

/// The kernel's numbers, by hand from linux/audit.h: only AuditStream may import the C headers.
enum RulesNumber {
    static let task: UInt32 = 1
    static let exit: UInt32 = 4
    static let exclude: UInt32 = 5
    static let never: UInt32 = 0
    static let always: UInt32 = 2

    static let pid: UInt32 = 0
    static let uid: UInt32 = 1
    static let arch: UInt32 = 11
    static let messageType: UInt32 = 12
    static let exitCode: UInt32 = 103
    static let success: UInt32 = 104
    static let exe: UInt32 = 112
    static let a0: UInt32 = 200
    static let a1: UInt32 = 201
    static let key: UInt32 = 210

    static let equal: UInt32 = 0x4000_0000
    static let notEqual: UInt32 = 0x3000_0000
    static let atLeast: UInt32 = 0x6000_0000
}

extension KernelRule.Field {
    static func key(_ text: String) -> Self {
        .init(RulesNumber.key, RulesNumber.equal, text: Array(text.utf8))
    }
    static func exe(_ text: String) -> Self {
        .init(RulesNumber.exe, RulesNumber.equal, text: Array(text.utf8))
    }
    static func arch(_ elf: UInt32) -> Self { .init(RulesNumber.arch, RulesNumber.equal, elf) }
    static func notPid(_ pid: UInt32) -> Self { .init(RulesNumber.pid, RulesNumber.notEqual, pid) }
    static func uid(_ uid: UInt32) -> Self { .init(RulesNumber.uid, RulesNumber.equal, uid) }
    static func type(_ type: UInt32, op: UInt32 = RulesNumber.equal) -> Self {
        .init(RulesNumber.messageType, op, type)
    }
}

extension KernelRule {
    /// `-S all`, as auditctl writes it: every bit set.
    static func all(
        list: UInt32 = RulesNumber.exit, action: UInt32 = RulesNumber.never, _ fields: [Field] = []
    ) -> KernelRule {
        var rule = KernelRule(list: list, action: action, syscalls: [], fields: fields)
        rule.mask = Array(repeating: .max, count: maskWords)
        return rule
    }

    /// The same rule without some of its fields.
    func dropping(_ isDropped: (Field) -> Bool) -> KernelRule {
        var copy = self
        copy.fields.removeAll(where: isDropped)
        return copy
    }

    /// The names after -S.
    var callNames: [String] {
        text.split(separator: " ").drop { $0 != "-S" }.dropFirst().first?.split(separator: ",").map(
            String.init)
            ?? []
    }

    var architecture: UInt32? { fields.first { $0.field == RulesNumber.arch }?.value }
}
