import Foundation
import Glibc
import Testing

extension Live {
    /// Beside an audit daemon of our own.
    @Suite struct BesideAuditd {
        private static let rule = "-a always,exit -F arch=b64 -S sethostname -F key=sockaudit-live-test"

        @Test func theDaemonAndItsRulesAreUntouched() throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let daemon = try AuditDaemon()
            try AuditState.with([Self.rule]) {
                let with = try AuditState.read()
                #expect(with.settings["pid"] == "\(daemon.pid)")
                let watched = try Watched(options: ["--interval", "1"])
                let counter = try Counter(tcp: 40, udp: 30, unix: 20)
                let racer = try Holder(
                    Host.workload("racer"), ["--threads", "1", "--pairs", "900", "--keep", "3"])
                try watched.waitTables(watched.child.outLines.count + 2)
                #expect(try AuditState.read().settings["pid"] == "\(daemon.pid)")
                try counter.kill()
                try racer.end()
                let live = try watched.stop()
                expect(live.last, counter.pid, is: counter.account.ended, state: "exited")
                expect(live.last, racer.truth.pid, is: racer.truth.account.ended, state: "exited")
                #expect(with.changes(to: try AuditState.read()).isEmpty)

                let refused = try run(
                    Host.sockaudit, ["all", "--source", "unicast", "--duration", "60"])
                #expect(
                    refused.code == 3 && refused.err.contains("\(daemon.pid)"),
                    "\(refused.code) \(refused.err)")
                #expect(with.changes(to: try AuditState.read()).isEmpty)

                // The daemon's log, once it is whole, tells the same.
                try daemon.end()
                for input in [daemon.log, daemon.logFolder] {
                    let old = try run(Host.sockaudit, ["all", "--input", input, "--format", "json"])
                    #expect(old.code == 0, "\(old.err)")
                    let table = try Table.parse(old.out)
                    #expect(table.final)
                    #expect(table.verdict == "unverified", "\(table.doubt)")
                    for pid in [counter.pid, racer.truth.pid] {
                        Ran.shared.compare()
                        let (now, then) = (try live.last.row(pid: pid), try table.row(pid: pid))
                        #expect(then.socketTot == now.socketTot)
                        #expect(then.closeTot == now.closeTot)
                        #expect(then.exe == now.exe && then.name == now.name)
                    }
                }
            }
        }
    }

    /// The kernel's own stream, when nobody else has it.
    @Suite struct Unicast {
        @Test func takenAndGivenBack() throws {
            let before = try AuditState.read()
            guard before.settings["pid"] == "0" else { try Skips.skip("an audit daemon of the host runs") }
            let watched = try Watched(options: ["--source", "unicast"])
            #expect(try AuditState.read().settings["pid"] == "\(watched.pid)")
            let counter = try Counter(tcp: 9, udp: 8, unix: 7)
            let run = try watched.stop()
            expect(run.last, counter.pid, is: counter.account)
            try counter.kill()
            #expect(try AuditState.read().settings["pid"] == "0")
        }
    }
}
