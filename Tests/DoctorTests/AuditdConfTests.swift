import Testing

@testable import SockAuditRuntime

@Suite("auditd.conf as auditd reads it")
struct AuditdConfTests {
    @Test("An empty file is auditd's own defaults")
    func defaults() {
        let conf = AuditdConf.parse("")
        #expect(conf == AuditdConf())
        #expect(conf.logFile == Array("/var/log/audit/audit.log".utf8))
        #expect(conf.writesLogs && conf.localEvents)
        #expect(conf.logFormat == .enriched && conf.nameFormat == .none)
        #expect(conf.flush == .none && conf.flushEvery == 0)
        #expect(conf.maxLogFile == 0 && conf.numberOfLogs == 0 && conf.maxLogFileAction == .ignore)
        #expect(conf.spaceLeft == .mebibytes(0) && conf.spaceLeftAction == .ignore)
        #expect(conf.adminSpaceLeft == .mebibytes(0) && conf.adminSpaceLeftAction == .ignore)
        #expect(conf.diskFullAction == .ignore && conf.diskErrorAction == .syslog)
        #expect(conf.queueDepth == 2_000 && conf.overflowAction == .syslog)
        #expect(conf.faults.isEmpty)
    }

    @Test("Debian's file")
    func debian() {
        let conf = AuditdConf.parse(
            """
            #
            # This file controls the configuration of the audit daemon
            #

            local_events = yes
            write_logs = yes
            log_file = /var/log/audit/audit.log
            log_group = adm
            log_format = ENRICHED
            flush = INCREMENTAL_ASYNC
            freq = 50
            max_log_file = 8
            num_logs = 5
            priority_boost = 4
            name_format = NONE
            ##name = mydomain
            max_log_file_action = ROTATE
            space_left = 75
            space_left_action = SYSLOG
            action_mail_acct = root
            admin_space_left = 50
            admin_space_left_action = SUSPEND
            disk_full_action = SUSPEND
            disk_error_action = SUSPEND
            q_depth = 2000
            overflow_action = SYSLOG
            plugin_dir = /etc/audit/plugins.d
            end_of_event_timeout = 2

            """)
        #expect(conf.faults.isEmpty)
        #expect(conf.flush == .incrementalAsync && conf.flushEvery == 50)
        #expect(conf.maxLogFile == 8 && conf.numberOfLogs == 5 && conf.maxLogFileAction == .rotate)
        #expect(conf.spaceLeft == .mebibytes(75) && conf.spaceLeftAction == .syslog)
        #expect(conf.adminSpaceLeft == .mebibytes(50) && conf.adminSpaceLeftAction == .suspend)
        #expect(conf.diskFullAction == .suspend && conf.diskErrorAction == .suspend)
    }

    @Test("Case, spaces, comments, the last of two lines, a program behind an action")
    func forms() {
        let conf = AuditdConf.parse(
            """
              NUM_LOGS   =   7
            Max_Log_File_Action = kEEp_lOGs
               # num_logs = 8
            max_log_file = 1
            max_log_file = 12
            space_left = 25%
            admin_space_left = %5
            space_left_action = exec /usr/local/bin/clean
            log_file = /VAR/Log
            write_logs = NO

            """)
        #expect(conf.faults.isEmpty)
        #expect(conf.numberOfLogs == 7 && conf.maxLogFileAction == .keepLogs && conf.maxLogFile == 12)
        #expect(conf.spaceLeft == .percent(25) && conf.adminSpaceLeft == .percent(5))
        #expect(conf.spaceLeftAction == .exec)
        #expect(conf.logFile == Array("/VAR/Log".utf8))
        #expect(!conf.writesLogs)
    }

    @Test("log_format = NOLOG writes no log")
    func noLog() { #expect(!AuditdConf.parse("log_format = nolog\n").writesLogs) }

    @Test(
        "What auditd refuses is a fault with its line, and keeps the default",
        arguments: [
            "num_logs=5", "num_logs =5", "num_logs", "num_logs =", "num_logs = five", "num_logs = -1",
            "num_logs = 1000", "num_logs = 99999999999999999999999", "num_logs\t=\t5",
            "max_log_file_action = rotated", "max_log_file = 8\r", "space_left = 100%", "space_left = 5 MB",
            "space_left = 5.5", "write_logs = maybe", "q_depth = 100000", "overflow_action = email",
            "space_left = 18446744073709551616", "num_logs = 5 # five",
        ])
    func faults(_ line: String) {
        let conf = AuditdConf.parse("# first\n\(line)\n")
        #expect(conf.faults.map(\.line) == [2])
        var plain = conf
        plain.faults = []
        // A number that is followed by more is a number still; auditd only would not start with it.
        plain.numberOfLogs = line.contains("#") ? 0 : plain.numberOfLogs
        plain.spaceLeft = line.contains("MB") ? .mebibytes(0) : plain.spaceLeft
        #expect(plain == AuditdConf())
    }

    @Test("A fault does not keep the rest from being read, nor can it fake a line of output")
    func readsOn() {
        let conf = AuditdConf.parse("bad\u{1B}[31m\u{202E}\nnum_logs = 3\n")
        #expect(conf.numberOfLogs == 3)
        #expect(conf.faults.count == 1)
        #expect(conf.faults.first?.text.contains("\\x1b[31m\\u{202e}") == true)
    }

    @Test("A line without an end, one that is too long, and one with a NUL are left out")
    func lengths() {
        func logs(_ text: String) -> UInt64 { AuditdConf.parse(text).numberOfLogs }
        #expect(logs("num_logs = 5") == 0)
        // 158 bytes and the end of line fit.
        let fits = "num_logs = 5" + String(repeating: " ", count: 146)
        #expect(fits.utf8.count == 158)
        #expect(logs(fits + "\n") == 5)
        #expect(logs(fits + " \n") == 0)
        let long = "# " + String(repeating: "x", count: 400)
        #expect(logs(long + "\nnum_logs = 5\n") == 5)
        #expect(logs("num_logs = 5\u{0}\nnum_logs = 6\nnum_logs = 7\n") == 7)
        // The rest of the line with the NUL ends with the next end of line.
        #expect(logs("num_logs = 5\u{0}\nnum_logs = 6\n") == 0)
        #expect(AuditdConf.parse(long + "\nx\n").faults.map(\.line) == [1, 2])
    }

    @Test("Damaged files are read to their end")
    func damage() {
        var random = SystemRandomNumberGenerator()
        let seed = Array(
            "num_logs = 5\nspace_left = 25%\nlog_file = /a/b\nmax_log_file_action = ROTATE\n".utf8)
        for _ in 0..<3_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: bytes[..<at], at: at)
                default: bytes.removeSubrange(at...)
                }
                if bytes.isEmpty { bytes = [0x0A] }
            }
            let conf = AuditdConf.parse(bytes)
            #expect(conf.faults.count <= 200)
            _ = EvidenceLog(
                conf, isWritten: true, current: .max, older: .max,
                disk: .init(total: .max, free: .random(in: .min ... .max), block: .max))
        }
    }
}
