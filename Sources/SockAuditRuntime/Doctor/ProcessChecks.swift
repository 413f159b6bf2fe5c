import AuditStream
import SockAuditCore

/// Which processes will not be seen, or not in all that they do. Pure.
enum ProcessChecks {
    static func all(_ facts: DoctorFacts) -> [DoctorCheck] {
        // Without the kernel's answer nobody knows since when it audits.
        (facts.status == nil ? [] : [older(facts)]) + [tables(facts)] + visibility(facts)
    }

    static func older(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "older_processes"
        guard !facts.older.isEmpty else {
            return .pass(id, "No process in scope began before auditing did.")
        }
        let (count, names) = (facts.older.count, OlderProcesses.names(facts.older))
        return .warn(
            id,
            "\(Counted.text(count, "process", "processes")) in scope began before auditing did and will never be seen: \(names).",
            remedy: "Restart them, or boot with audit=1.")
    }

    /// The tables of system calls by which programs can come here.
    static func tables(_ facts: DoctorFacts) -> DoctorCheck {
        let id = "system_calls"
        if facts.takesX32Calls {
            return .warn(
                id, "The kernel takes calls of the x32 table, which no audit rule can see.",
                remedy: "Boot with syscall.x32=n, or mind that such programs are missing.")
        }
        guard facts.tables.contains("b32") else {
            return .pass(id, "This machine has one table of system calls, and the rules are for it.")
        }
        switch facts.takes32BitCalls {
        case true?: return .pass(id, "Programs make 64-bit and 32-bit calls here; there are rules for both.")
        case false?: return .pass(id, "The kernel takes no 32-bit calls; the rules for them do no harm.")
        case nil: return .pass(id, "There are rules for 64-bit and for 32-bit calls.")
        }
    }

    static func visibility(_ facts: DoctorFacts) -> [DoctorCheck] {
        let id = "proc_hidepid"
        guard let hidepid = facts.hidepid else { return [] }
        let text = "/proc is mounted with hidepid=\(Escaping.visible(Array(hidepid.utf8)))"
        if facts.capabilities.has(.ptrace) {
            return [.pass(id, "\(text), through which CAP_SYS_PTRACE sees.")]
        }
        return [
            .warn(
                id, "\(text), so other users' processes cannot be compared with what /proc says.",
                remedy: "Run sockaudit with sudo.")
        ]
    }

    /// The hidepid= of the /proc that is on top, if it hides anything.
    /// - Parameter mounts: the text of /proc/self/mountinfo (proc(5)).
    static func hidepid(_ mounts: String) -> String? {
        var found: String?
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, words[4] == "/proc", let dash = words.firstIndex(of: "-"),
                words.count > dash + 3, words[dash + 1] == "proc"
            else { continue }
            let option = words[dash + 3].split(separator: ",").first { $0.hasPrefix("hidepid=") }
            found = option.map { String($0.dropFirst("hidepid=".count)) }
        }
        return found == "0" || found == "off" ? nil : found
    }
}
