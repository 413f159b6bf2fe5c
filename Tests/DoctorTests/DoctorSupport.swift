import SockAuditCore
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

extension DoctorFacts {
    /// A host on which nothing stands in the way.
    static func fine(_ change: (inout DoctorFacts) -> Void = { _ in }) -> DoctorFacts {
        var facts = DoctorFacts()
        facts.status = .fine
        facts.takes32BitCalls = true
        change(&facts)
        return facts
    }

    static func fine(status change: (inout KernelStatus) -> Void) -> DoctorFacts {
        var status = KernelStatus.fine
        change(&status)
        return fine { $0.status = status }
    }

    static func fine(
        auditd lines: String..., change: (inout RegisteredDaemon) -> Void = { _ in }
    )
        -> DoctorFacts
    {
        var daemon = RegisteredDaemon(pid: 612, name: Array("auditd".utf8))
        let conf = AuditdConf.parse(lines.map { $0 + "\n" }.joined())
        daemon.conf = conf
        daemon.confPath = Array("/etc/audit/auditd.conf".utf8)
        daemon.version = "3.0.9"
        let mib: UInt64 = 1 << 20
        daemon.log = EvidenceLog(
            conf, isWritten: true, current: 3 * mib, older: 16 * mib,
            disk: .init(total: 100_000 * mib, free: 50_000 * mib, block: 4_096))
        change(&daemon)
        return fine {
            $0.daemon = daemon
            $0.status?.daemon = 612
            $0.status?.backlogLimit = 8_192
        }
    }

    /// The checks of one id.
    func checks(_ id: String) -> [DoctorCheck] { Doctor.checks(self).filter { $0.id == id } }

    /// Its one check of that id.
    func check(_ id: String, location: SourceLocation = #_sourceLocation) throws -> DoctorCheck {
        let found = checks(id)
        try #require(found.count == 1, "\(found)", sourceLocation: location)
        return found[0]
    }
}

extension KernelStatus {
    static let fine = KernelStatus(
        enabled: 1, failure: 1, daemon: 0, rateLimit: 0, backlogLimit: 64, lost: 0, backlog: 0,
        backlogWaitTime: 15_000, backlogWaitActual: 0)
}

extension ProcScanner.Running {
    static func named(_ comm: String, pid: Int32 = 9) -> ProcScanner.Running {
        .init(
            pid: pid, startTicks: 1, start: 1, comm: Array(comm.utf8), exe: Array("/usr/bin/\(comm)".utf8),
            script: [])
    }
}

/// Rules of others; the numbers by hand from linux/audit.h.
extension KernelRule {
    private static let arch = Field(11, 0x4000_0000, Architecture.local[0].elf)

    static func never(_ calls: String..., fields: [Field] = []) -> KernelRule {
        KernelRule(
            list: 4, action: 0, syscalls: calls.compactMap { Architecture.local[0].number($0) },
            fields: [arch] + fields)
    }

    static let neverTask = KernelRule(list: 1, action: 0, syscalls: [], fields: [])
    static func exclude(_ type: UInt32, fields: [Field] = []) -> KernelRule {
        KernelRule(list: 5, action: 2, syscalls: [], fields: [Field(12, 0x4000_0000, type)] + fields)
    }

    static let ofRoot = Field(1, 0x4000_0000, 0)
}
