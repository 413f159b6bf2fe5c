import Foundation
import Testing

@testable import SockAuditRuntime

@Suite("auditd's log: what it holds before evidence goes")
struct EvidenceLogTests {
    private let mib: UInt64 = 1 << 20

    private func conf(_ lines: String...) -> AuditdConf {
        AuditdConf.parse(lines.map { $0 + "\n" }.joined())
    }

    private func log(
        _ conf: AuditdConf, isWritten: Bool = true, current: UInt64 = 3, older: UInt64 = 16,
        free: UInt64? = 10_000, total: UInt64 = 20_000
    ) -> EvidenceLog {
        EvidenceLog(
            conf, isWritten: isWritten, current: current * mib, older: older * mib,
            disk: free.map { .init(total: total * mib, free: $0 * mib, block: 4_096) })
    }

    private let rotating = [
        "max_log_file = 8", "num_logs = 5", "max_log_file_action = rotate", "space_left = 75",
        "space_left_action = syslog", "admin_space_left = 50", "admin_space_left_action = suspend",
    ].map { $0 + "\n" }.joined()

    @Test("Rotation: the oldest goes after num_logs files")
    func rotation() {
        let found = log(.parse(rotating))
        #expect(found.capacityBytes == 40 * mib && found.end == .rotation && found.rotates)
        #expect(found.usedBytes == 19 * mib && found.freeBytes == 10_000 * mib)
        #expect(found.roomBytes == 9_950 * mib)
        #expect(found.folder == Array("/var/log/audit".utf8))
        // The disk need not answer for that.
        #expect(log(.parse(rotating), free: nil).capacityBytes == 40 * mib)
    }

    @Test("A disk that is nearly full comes before the rotation")
    func diskFirst() {
        let found = log(.parse(rotating), free: 60)
        #expect(found.capacityBytes == 29 * mib && !found.rotates)
        #expect(found.end == .diskAction(setting: "admin_space_left_action", .suspend))
        #expect(log(.parse(rotating), free: 40).roomBytes == 0)
        #expect(log(.parse(rotating), free: 40).capacityBytes == 19 * mib)
    }

    @Test("rotate with fewer than two files rotates nothing")
    func oneFile() {
        let found = log(conf("max_log_file = 8", "num_logs = 1", "max_log_file_action = rotate"))
        #expect(!found.rotates && found.end == .fullDisk)
        #expect(found.capacityBytes == 10_019 * mib - 5 * 4_096)
    }

    @Test("keep_logs, ignore and syslog: the disk down to the first setting that acts")
    func growing() {
        for action in ["keep_logs", "ignore", "syslog"] {
            let found = log(
                conf(
                    "max_log_file = 8", "num_logs = 5", "max_log_file_action = \(action)", "space_left = 10%",
                    "space_left_action = email", "admin_space_left = 5%", "admin_space_left_action = halt",
                    "disk_full_action = single"))
            #expect(found.end == .diskAction(setting: "admin_space_left_action", .halt))
            #expect(found.roomBytes == 9_000 * mib && found.capacityBytes == 9_019 * mib)
            #expect(!found.rotates)
        }
        let full = log(conf("max_log_file_action = keep_logs", "disk_full_action = single"))
        #expect(full.end == .diskAction(setting: "disk_full_action", .single))
    }

    @Test("space_left_action = rotate loses the oldest as well")
    func rotatesForSpace() {
        let found = log(
            conf(
                "num_logs = 5", "max_log_file_action = keep_logs", "space_left = 100",
                "space_left_action = rotate"))
        #expect(found.rotates && found.end == .diskAction(setting: "space_left_action", .rotate))
        #expect(found.capacityBytes == 9_919 * mib)
    }

    @Test("suspend at max_log_file: what comes then is not written")
    func suspends() {
        let found = log(conf("max_log_file = 8", "max_log_file_action = suspend"))
        #expect(found.capacityBytes == 24 * mib && found.end == .sizeAction(.suspend) && !found.rotates)
    }

    @Test("No log, and no answer of the disk")
    func nothingKnown() {
        #expect(log(conf("write_logs = no")).capacityBytes == nil)
        #expect(!log(conf("write_logs = no")).isWritten)
        #expect(log(.parse(rotating), isWritten: false).capacityBytes == nil)
        #expect(log(conf("max_log_file_action = keep_logs"), free: nil).capacityBytes == nil)
    }

    @Test("Numbers that do not fit are the largest there is")
    func large() {
        let found = log(
            conf(
                "max_log_file = 18446744073709551615", "num_logs = 999", "max_log_file_action = rotate",
                "space_left = 18446744073709551615", "space_left_action = halt"))
        #expect(found.roomBytes == 0 && found.capacityBytes == 19 * mib)
    }

    @Test("The folder of a name without one, and of one in the root")
    func folders() {
        #expect(log(conf("log_file = audit.log")).folder == Array(".".utf8))
        #expect(log(conf("log_file = /audit.log")).folder == Array("/".utf8))
    }

    @Test("Its own files are counted, and no others")
    func reads() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, size) in [
            ("audit.log", 100), ("audit.log.1", 20), ("audit.log.10", 3), ("audit.log.x", 1_000),
            ("audit.log.0", 1_000), ("audit.logs", 1_000), ("other.log", 1_000),
        ] {
            try Data(count: size).write(to: folder.appendingPathComponent(name))
        }
        try FileManager.default.createSymbolicLink(
            at: folder.appendingPathComponent("audit.log.2"),
            withDestinationURL: folder.appendingPathComponent("other.log"))
        let conf = AuditdConf.parse("log_file = \(folder.path)/audit.log\n")
        let found = EvidenceLog.read(conf)
        #expect(found.usedBytes == 123)
        #expect((found.freeBytes ?? 0) > 0)
        // The same seen from a process with another root.
        let under = AuditdConf.parse("log_file = /audit.log\n")
        #expect(EvidenceLog.read(under, root: folder.path).usedBytes == 123)
    }
}
