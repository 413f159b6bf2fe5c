import Foundation
import Glibc
import TestSupport
import Testing

/// auditd must never wait for a plugin, whatever the plugin waits for.
@Suite("A plugin in trouble", .enabled(if: Programs.isBuilt, "the program is not built"))
struct PluginTroubleTests {
    private let folder: Scratch

    init() throws { folder = try Scratch() }

    private var tables: [PluginTable] { PluginTable.all(in: folder.text("disk/report.jsonl")) }

    /// fsync(2) that does not come back while a file is there: a disk that hangs.
    private func hangingDisk(_ gate: String) throws -> String {
        let source = try folder.write(
            "hang.c",
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <unistd.h>
            int fsync(int fd) {
                int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
                if (access("\(gate)", F_OK) == 0) close(creat("\(gate).reached", 0600));
                while (access("\(gate)", F_OK) == 0) usleep(10000);
                return real(fd);
            }
            """)
        let library = folder.file("hang.so")
        let made = try Programs.run(
            "/usr/bin/env", ["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"])
        try #require(made.code == 0, "\(made.err)")
        return library
    }

    private static func records(_ range: Range<Int>) -> [UInt8] {
        var text = ""
        for serial in range {
            text +=
                "type=SYSCALL msg=audit(1795600000.000:\(serial)): arch=c000003e syscall=41 success=yes exit=\(serial % 900 + 3) a0=2 a1=1 a2=0 a3=0 items=0 ppid=1 pid=700 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"maker\" exe=\"/bin/maker\" key=\"sockaudit\"\n"
        }
        return Array(text.utf8)
    }

    @Test(
        "A disk that hangs: all that auditd hands over is taken, and what found no room makes the tables LOSSY"
    )
    func aDiskThatHangs() throws {
        let gate = folder.file("gate")
        let library = try hangingDisk(gate)
        // C reads the path during the call alone.
        unsafe mkdir(folder.file("disk"), 0o700)
        let plugin = try RunningPlugin(
            ["--report", folder.file("disk/report.jsonl"), "--interval", "0.1"], in: folder,
            environment: ["LD_PRELOAD": library])
        try folder.write("gate", "")
        // C reads the path during the call alone.
        try eventually("it hangs") { unsafe access("\(gate).reached", F_OK) == 0 }
        // Sixty megabytes: more than the room for what waits.
        let each = 10_000
        for turn in 0..<20 { try plugin.send(Self.records((turn * each)..<((turn + 1) * each))) }
        plugin.closeInput()
        let written = tables.count
        // C reads the path during the call alone.
        unsafe unlink(gate)
        #expect(try plugin.end() == 4, "\(plugin.err)")
        let last = try #require(tables.last)
        #expect(tables.count > written && last.isFinal && last.verdict == "lossy")
        let overrun = try #require(last.reason("stream_overrun"))
        #expect(overrun.count == last.lost && overrun.count > 100_000)
        #expect(last.seen + overrun.count == 20 * each, "each is either counted or missed")
        #expect(overrun.text.contains("\(overrun.count) messages were dropped"), "\(overrun.text)")
        let verified = try Programs.run(
            Repository.sockaudit, ["verify", folder.file("disk/report.jsonl")])
        #expect(verified.code == 0, "\(verified.out)")
    }

    @Test("A disk that is full: tables go on, the next that finds room says how many are missing")
    func aDiskThatIsFull() throws {
        guard geteuid() == 0 else { return print("SKIP plugin: a small disk takes root") }
        let disk = folder.file("disk")
        // C reads the path during the call alone.
        unsafe mkdir(disk, 0o700)
        let mounted = try Programs.run(
            "/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk])
        guard mounted.code == 0 else { return print("SKIP plugin: no tmpfs can be mounted: \(mounted.err)") }
        defer { _ = try? Programs.run("/usr/bin/env", ["umount", disk]) }
        let plugin = try RunningPlugin(
            ["--report", "\(disk)/report.jsonl", "--interval", "0.1"], in: folder)
        let sample = try String(contentsOfFile: Repository.sample, encoding: .utf8)
        try plugin.send(sample)
        try eventually("the disk is full; \(plugin.err)") { plugin.err.contains("it is left out") }
        // auditd goes on, and is not kept.
        for _ in 0..<30 { try plugin.send(Self.records(0..<1_000)) }
        let grown = try Programs.run("/usr/bin/env", ["mount", "-o", "remount,size=8m", disk])
        #expect(grown.code == 0, "\(grown.err)")
        try eventually("a table says that some are missing") { tables.last?.reason("report_gap") != nil }
        plugin.signal(SIGTERM)
        #expect(try plugin.end() == 0, "\(plugin.err)")
        #expect(tables.last?.isFinal == true && (tables.last?.opened ?? 0) > 30)
        let verified = try Programs.run(Repository.sockaudit, ["verify", "\(disk)/report.jsonl"])
        #expect(verified.code == 0, "\(verified.out)")
    }
}
