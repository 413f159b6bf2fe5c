import Foundation
import Glibc
import TestSupport
import Testing

/// Peak resident memory of the program itself, which is bounded by what is open: see Benchmarks/memory.py
/// for the full sizes.
@Suite("Replay: memory", .enabled(if: MemoryRun.canRun))
struct ReplayMemoryTests {
    /// In KiB; the contract of every input that is not compressed.
    private static let goal = 32 * 1_024

    @Test(
        "What has passed takes no memory, and what is open little",
        arguments: [
            ("storm", 100_000, "json"), ("names", 100_000, "json"), ("names", 100_000, "text"),
            ("killed", 100_000, "json"), ("open", 100_000, "json"),
        ])
    func bounded(_ shape: String, _ count: Int, _ format: String) throws {
        let run = try MemoryRun(shape, count, format)
        #expect(run.peak > 4_096 && run.peak < Self.goal, "\(run.peak) KiB")
        #expect(run.code == 0)
        guard format == "json" else { return }
        let totals = try run.totals()
        #expect(totals["socket_tot"] == count)
        #expect(totals["still_open"] == (shape == "open" ? count : 0))
    }

    /// The goal is in MiB. Of 100,000 names, which is damage, 4,096 get a reader of their own.
    @Test("A node of a merged log takes little", arguments: [(100, 24), (1_000, 64), (100_000, 256)])
    func nodes(_ count: Int, _ goal: Int) throws {
        let run = try MemoryRun("nodes", count, "json")
        #expect(run.peak > 4_096 && run.peak < goal * 1_024, "\(run.peak) KiB")
        #expect(run.code == 0)
        #expect(try run.totals()["still_open"] == count)
    }
}

/// A log of Benchmarks/memlog.py through the program. What the table is written to is read only when the peak
/// of before was seen: a table that is made whole before it is written shows.
struct MemoryRun {
    /// The one that is optimised: the other has other sizes.
    private static let program = ProcessInfo.processInfo.environment["SOCKAUDIT_BIN"]

    static var canRun: Bool {
        if program == nil { print("SKIP memory: SOCKAUDIT_BIN is not set (make test sets it)") }
        return program != nil
    }

    let peak: Int
    let code: Int32
    private let output: Data

    init(_ shape: String, _ count: Int, _ format: String) throws {
        let log = Pipe()
        let table = Pipe()
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        writer.arguments = [
            "python3", "-B", Repository.path + "/Benchmarks/memlog.py", shape, String(count),
        ]
        writer.standardOutput = log
        let reader = Process()
        reader.executableURL = URL(fileURLWithPath: try #require(Self.program))
        reader.arguments = ["all", "--input", "-", "--quiet", "--format", format]
        reader.standardInput = log
        reader.standardOutput = table
        try writer.run()
        try reader.run()
        // Until its first bytes: then it has read everything, and waits for us when the pipe is full; after a
        // small table it may be gone at once.
        var peak = 0
        var waiting = pollfd(
            fd: table.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        repeat {
            peak = max(peak, Self.peak(reader.processIdentifier))
            // One is given.
        } while unsafe poll(&waiting, 1, 2) == 0
        let first = table.fileHandleForReading.availableData
        peak = max(peak, Self.peak(reader.processIdentifier))
        var output = first
        while true {
            let more = table.fileHandleForReading.availableData
            if more.isEmpty { break }
            output += more
            peak = max(peak, Self.peak(reader.processIdentifier))
        }
        reader.waitUntilExit()
        writer.waitUntilExit()
        self.peak = peak
        code = reader.terminationStatus
        self.output = output
    }

    /// VmHWM in KiB; 0 when the process has gone. (What wait4 tells begins with this test's own.)
    private static func peak(_ pid: pid_t) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { $0.split(separator: " ").dropLast().last.flatMap { Int($0) } } ?? 0
    }

    func totals() throws -> [String: Int] {
        let table = try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
        let totals = try #require(table["totals"] as? [String: Any])
        return totals.compactMapValues { ($0 as? [String: Any])?["total"] as? Int }
    }
}
