import Foundation
import Glibc
import SockAuditCore
import Testing

@testable import SockAuditRuntime

/// A shell that does what it is told through a socket, and sleeps in between.
private final class Sleeper {
    private let process = Process()
    private let ours: Int32
    var pid: Int32 { process.processIdentifier }

    init() throws {
        var ends: [Int32] = [-1, -1]
        // Two descriptors are written, and there is room for two.
        try unsafe #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        ours = ends[0]
        let theirs = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.standardInput = theirs
        process.standardOutput = theirs
        try process.run()
        try tell(":")
    }

    /// Has done it, and waits for more, when this returns.
    func tell(_ command: String) throws {
        let line = Array((command + "; echo .\n").utf8)
        try unsafe #require(write(ours, line, line.count) == line.count)
        var answer: [UInt8] = [0, 0]
        try unsafe #require(read(ours, &answer, 2) > 0)
        // Asleep, and it stays so: nothing comes that could wake it.
        for _ in 0..<5_000 where state != UInt8(ascii: "S") { usleep(1_000) }
        try #require(state == UInt8(ascii: "S"))
    }

    private var state: UInt8? { ProcScanner.stat(pid)?.state }

    func end() {
        close(ours)
        process.waitUntilExit()
    }
}

@Suite(.serialized) struct ProcScannerTests {
    private func scanner() -> ProcScanner { ProcScanner(clock: Clock(), names: NameTable()) }

    @Test func descriptorsAndTheirLimit() throws {
        var limit = rlimit()
        // C fills the struct that it is given.
        unsafe #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(ProcScanner.descriptorLimit(getpid()) == Int(exactly: limit.rlim_cur))
        #expect(ProcScanner.descriptorLimit(-1) == nil)
        // C reads the path during the call alone.
        let held = (0..<60).map { _ in unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
        defer { for fd in held { close(fd) } }
        let scan = scanner().scan(getpid())
        #expect(scan.descriptors >= 60 && scan.descriptorLimit == Int(exactly: limit.rlim_cur))
    }

    private func sockets(_ scan: ProcessScan) -> Set<Int32> {
        guard case .alive(let sockets) = scan.presence else { return [] }
        return Set(sockets.keys)
    }

    @Test(
        arguments: [
            ("7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9", "sh", "S", 1, 4_242, false),
            ("7 (a) b (c)) R 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 -5 12 0 1", "a) b (c)", "R", 12, 1, false),
            (
                "2 () I 0 0 0 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 18446744073709551615\n", "", "I", 1, .max,
                true
            ),
        ] as [(String, String, String, Int, UInt64, Bool)])
    func stat(_ text: String, comm: String, state: String, threads: Int, start: UInt64, kernel: Bool) throws {
        let stat = try #require(ProcScanner.Stat(Array(text.utf8)))
        #expect(String(decoding: stat.comm, as: UTF8.self) == comm)
        #expect(String(decoding: [stat.state], as: UTF8.self) == state)
        #expect(stat.threads == threads)
        #expect(stat.startTicks == start)
        #expect(stat.isKernelThread == kernel)
    }

    @Test(arguments: [
        "", "7 (sh", "7 (sh)", "7 (sh) ", "7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0",
        "7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ",
        "7 (sh) S 1 7 7 0 -1 x 1 2 3 4 5 6 7 8 20 0 1 0 42",
        "7 (sh) S 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 18446744073709551616",
    ])
    func statThatIsNone(_ text: String) { #expect(ProcScanner.Stat(Array(text.utf8)) == nil) }

    @Test func aProcessThatRanIsReadAgain() throws {
        let sleeper = try Sleeper()
        defer { sleeper.end() }
        let scanner = scanner()
        try sleeper.tell("exec 3<&0")
        for look in 0..<20 {
            scanner.beginLook()
            // Another number, as many as before: only that it ran can tell.
            let (old, new) = (Int32(3 + look % 5), Int32(3 + (look + 1) % 5))
            try sleeper.tell("exec \(new)<&0 \(old)<&-")
            // What is beyond was given to it by who started it.
            let found = sockets(scanner.scan(sleeper.pid)).filter { $0 < 8 }
            #expect(found == [0, 1, new], "look \(look)")
            #expect(scanner.scan(sleeper.pid) == scanner.scan(sleeper.pid, afresh: true))
        }
    }

    @Test func everybodyIsReadWhoIsNotAsleepWithOneThread() throws {
        let scanner = scanner()
        scanner.beginLook()
        // These tests have threads, and which of them runs the kernel does not say of the process.
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        #expect(sockets(scanner.scan(getpid())).contains(fd))
        // As many as before.
        let moved = fcntl(fd, F_DUPFD_CLOEXEC, 500)
        defer { close(moved) }
        close(fd)
        let found = sockets(scanner.scan(getpid()))
        #expect(found.contains(moved) && !found.contains(fd))
    }

    /// What is kept is given back as it is, so that a false entry shows that nothing was read.
    @Test func aSleeperIsReadOnceInAFewLooks() throws {
        let sleeper = try Sleeper()
        defer { sleeper.end() }
        guard let activity = ScanMemory.Activity.of(sleeper.pid) else { return }
        let memory = ScanMemory()
        #expect(!memory.isInUse)
        let false_ = ProcessScan(presence: .alive(sockets: [99: 1]), startTicks: 1)
        memory.beginLook()
        memory.keep(sleeper.pid, false_, activity)
        var fresh = 0
        for _ in 0..<(4 * ScanMemory.freshEvery) {
            memory.beginLook()
            let now = try #require(ScanMemory.Activity.of(sleeper.pid))
            guard let kept = memory.scan(sleeper.pid, now) else {
                fresh += 1
                memory.keep(sleeper.pid, false_, now)
                continue
            }
            #expect(kept == false_)
        }
        #expect(fresh == 4)
        try sleeper.tell(":")
        let later = try #require(ScanMemory.Activity.of(sleeper.pid))
        #expect(later != activity)
        for _ in 0..<ScanMemory.freshEvery {
            memory.beginLook()
            #expect(memory.scan(sleeper.pid, later) == nil)
        }
    }

    @Test func whatCannotBeKeptIsNot() throws {
        let sleeper = try Sleeper()
        defer { sleeper.end() }
        guard let activity = ScanMemory.Activity.of(sleeper.pid) else { return }
        let alive = ProcessScan.Presence.alive(sockets: [3: 4])
        let memory = ScanMemory()
        // Two pids that are not due for a fresh reading now.
        memory.beginLook()
        for pid in [Int32(1_000), 1_001] {
            memory.keep(pid, ProcessScan(presence: alive, usesRing: true), activity)
            #expect(memory.scan(pid, activity) == nil)
            memory.keep(pid, ProcessScan(presence: alive), nil)
            #expect(memory.scan(pid, activity) == nil)
            memory.keep(pid, ProcessScan(presence: .unreadable), activity)
            #expect(memory.scan(pid, activity) == nil)
            memory.keep(pid, ProcessScan(presence: .gone), activity)
            #expect(memory.scan(pid, activity) == nil)
            memory.keep(pid, ProcessScan(presence: alive), activity)
            #expect(memory.scan(pid, activity) != nil)
        }
    }

    @Test func theUnwatchedAreForgotten() throws {
        let sleeper = try Sleeper()
        defer { sleeper.end() }
        guard let activity = ScanMemory.Activity.of(sleeper.pid) else { return }
        let memory = ScanMemory()
        memory.beginLook()
        for pid in Int32(1)...1_000 {
            memory.keep(pid, ProcessScan(presence: .alive(sockets: [:])), activity)
        }
        #expect(memory.count == 1_000)
        for _ in 0..<3 {
            memory.beginLook()
            _ = memory.scan(5, activity)
        }
        #expect(memory.count <= 64)
    }
}
