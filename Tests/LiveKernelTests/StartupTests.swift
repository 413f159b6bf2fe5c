import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// What stops it before a rule goes in, and what is only said.
    @Suite struct Startup {
        /// Must refuse with one sentence, and change nothing.
        private func expectRefused(_ names: [String], saying words: [String]) throws {
            let before = try AuditState.read()
            let tried = try run(Host.sockaudit, names + ["--duration", "60"])
            #expect(tried.code == 3, "\(tried.err)")
            #expect(tried.out.isEmpty)
            for word in words { #expect(tried.err.contains(word)) }
            #expect(tried.err.split(separator: "\n").count == 1, "one sentence: \(tried.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func notRoot() throws {
            let scratch = try Scratch()
            // A copy that nobody may run, wherever the build is.
            let copy = scratch.file("sockaudit")
            try FileManager.default.copyItem(atPath: Host.sockaudit, toPath: copy)
            unsafe chmod(copy, 0o755)
            let command: (String, [String])
            if Tool.find("setpriv") != nil {
                command = ("setpriv", ["--reuid=65534", "--clear-groups", "--", copy])
            } else {
                command = ("su", ["nobody", "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", copy])
            }
            let before = try AuditState.read()
            let tried = try run(command.0, command.1 + ["all", "--duration", "60"])
            if tried.code == 127 || tried.err.contains("shared libraries") {
                try Skips.skip("another user cannot run the program here: \(tried.err)")
            }
            #expect(tried.code == 3, "\(tried.err)")
            #expect(tried.out.isEmpty)
            #expect(tried.err.contains("root") || tried.err.contains("sudo"))
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func neverTask() throws {
            try AuditState.with(["-a never,task"]) { try expectRefused(["all"], saying: ["never,task"]) }
        }

        @Test(arguments: ["-S close", "-S all", "-S socket,close,accept,connect"])
        func anEarlierNeverOverClose(_ calls: String) throws {
            try AuditState.with(["-a never,exit -F arch=b64 \(calls)"]) {
                try expectRefused(["all"], saying: ["never,exit"])
            }
        }

        /// All 64-bit socket() calls are hidden: it may refuse, or say so in every table; never "complete".
        @Test func anEarlierNeverOverSocketAlone() throws {
            try AuditState.with(["-a never,exit -F arch=b64 -S socket"]) {
                let tried = try run(
                    Host.sockaudit, ["all", "--interval", "0.5", "--count", "1", "--format", "json"])
                if tried.code == 3 {
                    #expect(tried.err.contains("never,exit"))
                    return
                }
                let table = try Table.parse(tried.out)
                #expect(tried.code == 4)
                #expect(table.verdict == "partial")
                #expect(table.codes.contains("shadowed_rule"))
            }
        }

        @Test func anExcludeFilterOverSyscallRecords() throws {
            try AuditState.with(["-a always,exclude -F msgtype=SYSCALL"]) {
                try expectRefused(["all"], saying: ["exclude"])
            }
        }

        @Test func aRateLimitIsSaid() throws {
            let before = try AuditState.read()
            #expect(try run("auditctl", ["-r", "1000000"]).code == 0)
            defer { _ = try? run("auditctl", ["-r", before.settings["rate_limit"] ?? "0"]) }
            let watched = try Watched()
            #expect(watched.child.err.contains("auditctl -r"))
            let counter = try Counter(tcp: 2, udp: 1, unix: 1)
            expect(try watched.stop().last, counter.pid, is: counter.account)
            try counter.kill()
            #expect(try AuditState.read().settings["rate_limit"] == "1000000")
        }

        @Test func auditingThatWasOnStaysOn() throws {
            let before = try AuditState.read()
            guard before.foreign.isEmpty else { try Skips.skip("another sockaudit runs on this host") }
            #expect(try run("auditctl", ["-e", "1"]).code == 0)
            defer { _ = try? run("auditctl", ["-e", before.settings["enabled"] ?? "0"]) }
            let watched = try Watched()
            #expect(!watched.line.contains("auditing was off"))
            _ = try watched.stop()
            #expect(try AuditState.read().isEnabled)
        }

        @Test(arguments: [
            [], ["all", "--interval", "0"], ["all", "--no-such-option"], ["all", "sshd"],
            ["all", "--count", "0"],
        ])
        func wrongUsage(_ arguments: [String]) throws {
            let before = try AuditState.read()
            let tried = try run(Host.sockaudit, arguments)
            #expect(tried.code == 64)
            #expect(tried.out.isEmpty && !tried.err.isEmpty)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
