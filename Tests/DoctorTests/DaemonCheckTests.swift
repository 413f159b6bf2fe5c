import SockAuditCore
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

@Suite("Doctor: the audit daemon and its log")
struct DaemonCheckTests {
    private func log(_ daemon: inout RegisteredDaemon, free: UInt64, used: UInt64 = 19) {
        guard let conf = daemon.conf else { return }
        let mib: UInt64 = 1 << 20
        daemon.log = EvidenceLog(
            conf, isWritten: true, current: 3 * mib, older: (used - 3) * mib,
            disk: .init(total: 100_000 * mib, free: free * mib, block: 4_096))
    }

    @Test func registered() throws {
        func daemon(_ name: String) throws -> DoctorCheck {
            try DoctorFacts.fine { $0.daemon = RegisteredDaemon(pid: 5, name: Array(name.utf8)) }.check(
                "daemon")
        }
        #expect(try DoctorFacts.fine().check("daemon").text.hasPrefix("No audit daemon"))
        let auditd = try DoctorFacts.fine(auditd: "").check("daemon")
        #expect(auditd.status == .pass && auditd.text.hasPrefix("auditd 3.0.9 (pid 612)"))
        #expect(try daemon("auditd").text.contains("unknown version"))
        #expect(try daemon("auditbeat\u{1B}").status == .warn)
        #expect(try daemon("auditbeat\u{1B}").text.contains("auditbeat\\x1b (pid 5)"))
        #expect(try daemon("").status == .warn && daemon("").text.contains("gone"))
        #expect(try daemon("sockaudit").status == .pass)
        // Nothing is known of another daemon's files.
        let other = DoctorFacts.fine { $0.daemon = RegisteredDaemon(pid: 5, name: [0x61]) }
        #expect(other.checks("evidence_log").isEmpty && other.checks("daemon_conf").isEmpty)
    }

    @Test func configuration() throws {
        #expect(try DoctorFacts.fine(auditd: "").check("daemon_conf").status == .pass)
        let newer = try DoctorFacts.fine(auditd: "") { $0.isConfNewer = true }.check("daemon_conf")
        #expect(newer.status == .pass && newer.text.contains("changed after"))
        let faulty = try DoctorFacts.fine(auditd: "num_logs = 5", "nonsense", "x").check("daemon_conf")
        #expect(
            faulty.status == .warn && faulty.text.contains("line 2") && faulty.text.contains("1 more line"))
        let unreadable = DoctorFacts.fine(auditd: "") { ($0.conf, $0.log, $0.confError) = (nil, nil, 13) }
        #expect(try unreadable.check("daemon_conf").text.contains("EACCES"))
        #expect(try unreadable.check("daemon_conf").status == .warn)
        #expect(unreadable.checks("evidence_log").isEmpty && unreadable.checks("plugins").isEmpty)
    }

    private static let rotate = ["num_logs = 5", "max_log_file_action = rotate", "max_log_file = "]

    @Test("A log that rotates: a warning when an hour of calls is more than it holds")
    func rotation() throws {
        func check(_ size: Int, _ format: String = "enriched") throws -> DoctorCheck {
            try DoctorFacts.fine(
                auditd: "num_logs = 5", "max_log_file_action = rotate", "max_log_file = \(size)",
                "log_format = \(format)"
            ).check("evidence_log")
        }
        let small = try check(8)
        #expect(small.status == .warn && small.text.contains("5 files of 8 MiB"))
        #expect(small.text.contains("about 72 thousand calls"))
        // 3.6 million events of 580 bytes are 1,992 MiB.
        #expect(try check(398).status == .warn && check(399).status == .pass)
        #expect(try check(248, "raw").status == .pass && check(247, "raw").status == .warn)
        // It turns over before the disk is full: nothing of it is due.
        let disk = try DoctorFacts.fine(
            auditd: "num_logs = 5", "max_log_file_action = rotate", "max_log_file = 8", "space_left = 75",
            "space_left_action = halt"
        ).check("evidence_disk")
        #expect(disk.status == .pass && disk.text.contains("cannot fill it"))
    }

    @Test("A log that grows: the disk counts, and what auditd does when that ends")
    func growing() throws {
        func check(_ action: String, free: UInt64) throws -> DoctorCheck {
            try DoctorFacts.fine(
                auditd: "max_log_file_action = keep_logs", "space_left = 1000",
                "space_left_action = \(action)",
                change: { log(&$0, free: free) }
            ).check("evidence_disk")
        }
        #expect(try check("syslog", free: 50_000).status == .pass)
        #expect(try check("syslog", free: 1_900).status == .warn)
        #expect(try check("rotate", free: 50_000).status == .pass)
        #expect(try check("exec /x", free: 2_900).status == .warn)
        for action in ["suspend", "single", "halt"] {
            let far = try check(action, free: 50_000)
            #expect(far.status == .warn && far.remedy.contains("'\(action)'"))
            #expect(try check(action, free: 999).text.contains("space_left_action \(action) is due now"))
        }
        let grows = try DoctorFacts.fine(auditd: "max_log_file_action = keep_logs").check("evidence_log")
        #expect(grows.status == .pass && grows.text.contains("grows until its disk is full"))
    }

    @Test("A harmless order at first does not hide the harmful one behind it")
    func laterOrder() throws {
        let first = try DoctorFacts.fine(
            auditd: "max_log_file_action = keep_logs", "space_left = 1000", "space_left_action = rotate",
            "admin_space_left = 500", "admin_space_left_action = halt"
        ).check("evidence_disk")
        #expect(first.status == .warn && first.remedy.contains("'halt'"))
        let full = try DoctorFacts.fine(
            auditd: "max_log_file_action = keep_logs", "disk_full_action = single"
        ).check("evidence_disk")
        #expect(full.status == .warn && full.text.contains("disk_full_action single"))
    }

    @Test("A log that stops at its size, one that is not written, one whose disk is silent")
    func others() throws {
        let stops = try DoctorFacts.fine(auditd: "max_log_file = 8", "max_log_file_action = suspend").check(
            "evidence_log")
        #expect(stops.status == .warn && stops.text.contains("stops when its file has 8 MiB"))
        let none = DoctorFacts.fine(auditd: "write_logs = no")
        #expect(try none.check("evidence_log").status == .pass)
        #expect(none.checks("evidence_disk").isEmpty)
        let silent = DoctorFacts.fine(auditd: "max_log_file_action = keep_logs") { daemon in
            daemon.log = daemon.conf.map {
                EvidenceLog($0, isWritten: true, current: 0, older: 0, disk: nil)
            }
        }
        #expect(try silent.check("evidence_log").status == .warn)
        #expect(try silent.check("evidence_disk").status == .warn)
    }

    @Test func plugins() throws {
        #expect(try DoctorFacts.fine(auditd: "").check("plugins").status == .pass)
        func check(_ overflow: String, _ count: Int) throws -> DoctorCheck {
            try DoctorFacts.fine(
                auditd: "q_depth = 1200", "overflow_action = \(overflow)",
                change: {
                    $0.plugins = (1...count).map {
                        AuditdPlugin(name: Array("p\($0).conf".utf8), program: Array("/sbin/p\u{202E}".utf8))
                    }
                }
            ).check("plugins")
        }
        let one = try check("syslog", 1)
        #expect(one.status == .warn && one.text.contains("p1.conf (/sbin/p\\u{202e})"))
        #expect(one.text.contains("q_depth 1200"))
        #expect(try check("syslog", 12).text.contains("and 4 more"))
        #expect(try check("halt", 1).remedy.contains("do halt"))
        #expect(try !check("syslog", 1).remedy.contains("do syslog"))
    }

    @Test func words() {
        #expect(DaemonChecks.count(999) == "about 999")
        #expect(DaemonChecks.count(1_500) == "about 2 thousand")
        #expect(DaemonChecks.count(1_499_999) == "about 1 million")
        #expect(DaemonChecks.count(.max) == "more than a billion")
        #expect(DaemonChecks.size(19 << 20) == "19 MiB")
        #expect(DaemonChecks.size(20 << 30) == "20 GiB")
        #expect(DaemonChecks.size(.max).hasSuffix("GiB"))
    }
}
