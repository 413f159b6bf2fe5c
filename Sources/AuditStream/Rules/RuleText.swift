import CAudit
import SockAuditCore

extension KernelRule {
    /// The rule as auditctl(8) and augenrules read it.
    public var text: String {
        var parts = ["-a \(actionName),\(listName)"]
        let arch = fields.first { $0.field == UInt32(AUDIT_ARCH) }
        let machine = arch.map { audit_elf_to_machine($0.value) } ?? -1
        if let arch { parts.append("-F \(Self.write(arch, machine: machine))") }
        let numbers = syscalls
        if listName == "exit" || listName == "entry" {
            if numbers.count >= Self.maskWords * 32 - 32 {
                parts.append("-S all")
            } else if !numbers.isEmpty {
                parts.append(
                    "-S " + numbers.map { Self.syscallName($0, machine: machine) }.joined(separator: ","))
            }
        }
        for field in fields where field != arch {
            parts.append("-F \(Self.write(field, machine: machine))")
        }
        return parts.joined(separator: " ")
    }

    private var listName: String {
        // A constant text of libaudit.
        unsafe audit_flag_to_name(Int32(list & UInt32(AUDIT_FILTER_MASK))).map { unsafe String(cString: $0) }
            ?? "list\(list)"
    }

    private var actionName: String {
        // A constant text of libaudit.
        unsafe audit_action_to_name(Int32(action)).map { unsafe String(cString: $0) } ?? "action\(action)"
    }

    private static func syscallName(_ number: Int32, machine: Int32) -> String {
        // A constant text of libaudit.
        guard machine >= 0, let name = unsafe audit_syscall_to_name(number, machine) else {
            return "\(number)"
        }
        // A constant text of libaudit.
        return unsafe String(cString: name)
    }

    private static func write(_ field: Field, machine: Int32) -> String {
        let name =
            // A constant text of libaudit.
            unsafe audit_field_to_name(Int32(field.field)).map { unsafe String(cString: $0) }
            ?? "f\(field.field)"
        let op =
            // A constant text of libaudit.
            unsafe audit_operator_to_symbol(Int32(bitPattern: field.op)).map { unsafe String(cString: $0) }
            ?? "?"
        if let text = field.text {
            return "\(name)\(op)\(Escaping.word(text))"
        }
        switch Int32(field.field) {
        case AUDIT_ARCH:
            // C reads the name during the call alone.
            let native = unsafe audit_determine_machine("b64")
            return "\(name)\(op)\(machine == native ? "b64" : "b32")"
        case AUDIT_EXIT:
            let value = Int32(bitPattern: field.value)
            // A constant text of libaudit.
            if value < 0, let code = unsafe audit_errno_to_name(-value) {
                return unsafe "\(name)\(op)-\(String(cString: code))"
            }
            return "\(name)\(op)\(value)"
        case AUDIT_ARG0, AUDIT_ARG1, AUDIT_ARG2, AUDIT_ARG3:
            return "\(name)\(op)0x\(String(field.value, radix: 16))"
        case AUDIT_MSGTYPE:
            let type =
                // A constant text of libaudit.
                unsafe audit_msg_type_to_name(Int32(field.value)).map { unsafe String(cString: $0) }
                ?? "\(field.value)"
            return "\(name)\(op)\(type)"
        default:
            return "\(name)\(op)\(field.value)"
        }
    }
}
