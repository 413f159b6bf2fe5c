import Foundation
import Glibc
import Testing

extension Live {
    /// Very many at once: processes that end together, and sockets in one process. (docs/faults.md)
    @Suite struct FaultCrowd {
        /// A crowd in a process group of its own, each with so many sockets: TCP, UDP and unix in turn.
        private func crowd(_ processes: Int, _ sockets: Int) throws -> Child {
            let child = try Child(
                "setsid", [Host.workload("crowd"), "--processes", "\(processes)", "--sockets", "\(sockets)"])
            _ = try child.outLine("holding", within: 120)
            return child
        }

        @Test func aThousandProcessesEndAtOnce() throws {
            try Skips.need("setsid")
            let before = try AuditState.read()
            let lost = try AuditState.lost()
            let watched = try Watched(options: ["--interval", "1", "--mode", "standard"])
            let witness = try Counter(tcp: 9, udp: 8, unix: 7)
            let (with, without) = (try crowd(500, 6), try crowd(500, 0))
            let full = try watched.nextTable()
            let crowd = full.rows.filter { $0.name == "crowd" && $0.socketTot.total > 0 }
            #expect(
                crowd.count == 500 && crowd.allSatisfy { $0.stillOpen == Figure(tcp: 2, udp: 2, other: 2) })
            for child in [with, without] {
                kill(-child.pid, SIGKILL)
                #expect(try child.wait() == 128 + SIGKILL)
            }
            let run = try watched.stop()
            let gone = run.last.rows.filter { $0.name.hasPrefix("crowd") }
            #expect(gone.allSatisfy { $0.state == "exited" && $0.stillOpen.total == 0 })
            let all = gone.reduce(Account()) {
                Account(
                    socket: $0.socket + $1.socketTot, close: $0.close + $1.closeTot,
                    released: $0.released + $1.released, open: $0.open + $1.stillOpen)
            }
            let made = Figure(tcp: 1_000, udp: 1_000, other: 1_000)
            #expect(all == Account(socket: made, close: Figure(), released: made, open: Figure()))
            Ran.shared.compare()
            // A killed process leaves no record: that it is gone is no disagreement with any.
            #expect(
                run.last.codes.isDisjoint(with: ["proc_drift", "behind", "unreadable"]), "\(run.last.doubt)")
            expect(run.last, witness.pid, is: witness.account, state: "running")
            #expect(try AuditState.lost() == lost)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            try witness.kill()
        }

        /// As many as the host lets one process have, and 100,000 where that may be raised.
        @Test(arguments: [false, true])
        func aHundredThousandSocketsInOneProcess(_ leaks: Bool) throws {
            try Skips.need("prlimit")
            let before = try AuditState.read()
            let wanted = 100_000
            let raised = try run("prlimit", ["--nofile=\(wanted + 100):\(wanted + 100)", "true"]).code == 0
            var limit = rlimit()
            // C reads or fills what it is given, and keeps nothing of it.
            unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let most = raised ? wanted : min(wanted, Int(clamping: limit.rlim_max) - 100)
            let (tcp, udp) = (most / 2, most * 3 / 10)
            let arguments = [
                "--tcp", "\(tcp)", "--udp", "\(udp)", "--unix", "\(most - tcp - udp)", "--close", "100",
                "--hold", "600",
            ]
            // A flood of a moment: the guard would see it, and this is about what comes after.
            var options = ["--interval", "1", "--mode", "standard"]
            if leaks { options.append("--leaks") }
            let watched = try Watched(options: options)
            let lost = try AuditState.lost()
            let nofile = raised ? ["--nofile=\(wanted + 100):\(wanted + 100)"] : []
            let holder = try Child("prlimit", nofile + [Host.workload("counter")] + arguments)
            _ = try holder.outLine("ready ", within: 120)
            let made = Figure(tcp: tcp, udp: udp, other: most - tcp - udp)
            let shut = Figure(tcp: tcp / 10, udp: udp / 10, other: made.other / 10)
            let held = Figure(
                tcp: made.tcp - shut.tcp, udp: made.udp - shut.udp, other: made.other - shut.other)
            let account = Account(socket: made, close: shut, open: held)
            let full = try watched.nextTable()
            expect(full, holder.pid, is: account, state: "running")
            // It is read anew as soon as it runs: the others are counted all the same.
            var counters: [Counter] = []
            for _ in 0..<3 {
                counters.append(try Counter(tcp: 6, udp: 5, unix: 4))
                let table = try watched.nextTable()
                expect(table, holder.pid, is: account, state: "running")
                for counter in counters { expect(table, counter.pid, is: counter.account, state: "running") }
            }
            let status = try String(contentsOfFile: "/proc/\(watched.pid)/status", encoding: .utf8)
            let peak = try #require(
                status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?.split(separator: " ")
                    .dropLast().last
                    .flatMap { Int($0) })
            // README: some 100 bytes a socket, less than 32 MiB in all; what --leaks shows is bounded.
            #expect(peak < (leaks ? 64 : 40) * 1_024, "\(peak) kB")
            let longest = watched.child.outLines.map(\.utf8.count).max() ?? 0
            #expect(longest < 2 << 20, "\(longest) bytes in a table")
            holder.signal(SIGKILL)
            _ = try holder.wait()
            let run = try watched.stop()
            expect(run.last, holder.pid, is: account.ended, state: "exited")
            #expect(run.last.codes.isDisjoint(with: ["proc_drift", "behind"]), "\(run.last.doubt)")
            #expect(try AuditState.lost() == lost)
            print(
                "live: one process with \(most) sockets: monitor's peak \(peak) kB, longest table \(longest) bytes"
            )
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            for counter in counters { try counter.kill() }
        }
    }
}
