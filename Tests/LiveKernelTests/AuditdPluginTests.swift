import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Started by an audit daemon of our own, which hands it every record.
    @Suite struct AsPlugin {
        /// As a resolved path: rules name it, and the kernel tells of calls by it.
        private static let program = URL(fileURLWithPath: Host.sockaudit).resolvingSymlinksInPath().path

        /// What an administrator would load, under a key of the tests.
        private static func rules() throws -> [String] {
            try Host.printedRules(["--plugin"], of: program)
                .map { $0.replacingOccurrences(of: "key=sockaudit", with: "key=sockaudit-live-test") }
        }

        /// A daemon with sockaudit among its plugins, and what that writes.
        private struct Plugin {
            let folder: Scratch
            let daemon: AuditDaemon
            var report: String { folder.file("report.jsonl") }

            init(_ daemonSettings: [String: String] = [:], interval: String = "0.5") throws {
                folder = try Scratch()
                let conf = try folder.write(
                    "plugin.conf", Self.settings(folder.file("report.jsonl"), interval: interval))
                // auditd takes two arguments at most.
                daemon = try AuditDaemon(
                    daemonSettings,
                    plugins: ["sockaudit.conf": "\(AsPlugin.program)\nargs = plugin --config=\(conf)"])
            }

            static func settings(_ report: String, interval: String) -> String {
                "interval = \(interval)\nreport = \(report)\ntop = all\n"
            }

            func settings(_ report: String, interval: String = "0.5") throws {
                try folder.write("plugin.conf", Self.settings(report, interval: interval))
            }

            func tables(_ name: String = "report.jsonl") throws -> [Table] {
                let text = (try? String(contentsOfFile: folder.file(name), encoding: .utf8)) ?? ""
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                return try lines.filter { $0.contains("\"schema\":\"sockaudit.table/1\"") }
                    .map { try Table.parse(String($0)) }
            }

            /// The second one from now: the first may have been under way.
            func nextTable(_ name: String = "report.jsonl") throws -> Table {
                let count = try tables(name).count
                try eventually("two more tables") { try tables(name).count >= count + 2 }
                guard let table = try tables(name).last else { throw SupportError("no table") }
                return table
            }

            func expectSealed(_ name: String) throws {
                let verified = try run(AsPlugin.program, ["verify", folder.file(name)])
                #expect(verified.code == 0, "\(verified.out)\(verified.err)")
            }

            /// What runs of it: the reader, who has no privileges, and who keeps them.
            var processes: [pid_t] { Proc.children(daemon.pid).flatMap { [$0] + Proc.children($0) } }
        }

        private static let losses: Set = ["kernel_lost", "stream_overrun", "missing_serials", "proc_drift"]

        @Test(arguments: ["NONE", "HOSTNAME"])
        func figuresAreThoseOfStrace(_ nameFormat: String) throws {
            try Skips.need("strace", "curl")
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let rules = try Self.rules()
            try AuditState.with(rules) {
                let plugin = try Plugin(["name_format": nameFormat])
                try eventually("it has made a table; \(plugin.daemon.child.err)") {
                    try !plugin.tables().isEmpty
                }
                let reader = try #require(plugin.processes.first)
                let status = try String(contentsOfFile: "/proc/\(reader)/status", encoding: .utf8)
                #expect(!status.contains("Uid:\t0\t"), "who reads what anybody wrote is not root")

                let server = try WebServer(traced: true)
                let urls = (0..<9).flatMap { ["-o", "/dev/null", server.url + "?\($0)"] }
                let curl = try Subject("curl", ["-s"] + urls, env: ["no_proxy": "*"], traced: true)
                #expect(try curl.child.wait() == 0, "\(curl.child.err)")
                let counter = try Counter(tcp: 20, udp: 11, unix: 5)
                let table = try plugin.nextTable()
                let truths = try curl.truths() + server.subject.truths()
                #expect(truths.first?.socket.tcp ?? 0 >= 1)
                expect(table, agreesWith: truths)
                expect(table, counter.pid, is: counter.account)
                let row = try table.row(pid: server.pid)
                #expect(row.node.isEmpty && row.sockets == Proc.sockets(server.pid), "held against /proc")
                #expect(table.source == "plugin")
                #expect(table.codes.isDisjoint(with: Self.losses), "\(table.doubt)")
                #expect(table.codes.isDisjoint(with: ["rules_missing", "rules_changed", "unreadable"]))
                // Nothing of its own: thousands of calls a table would fill the daemon's log.
                let log = try String(contentsOfFile: plugin.daemon.log, encoding: .utf8)
                #expect(!log.contains("exe=\"\(Self.program)\""))

                // logrotate moves the report, and auditd passes HUP on.
                unsafe rename(plugin.report, plugin.folder.file("report.1"))
                plugin.daemon.child.signal(SIGHUP)
                try eventually("a new report") { try !plugin.tables().isEmpty }
                try plugin.expectSealed("report.1")
                try counter.kill()
                try server.end()
                let last = try plugin.nextTable()
                expect(last, counter.pid, is: counter.account.ended, state: "exited")
                expect(last, agreesWith: try server.subject.truths())

                // Settings of another report are read by the same signal.
                try plugin.settings(plugin.folder.file("other.jsonl"), interval: "0.7")
                plugin.daemon.child.signal(SIGHUP)
                try eventually("the other report") { try !plugin.tables("other.jsonl").isEmpty }
                try plugin.expectSealed("report.jsonl")

                let processes = plugin.processes
                #expect(processes.count == 2)
                try plugin.daemon.end()
                try eventually("the last table") { try plugin.tables("other.jsonl").last?.final == true }
                let end = try #require(try plugin.tables("other.jsonl").last)
                expect(end, counter.pid, is: counter.account.ended, state: "exited")
                #expect(end.codes.isDisjoint(with: Self.losses), "\(end.doubt)")
                try eventually("its report is whole") {
                    try run(Self.program, ["verify", plugin.folder.file("other.jsonl")]).code == 0
                }
                try eventually("nothing of it runs") { processes.allSatisfy { kill($0, 0) != 0 } }
                #expect(try AuditState.read().rules.count == before.rules.count + rules.count, "they stay")
            }
        }

        @Test func withoutRulesTheReportSaysSo() throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let plugin = try Plugin()
            try eventually("it has made a table; \(plugin.daemon.child.err)") { try !plugin.tables().isEmpty }
            let table = try plugin.nextTable()
            let rules = try Self.rules()
            let missing = try #require(table.reason("rules_missing"), "\(table.doubt)")
            #expect(missing.count == rules.count && table.verdict == "partial")
            #expect(missing.text.contains("sockaudit rules --plugin > /etc/audit/rules.d/30-sockaudit.rules"))
            #expect(missing.text.contains("augenrules --load"))
            #expect(try AuditState.read().rules == before.rules, "it puts none in")

            // Half of them are not all.
            try AuditState.with(Array(rules.dropLast(2))) {
                let half = try plugin.nextTable()
                #expect(half.reason("rules_missing")?.count == 2, "\(half.doubt)")
            }
            try AuditState.with(rules) {
                try eventually("all are there") { try plugin.nextTable().reason("rules_missing") == nil }
                let counter = try Counter(tcp: 7, udp: 5, unix: 3)
                let with = try plugin.nextTable()
                expect(with, counter.pid, is: counter.account)
                #expect(with.codes.isDisjoint(with: Self.losses), "\(with.doubt)")
                // A report says by which rules its tables were made.
                let text = try String(contentsOfFile: plugin.report, encoding: .utf8)
                let heads = text.split(separator: "\n").filter { $0.contains("\"part\":\"head\"") }
                #expect(heads.count == 2)
                #expect(heads.last?.contains("key=sockaudit-live-test") == true)
                try counter.kill()
            }
            let without = try plugin.nextTable()
            let changed = try #require(without.reason("rules_changed"), "\(without.doubt)")
            #expect(changed.count == rules.count && changed.text.contains("augenrules --load"))
            try plugin.daemon.end()
            try eventually("the last table") { try plugin.tables().last?.final == true }
        }
    }
}
