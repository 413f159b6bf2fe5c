#if arch(x86_64)
import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// What someone could do who has taken over the process that reads the records: the workload `intruder`
    /// makes system calls from inside of the running one.
    @Suite struct Confined {
        /// What the list of system calls lets through, as the control.
        private static let free: Set = ["getpid", "readlink exe", "getpid again"]

        private static func intrude(_ pid: pid_t, _ what: String...) throws -> [String: String] {
            // Where it computes just then it is in no system call.
            for _ in 0..<200 {
                let run = try LiveKernelTests.run(Host.workload("intruder"), ["\(pid)"] + what)
                if run.code == 75 { continue }
                try #require(run.code == 0, "\(run.code) \(run.err)")
                return run.out.split(separator: "\n").reduce(into: [:]) { found, line in
                    let words = line.split(separator: " ")
                    found[words.dropLast().joined(separator: " ")] = String(words.last ?? "")
                }
            }
            throw SupportError("it is never in a system call")
        }

        @Test(arguments: [[], ["--mode", "proc"], ["--source", "unicast"], ["--leaks"]])
        func nothingButWhatItHolds(_ options: [String]) throws {
            if options.contains("unicast"), try AuditState.read().settings["pid"] != "0" {
                try Skips.skip("an audit daemon is registered", optional: true)
            }
            let watched = try Watched(options: options + ["--interval", "1"])
            try watched.waitTables(1)
            let answers = try Self.intrude(watched.pid)
            #expect(answers.count > 70)
            for (call, answer) in answers {
                #expect(answer == (Self.free.contains(call) ? "0" : "EPERM"), "\(call)")
            }
            // What went on in it was nothing of its own doing, and it goes on.
            let counter = try Counter(tcp: 6, udp: 5, unix: 4)
            try watched.waitTables(try watched.tables.count + 2)
            let run = try watched.stop()
            let open = run.last.rows.first { $0.pid == counter.pid }?.account.open
            #expect(open == counter.account.open)
            try counter.kill()
        }

        /// Only the process that reads records is held so: the tests would pass where nothing can be done
        /// by anybody.
        @Test func othersAreFree() throws {
            let other = try Child("sleep", ["600"])
            let answers = try Self.intrude(other.pid, "files")
            #expect(answers["openat /etc/passwd"] == "0" && answers["socket inet"] == "0")
            other.signal(SIGKILL)
        }
    }
}
#endif
