import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// What is in the audit daemon's log comes before what we want to know.
    @Suite struct EvidenceFirst {
        /// 2 MiB that rotate: some 3,600 of our events.
        private static let small = [
            "max_log_file": "1", "num_logs": "2", "max_log_file_action": "ROTATE",
        ]

        private func beside(_ conf: [String: String], _ body: () throws -> Void) throws {
            let before = try AuditDaemon.stateBefore()
            defer { if !before.isEnabled { _ = try? run("auditctl", ["-e", "0"]) } }
            let daemon = try AuditDaemon(conf)
            let with = try AuditState.read()
            try body()
            #expect(with.changes(to: try AuditState.read()).isEmpty)
            try daemon.end()
        }

        /// A process that makes sockets all the time, so that the host is not calm.
        private func busy() throws -> Child {
            let script = "import socket,time\nwhile 1:\n socket.socket().close()\n time.sleep(0.005)"
            return try Child(Tool.python, ["-S", "-E", "-c", script])
        }

        @Test func aBusyHostWithASmallLogBeginsLight() throws {
            try beside(Self.small) {
                let worker = try busy()
                defer { worker.signal(SIGKILL) }
                let watched = try Watched(options: ["--interval", "1", "--duration", "0"])
                #expect(watched.line.contains("light mode"), "\(watched.line)")
                #expect(watched.child.err.contains("push all older evidence out"), "\(watched.child.err)")
                let counter = try Counter(tcp: 6, udp: 4, unix: 2)
                let run = try watched.stop()
                #expect(run.last.mode == "light")
                let reason = try #require(run.last.reason("light_mode"))
                #expect(reason.text.contains("rotates"), "\(reason.text)")
                let row = try run.last.row(pid: counter.pid)
                #expect(row.socketTot == counter.account.socket && row.stillOpen == counter.account.open)
                try counter.kill()

                // Who insists gets what was asked for.
                let insists = try Watched(options: ["--mode", "standard", "--duration", "0"])
                #expect(insists.line.contains("standard mode"), "\(insists.line)")
                _ = try insists.stop()
            }
        }

        @Test func aCalmHostOrALargeLogBeginsInStandardMode() throws {
            // As Debian has it: 40 MiB.
            try beside(["max_log_file": "8", "num_logs": "5", "max_log_file_action": "ROTATE"]) {
                let watched = try Watched(options: ["--duration", "0"])
                #expect(watched.line.contains("standard mode"), "\(watched.line)")
                _ = try watched.stop()
            }
            try beside([:]) {
                let worker = try busy()
                defer { worker.signal(SIGKILL) }
                let watched = try Watched(options: ["--duration", "0"])
                #expect(watched.line.contains("standard mode"), "\(watched.line)")
                _ = try watched.stop()
            }
        }

        /// What was calm at the start may not stay so: a quarter of the log, and no more.
        @Test func aShareOfTheLogIsAllThatIsTaken() throws {
            try beside(Self.small) {
                let watched = try Watched(options: ["--interval", "1", "--duration", "0"])
                #expect(watched.line.contains("standard mode"), "\(watched.line)")
                let scripts = (0..<6).map { _ in
                    "import socket,time\nwhile 1:\n socket.socket().close()\n time.sleep(0.02)"
                }
                let workers = try scripts.map { try Child(Tool.python, ["-S", "-E", "-c", $0]) }
                defer { for worker in workers { worker.signal(SIGKILL) } }
                try eventually("the mode goes down", within: 60) {
                    try watched.tables.last?.mode == "light"
                }
                let reason = try #require(try watched.tables.last?.reason("light_mode"))
                #expect(reason.text.contains("older evidence"), "\(reason.text)")
                _ = try watched.stop()
            }
        }
    }
}
