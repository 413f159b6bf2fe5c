import Foundation
import Glibc
import TestSupport
import Testing

/// What `sockaudit doctor --format json` says.
struct DoctorAnswer: Decodable {
    struct Check: Decodable {
        var id: String
        var status: String
        var text: String
        var remedy: String
    }
    struct Rule: Decodable {
        var rule: String
        var state: String
        var by: String
    }
    var schema: String
    var scope: [String]
    var mode: String
    var result: String
    var checks: [Check]
    var rules: [Rule]
    struct Measured: Decodable {
        struct SelfTest: Decodable {
            struct Calls: Decodable { var socket, close: Int }
            var made, counted: Calls
        }
        var events: Int
        var seconds: Double
        var self_test: SelfTest
    }
    var measured: Measured?

    /// Asks, and demands that nothing is changed by that.
    static func ask(
        _ arguments: String..., location: SourceLocation = #_sourceLocation
    ) throws -> DoctorAnswer {
        let before = try AuditState.read()
        let told = try run(Host.sockaudit, ["doctor", "--format", "json"] + arguments)
        let changes = before.changes(to: try AuditState.read())
        #expect(changes.isEmpty, "doctor changed: \(changes)", sourceLocation: location)
        #expect(told.err.isEmpty, sourceLocation: location)
        let answer = try parse(told.out)
        let code: Int32 = ["fine": 0, "warnings": 4, "cannot": 3][answer.result] ?? -1
        #expect(told.code == code, "\(answer.result)", sourceLocation: location)
        return answer
    }

    static func parse(_ text: String) throws -> DoctorAnswer {
        do { return try JSONDecoder().decode(DoctorAnswer.self, from: Data(text.utf8)) } catch {
            throw SupportError("no answer of doctor: \(error): \(text.prefix(300))")
        }
    }

    func checks(_ id: String) -> [Check] { checks.filter { $0.id == id } }

    func check(_ id: String) throws -> Check {
        let found = checks(id)
        guard let check = found.first, found.count == 1 else {
            throw SupportError("\(found.count) checks \(id) in \(checks.map(\.id))")
        }
        return check
    }
}

extension Live {
    /// doctor on this host, with things in its way that it must find.
    @Suite struct DoctorChecks {
        @Test func itSaysWhatARunWouldAdd() throws {
            let answer = try DoctorAnswer.ask()
            #expect(answer.schema == "sockaudit.doctor/1")
            #expect(answer.scope == ["all"] && answer.mode == "standard")
            #expect(answer.result != "cannot", "\(answer.checks.filter { $0.status == "fail" })")
            let status = try AuditState.status()
            #expect(try answer.check("privileges").status == "pass")
            #expect(try answer.check("kernel_audit").status == "pass")
            #expect(try answer.check("confinement").status == "pass")
            #expect(try answer.check("enabled").status == "pass")
            #expect(try answer.check("lost").status == (status["lost"] == "0" ? "pass" : "warn"))
            #expect(
                try answer.check("backlog_limit").text.contains(" \(status["backlog_limit"] ?? "?") "))
            #expect(try answer.check("other_runs").text == "No other sockaudit runs.")
            #expect(try answer.check("hiding_rules").status == "pass")
            #expect(!answer.rules.isEmpty && answer.rules.allSatisfy { $0.state == "add" })
            // They are exactly what a run needs: with them in the kernel it adds none.
            try AuditState.with(answer.rules.map(\.rule)) {
                let again = try DoctorAnswer.ask()
                #expect(again.rules.allSatisfy { $0.state == "there" && !$0.by.isEmpty })
                let watched = try Watched()
                #expect(watched.line.contains(" 0 rules and \(answer.rules.count) "), "\(watched.line)")
                _ = try watched.stop()
            }
        }

        @Test func theTextSaysTheSame() throws {
            let answer = try DoctorAnswer.ask("--mode", "light")
            let before = try AuditState.read()
            let told = try run(Host.sockaudit, ["doctor", "--mode", "light"])
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            let lines = told.out.split(separator: "\n").map(String.init)
            let shown = lines.filter { ["PASS  ", "WARN  ", "FAIL  "].contains($0.prefix(6)) }
            #expect(shown.map { $0.prefix(4).lowercased() } == answer.checks.map(\.status))
            #expect(shown.count > 12)
            for check in answer.checks where !check.remedy.isEmpty {
                #expect(lines.contains("      " + check.remedy))
            }
            for rule in answer.rules { #expect(told.out.contains("  add  \(rule.rule)\n")) }
            #expect(told.code == (answer.result == "fine" ? 0 : 4))
        }

        @Test func notRoot() throws {
            try Skips.need("setpriv")
            let scratch = try Scratch()
            let copy = scratch.file("sockaudit")
            try FileManager.default.copyItem(atPath: Host.sockaudit, toPath: copy)
            // C reads the text during the call alone.
            unsafe chmod(copy, 0o755)
            let told = try run(
                "setpriv", ["--reuid=65534", "--clear-groups", "--", copy, "doctor", "--format", "json"])
            if told.code == 127 || told.err.contains("shared libraries") {
                try Skips.skip("another user cannot run the program here: \(told.err)")
            }
            #expect(told.code == 3, "\(told.err)")
            let answer = try DoctorAnswer.parse(told.out)
            #expect(answer.result == "cannot")
            #expect(try answer.check("privileges").status == "fail")
            #expect(try answer.check("privileges").remedy.contains("sudo"))
            #expect(try answer.check("kernel_audit").status == "pass")
            #expect(answer.checks("lost").isEmpty && !answer.rules.isEmpty)
        }

        @Test func besideAuditd() throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let daemon = try AuditDaemon(
                [
                    "max_log_file": "6", "num_logs": "4", "max_log_file_action": "ROTATE",
                    "space_left_action": "SYSLOG",
                ],
                plugins: ["copies.conf": "/bin/cat"])
            let answer = try DoctorAnswer.ask()
            let version = try run("auditctl", ["-v"]).out.split(separator: " ").last.map {
                $0.trimmingCharacters(in: .newlines)
            }
            let registered = try answer.check("daemon")
            #expect(registered.text.hasPrefix("auditd \(version ?? "?") (pid \(daemon.pid))"))
            #expect(try answer.check("daemon_conf").status == "pass")
            #expect(try answer.check("daemon_conf").text.contains(daemon.conf))
            let log = try answer.check("evidence_log")
            #expect(log.status == "warn" && log.text.contains("4 files of 6 MiB"))
            #expect(log.text.contains(daemon.logFolder))
            #expect(try answer.check("evidence_disk").text.contains("cannot fill it"))
            let plugins = try answer.check("plugins")
            #expect(plugins.status == "warn" && plugins.text.contains("copies.conf (/bin/cat)"))
            try AuditState.with(settings: ["backlog_limit": "64"]) {
                let check = try DoctorAnswer.ask().check("backlog_limit")
                #expect(check.status == "warn")
            }
            try AuditState.with(settings: ["backlog_limit": "8192"]) {
                let check = try DoctorAnswer.ask().check("backlog_limit")
                #expect(check.status == "pass")
            }

            // A log that grows, with a log to stop when the disk is full.
            let lines = try String(contentsOfFile: daemon.conf, encoding: .utf8)
            try
                (lines.replacingOccurrences(of: "= ROTATE", with: "= keep_logs")
                .replacingOccurrences(of: "disk_full_action = IGNORE", with: "disk_full_action = suspend")
                + "num_logs=3\n").write(toFile: daemon.conf, atomically: false, encoding: .utf8)
            let changed = try DoctorAnswer.ask()
            #expect(try changed.check("daemon_conf").status == "warn")
            #expect(try changed.check("daemon_conf").text.contains("'num_logs=3'"))
            let disk = try changed.check("evidence_disk")
            #expect(disk.status == "warn" && disk.text.contains("disk_full_action suspend"))
            try daemon.end()
            #expect(try DoctorAnswer.ask().check("daemon").text.hasPrefix("No audit daemon"))
        }

        /// The unit tests of auditd.conf say that it takes and refuses these; auditd itself is asked here.
        @Test(
            arguments: [
                ("num_logs", "5 # five", false), ("num_logs", "five", false), ("num_logs", "1000", false),
                ("num_logs", "5\r", false), ("max_log_file_action", "rotated", false),
                ("space_left", "100%", false), ("space_left", "5 MB", false), ("write_logs", "maybe", false),
                ("NUM_LOGS", "  7", true), ("max_log_file_action", "kEEp_lOGs", true),
                ("space_left", "%5", true), ("num_logs", "five" + String(repeating: " ", count: 150), true),
            ])
        func auditdTakesWhatDoctorTakes(_ name: String, _ value: String, _ takes: Bool) throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            guard takes else {
                #expect(throws: SupportError.self) { _ = try AuditDaemon([name: value]) }
                return
            }
            let daemon = try AuditDaemon([name: value])
            let answer = try DoctorAnswer.ask()
            // A line that is too long is left out, which is no reason for auditd not to start.
            #expect(try answer.check("daemon_conf").status == (value.count > 150 ? "warn" : "pass"))
            try daemon.end()
        }

        @Test func rulesOfAKilledRun() throws {
            let gone = try Child("true", [])
            #expect(try gone.wait() == 0)
            let stale =
                "-a always,exit -F arch=b64 -S close -F exit!=-EBADF -F pid!=\(gone.pid) -F key=sockaudit"
            try AuditState.with([stale]) {
                let check = try DoctorAnswer.ask().check("stale_rules")
                #expect(check.status == "warn" && check.text.contains("pid \(gone.pid)"))
                #expect(check.remedy.contains("sockaudit rules --clear"))
                #expect(try run(Host.sockaudit, ["rules", "--clear"]).code == 0)
                #expect(try DoctorAnswer.ask().check("stale_rules").status == "pass")
            }
        }

        @Test func aNeverRuleBeforeOurs() throws {
            try AuditState.with(["-a never,exit -F arch=b64 -S close"]) {
                let answer = try DoctorAnswer.ask()
                #expect(answer.result == "cannot")
                let check = try answer.check("hiding_rules")
                #expect(check.status == "fail" && check.text.contains("-a never,exit"))
                #expect(
                    answer.rules.filter { $0.state == "hidden" }.map { $0.rule.contains("-S close ") } == [
                        true
                    ])
            }
            try AuditState.with(["-a never,exit -F arch=b64 -S close -F uid=12345"]) {
                let answer = try DoctorAnswer.ask()
                #expect(answer.result == "warnings")
                #expect(try answer.check("hiding_rules").status == "warn")
                #expect(
                    answer.rules.count { $0.state == "partly_hidden" && $0.by.contains("uid=12345") } == 1)
            }
            try AuditState.with(["-a never,task"]) {
                let check = try DoctorAnswer.ask().check("hiding_rules")
                #expect(check.status == "fail")
            }
            try AuditState.with(["-a always,exclude -F msgtype=SYSCALL"]) {
                let check = try DoctorAnswer.ask().check("hiding_rules")
                #expect(check.status == "fail")
            }
        }

        @Test func aRateLimit() throws {
            try AuditState.with(settings: ["rate_limit": "1000000"]) {
                let check = try DoctorAnswer.ask().check("rate_limit")
                #expect(check.status == "warn" && check.text.contains(" 1000000 "))
            }
            #expect(try DoctorAnswer.ask().check("rate_limit").status == "pass")
        }

        @Test func besideAnotherRun() throws {
            let watched = try Watched()
            let answer = try DoctorAnswer.ask()
            #expect(try answer.check("other_runs").text.contains("\(watched.pid)"))
            #expect(try answer.check("stale_rules").status == "pass")
            #expect(answer.rules.allSatisfy { $0.state == "add" })
            let counter = try Counter(tcp: 3, udp: 2, unix: 1)
            expect(try watched.stop().last, counter.pid, is: counter.account)
            try counter.kill()
        }

        @Test func namesOfOneProgram() throws {
            let counter = try Counter(tcp: 1, udp: 0, unix: 0)
            let answer = try DoctorAnswer.ask("counter")
            #expect(answer.scope == ["counter"])
            let file = Host.workload("counter")
            #expect(try answer.check("scope").text.contains("\(file) alone"))
            #expect(answer.rules.allSatisfy { $0.rule.contains("-F exe=\(file) ") })
            try counter.kill()
            let glob = try DoctorAnswer.ask("count*")
            #expect(try glob.check("scope").text.contains("glob"))
            #expect(glob.rules.allSatisfy { !$0.rule.contains("exe=") })
        }

        @Test(arguments: [["all", "sshd"], [""], ["--format", "csv"], ["--mode", "none"]])
        func wrongUsage(_ arguments: [String]) throws {
            let told = try run(Host.sockaudit, ["doctor"] + arguments)
            #expect(told.code == 64 && told.out.isEmpty)
        }
    }
}
