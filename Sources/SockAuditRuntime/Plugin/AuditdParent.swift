import AuditStream
import Glibc

/// The audit daemon that started us, if one did.
struct AuditdParent {
    var pid: Int32
    /// The kernel's counters when we were started.
    var status: KernelStatus

    /// auditd starts its plugins about when it registers itself; it needs this long (ms) at most.
    private static let patience = 2_000

    /// - Returns: nil where nobody of our ancestors is the daemon to which the kernel gives its records, or the
    ///   kernel does not tell us: then no record need be of this host.
    static func find() -> AuditdParent? {
        let ancestors = ancestors()
        guard !ancestors.isEmpty, let control = try? AuditControl() else { return nil }
        let isLikely = ancestors.contains {
            ProcScanner.stat($0).map { $0.comm.elementsEqual("auditd".utf8) } ?? false
        }
        for _ in 0..<(patience / 50) {
            guard let status = try? control.status() else { return nil }
            let daemon = Int32(bitPattern: status.daemon)
            if daemon != 0 && ancestors.contains(daemon) { return AuditdParent(pid: daemon, status: status) }
            guard isLikely else { return nil }
            _ = poll(nil, 0, 50)
        }
        return nil
    }

    /// A script may stand between auditd and us.
    private static func ancestors() -> [Int32] {
        var found: [Int32] = []
        var pid = getppid()
        while pid > 1, found.count < 8 {
            found.append(pid)
            guard let parent = parent(of: pid) else { break }
            pid = parent
        }
        return found
    }

    private static func parent(of pid: Int32) -> Int32? {
        let lines = SmallFile.read("/proc/\(pid)/status")?.split(separator: 0x0A) ?? []
        return lines.first { $0.starts(with: "PPid:".utf8) }.flatMap { line in
            line.split { $0 == 0x09 || $0 == 0x20 }.last.flatMap {
                Int32(String(decoding: $0, as: UTF8.self))
            }
        }
    }
}
