import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// The clock on the wall is set while we run. The host's is not ours to set: a preloaded library (setclock.c)
    /// gives sockaudit another one, and its records the stamps that a kernel with that clock would write.
    @Suite struct FaultClock {
        private final class SetClock {
            private let scratch: Scratch
            private let file: String
            private var settings: [Int64] = []

            init() throws {
                scratch = try Scratch()
                file = scratch.file("settings")
                try Data(count: 4_096).write(to: URL(fileURLWithPath: file))
            }

            var env: [String: String] {
                ["LD_PRELOAD": Host.workload("setclock.so"), "SETCLOCK_FILE": file]
            }

            /// - Parameter seconds: by how much the clock is ahead of the real one from now on.
            func set(_ seconds: Int64) throws {
                var now = timespec()
                unsafe clock_gettime(CLOCK_REALTIME, &now)
                settings += [Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000, seconds * 1_000]
                let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file))
                defer { try? handle.close() }
                try handle.seek(toOffset: 8)
                // The bytes stay for the call.
                try unsafe handle.write(contentsOf: settings.withUnsafeBytes { unsafe Data($0) })
                // The number last: a setting that is half written would be read.
                try handle.seek(toOffset: 0)
                try unsafe handle.write(
                    contentsOf: withUnsafeBytes(of: Int64(settings.count / 2)) { unsafe Data($0) })
            }
        }

        private static func milliseconds(_ time: String) throws -> Int64 {
            let format = ISO8601DateFormatter()
            format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
            guard let date = format.date(from: time) else { throw SupportError("no time: \(time)") }
            return Int64((date.timeIntervalSince1970 * 1_000).rounded())
        }

        @Test(arguments: [[-3_600], [3_600], [7_200, 0], [-7_200, 3_600, -1]])
        func itIsSet(_ settings: [Int64]) throws {
            // C reads the text during the call alone.
            guard unsafe access(Host.workload("setclock.so"), R_OK) == 0 else {
                try Skips.skip("no setclock.so")
            }
            let before = try AuditState.read()
            let clock = try SetClock()
            let begin = ContinuousClock.now
            let watched = try Watched(options: ["--interval", "1"], env: clock.env)
            var counters = [try Counter(tcp: 9, udp: 8, unix: 7)]
            let calm = try watched.nextTable()
            #expect(calm.reason("clock_set") == nil, "\(calm.doubt)")
            let scratch = try Scratch()
            let worker = try PythonWorkload(at: scratch.file("worker.py"))
            try worker.ask("mix")
            for seconds in settings {
                try clock.set(seconds)
                // Who begins then, and who goes on.
                counters.append(try Counter(tcp: 6, udp: 5, unix: 4))
                try worker.ask("mix")
                let table = try watched.nextTable()
                for counter in counters { expect(table, counter.pid, is: counter.account, state: "running") }
            }
            let dies = counters.removeLast()
            try dies.kill()
            let open = try worker.ask("mix").open
            let run = try watched.stop()
            let lasted = begin.duration(to: .now)
            let seconds = Double(lasted.components.seconds) + 1

            let note = try #require(run.last.reason("clock_set"), "\(run.last.doubt)")
            #expect(note.count == settings.count)
            let steps = zip(settings, [0] + settings).map { $0 - $1 }
            let last = try #require(steps.last)
            #expect(note.text.contains("\(last < 0 ? "back" : "forward") by \(abs(last)) s"), "\(note.text)")
            // It is a note: what was counted is right.
            #expect(
                run.last.codes.isDisjoint(with: ["proc_drift", "behind", "missing_serials"]),
                "\(run.last.doubt)")
            for counter in counters { expect(run.last, counter.pid, is: counter.account, state: "running") }
            expect(run.last, dies.pid, is: dies.account.ended, state: "exited")
            let row = try run.last.row(pid: worker.pid)
            #expect(row.stillOpen == open && row.sockets == Proc.sockets(worker.pid))
            // No figure of time goes by the clock that was set; only what says the time of day does.
            for table in run.tables {
                #expect(table.interval >= 0 && table.interval < seconds)
                for counter in counters {
                    for row in table.rows(pid: counter.pid) {
                        #expect(
                            row.duration >= 0 && row.duration < seconds, "\(row.duration) of \(seconds) s")
                    }
                }
            }
            #expect(run.tables.reduce(0) { $0 + $1.interval } < seconds)
            let durations = run.tables.compactMap { $0.rows(pid: counters[0].pid).first?.duration }
            #expect(durations == durations.sorted() && durations.count > settings.count)
            let shown = try Self.milliseconds(run.last.time) - Int64(Date().timeIntervalSince1970 * 1_000)
            #expect(abs(shown - (settings.last ?? 0) * 1_000) < 60_000, "\(run.last.time)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
            for counter in counters { try counter.kill() }
            try worker.end()
        }
    }
}
