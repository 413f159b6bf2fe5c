import Foundation
import Glibc
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// A replay that follows its input, in a thread of its own.
private final class Follower: @unchecked Sendable {
    private let folder: Scratch
    private var thread = pthread_t()
    private let ended = DispatchSemaphore(value: 0)
    private let ready = DispatchSemaphore(value: 0)
    private(set) var code: Int32 = -1
    private var settings = WatchSettings()

    init(_ inputs: String..., change: (inout WatchSettings) -> Void = { _ in }) throws {
        folder = try Scratch()
        settings.inputs = inputs
        settings.report = "\(folder.path)/report.json"
        settings.format = .json
        settings.quiet = true
        settings.follow = true
        settings.interval = 0.1
        change(&settings)
        let settings = settings
        let body = Thread { [self] in
            thread = pthread_self()
            ready.signal()
            code = (try? OneAtATime.run { try Replay.run(settings) }) ?? -2
            ended.signal()
        }
        body.start()
        ready.wait()
    }

    /// The tables so far, one a line.
    private func lines() -> [Data] {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: settings.report ?? "")) else { return [] }
        // The last line may be half written.
        let whole = data.prefix((data.lastIndex(of: 0x0A) ?? -1) + 1)
        return whole.split(separator: 0x0A).filter(ReplayReport.isTable)
    }

    var count: Int { lines().count }

    /// Waits until a table says so.
    func waitFor(_ condition: (ReplayReport) -> Bool) throws {
        var last: ReplayReport?
        for _ in 0..<600 {
            last = try lines().last.map { try ReplayReport(code, $0) }
            if let last, condition(last) { return }
            usleep(50_000)
        }
        throw SupportError("\(String(describing: last?.totals)) \(last?.reasons ?? [:])")
    }

    /// As the user's Ctrl-C.
    func interrupt() { pthread_kill(thread, SIGINT) }

    /// - Returns: all tables, and the exit code.
    func finish() throws -> [ReplayReport] {
        #expect(ended.wait(timeout: .now() + 60) == .success)
        let found = try lines().map { try ReplayReport(code, $0) }
        for (index, table) in found.enumerated() {
            table.checkSums()
            #expect(try table.head("sequence") == index + 1)
            #expect(try table.head("final") == (index == found.count - 1))
        }
        return found
    }
}

@Suite("Replay: --follow")
struct ReplayFollowTests {
    private func append(_ lines: some Sequence<String>, to path: String) throws {
        // C reads the path during the call alone.
        let fd = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        try #require(fd >= 0)
        defer { close(fd) }
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        // No more than the buffer holds.
        try unsafe #require(write(fd, bytes, bytes.count) == bytes.count)
    }

    @Test("Rotated, copied and cut in the middle of lines, the figures at the end are those of the whole")
    func whole() throws {
        let lines = try ReplayFixtures.sampleLines()
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        let folder = try Scratch()
        let path = "\(folder.path)/audit.log"
        try append(lines[..<200], to: "\(path).1")
        try append(lines[200..<300], to: path)
        let follower = try Follower(folder.path)
        try follower.waitFor { _ in true }
        var at = 300
        for step in 0..<8 {
            let end = step == 7 ? lines.count : at + (lines.count - at) / (8 - step)
            // A line that is not whole yet waits for its rest.
            let cut = lines[at].index(lines[at].startIndex, offsetBy: 30)
            let fd = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            let part = Array(lines[at][..<cut].utf8)
            unsafe #expect(write(fd, part, part.count) == part.count)
            close(fd)
            // Some looks later the follower is where the writer is.
            let before = follower.count
            try follower.waitFor { _ in follower.count >= before + 4 }
            try append([String(lines[at][cut...])] + lines[(at + 1)..<end], to: path)
            at = end
            switch step % 3 {
            case 0:
                // C reads the text during the call alone.
                unsafe rename("\(path).1", "\(path).2")
                unsafe rename(path, "\(path).1")
            case 1:
                // The old one stays what it is: nobody writes over a log that was rotated.
                unsafe rename("\(path).1", "\(path).2")
                let copied = try Data(contentsOf: URL(fileURLWithPath: path))
                try copied.write(to: URL(fileURLWithPath: "\(path).1"))
                // C reads the text during the call alone.
                unsafe truncate(path, 0)
            default: break
            }
        }
        try follower.waitFor {
            $0.totals.opened == plain.totals.opened && $0.totals.closed.total == plain.totals.closed.total
        }
        follower.interrupt()
        let tables = try follower.finish()
        let last = try #require(tables.last)
        #expect(follower.code == 0)
        #expect(last.rows.count == plain.rows.count)
        for row in plain.rows {
            let found = last.sockets(of: row.pid)
            // Which of two threads' calls was first shows in the order of records, which pauses break up.
            #expect(found?.opened == row.figures.opened && found?.closed.total == row.figures.closed.total)
            #expect(found?.released.total == row.figures.released.total)
            let opened = tables.compactMap { $0.sockets(of: row.pid)?.openedLast.total }.reduce(0, +)
            #expect(opened == row.figures.opened.total, "each is in one interval")
        }
        #expect(last.reasons == [:] && last.verdict == "unverified")
    }

    @Test("--count ends it, and so does --duration; a log without an event has a table too")
    func ends() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/audit.log"
        try append([], to: path)
        let counted = try Follower(path) { $0.count = 2 }
        #expect(try counted.finish().count == 2 && counted.code == 0)
        let timed = try Follower(path) { $0.duration = 0.25 }
        #expect(try timed.finish().count == 3 && timed.code == 0)
    }

    @Test("From a pipe, until its writer ends")
    func pipe() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/fifo"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let plain = try ReplayReport.run(ReplayFixtures.sample).totals.opened
        let follower = try Follower(path)
        // C reads the path during the call alone.
        let fd = unsafe open(path, O_WRONLY)
        for part in try ReplayFixtures.sampleLines().map({ Array(($0 + "\n").utf8) }) {
            unsafe #expect(write(fd, part, part.count) == part.count)
        }
        try follower.waitFor { $0.totals.opened == plain }
        close(fd)
        let tables = try follower.finish()
        #expect(follower.code == 0 && tables.last?.totals.opened == plain)
    }

    @Test("--from counts what comes then; what is there is known")
    func from() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/audit.log"
        let at = 1_700_000_000
        try append([ReplayLine.socket(3, pid: 7, serial: 100, at: at)], to: path)
        let follower = try Follower(path) { $0.from = Int64(at + 5) * 1_000 }
        try follower.waitFor { $0.sockets(of: 7)?.opened.total ?? 0 == 0 }
        try append(
            [
                ReplayLine.close(3, pid: 7, serial: 101, at: at + 10),
                ReplayLine.socket(4, pid: 7, serial: 102, at: at + 11),
            ],
            to: path)
        try follower.waitFor { $0.sockets(of: 7)?.opened.total == 1 && $0.sockets(of: 7)?.closed.total == 0 }
        follower.interrupt()
        _ = try follower.finish()
    }

    @Test("A compressed pipe that is cut: the last table has what came, and it is a failure")
    func cutPipe() throws {
        let folder = try Scratch()
        try folder.write("audit.log", try Data(contentsOf: URL(fileURLWithPath: ReplayFixtures.sample)))
        let packed = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log")))
        let cut = try folder.write("cut.gz", packed.prefix(packed.count * 3 / 4))
        let wanted = try ReplayReport.run(cut).totals
        let path = "\(folder.path)/fifo"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let follower = try Follower(path)
        let fd = unsafe open(path, O_WRONLY)
        let bytes = Array(packed.prefix(packed.count * 3 / 4))
        var sent = 0
        while sent < bytes.count {
            // The bytes stay for the call.
            let count = unsafe bytes[sent...].withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
            try #require(count > 0)
            sent += count
        }
        close(fd)
        let last = try #require(try follower.finish().last)
        #expect(follower.code == 2)
        #expect(last.totals == wanted && wanted.opened.total > 0)
        #expect(last.verdict == "lossy" && last.reasons["input_damaged"] == 1)
    }

    @Test("A byte order mark at the beginning hides no record")
    func byteOrderMark() throws {
        let folder = try Scratch()
        let line = ReplayLine.socket(3, pid: 7, serial: 100, at: 1_700_000_000)
        let path = try folder.write("audit.log", Data([0xEF, 0xBB, 0xBF]) + Data((line + "\n").utf8))
        let follower = try Follower(path)
        try follower.waitFor { $0.sockets(of: 7)?.opened.total == 1 }
        follower.interrupt()
        _ = try follower.finish()
    }
}
