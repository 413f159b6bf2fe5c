import Foundation
import Testing

@testable import SockAuditRuntime

@Suite("How an auditd was started, its version, its plugins")
struct AuditdProcessTests {
    private func command(_ text: String) -> AuditdCommandLine {
        AuditdCommandLine(
            commandLine: Array((text.split(separator: " ").joined(separator: "\0") + "\0").utf8))
    }

    @Test(
        "-c in every form that getopt takes",
        arguments: [
            ("auditd", nil), ("auditd -n -c /x", "/x"), ("auditd -c/x -n", "/x"), ("auditd -nc /x", "/x"),
            ("auditd -nlc/x", "/x"), ("auditd --config_file /x", "/x"), ("auditd --config_file=/x", "/x"),
            ("auditd --conf /x", "/x"), ("auditd -s enable -c x/y", "x/y"), ("auditd -s -c -n", nil),
            ("auditd -sc /x", nil), ("auditd -c /x -c /y", "/y"), ("auditd -- -c /x", nil),
            ("auditd -c", nil),
            ("auditd --enable_state=-c /x", nil), ("auditd --", nil), ("auditd -", nil), ("", nil),
        ] as [(String, String?)])
    func configFolder(_ text: String, _ expected: String?) {
        #expect(command(text).configFolder == expected.map { Array($0.utf8) })
    }

    @Test func foreground() {
        #expect(command("auditd -f").isForeground && command("auditd -nf").isForeground)
        #expect(command("auditd --fore").isForeground)
        #expect(!command("auditd -n -c /f").isForeground && !command("auditd -c f").isForeground)
        #expect(!AuditdCommandLine(commandLine: []).isForeground && !command("auditd --=x").isForeground)
        #expect(AuditdCommandLine(commandLine: Array("auditd\0-c\0\0".utf8)).configFolder == [])
    }

    private static let start =
        "type=DAEMON_START msg=audit(1.2:3): op=start ver=3.0.9 format=enriched kernel=6.1 auid=0 pid=612 uid=0"

    @Test("The version is that of this daemon's own start")
    func versionLine() {
        func version(_ line: String, _ pid: Int32 = 612) -> String? {
            AuditdVersion.parse(Array(line.utf8)[...], pid: pid)
        }
        #expect(version(Self.start) == "3.0.9")
        #expect(version("node=web1 " + Self.start) == "3.0.9")
        #expect(version(Self.start, 61) == nil && version(Self.start, 6_120) == nil)
        #expect(version("type=USER_CMD msg=op ver=3.0.9 pid=612 type=DAEMON_START") == nil)
        #expect(version("type=DAEMON_START ver=\u{1B}[2J pid=612") == nil)
        #expect(version("type=DAEMON_START ver= pid=612") == nil)
        #expect(version("") == nil && version("node=x") == nil)
    }

    @Test("It is found wherever in the log it stands, the newest first")
    func versionInLogs() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("audit.log").path
        let filler = String(
            repeating: "type=SYSCALL msg=audit(1.2:4): arch=c000003e syscall=3\n", count: 30_000)
        func find(_ text: String) throws -> String? {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return AuditdVersion.find(pid: 612, logs: [path + ".gone", path], root: folder.path)
        }
        let old = Self.start.replacingOccurrences(of: "3.0.9", with: "2.8.5")
        #expect(try find(Self.start) == "3.0.9")
        #expect(try find(Self.start + "\n" + filler) == "3.0.9")
        #expect(try find(filler + Self.start + "\n") == "3.0.9")
        // Over every edge of a piece that is read.
        for cut in stride(from: 0, through: 110, by: 10) {
            let whole = 1 << 20
            let tail = String(repeating: "x\n", count: (whole - cut) / 2)
            #expect(try find(filler + Self.start + "\n" + tail) == "3.0.9", "cut \(cut)")
        }
        #expect(try find(old + "\n" + filler + Self.start + "\n" + filler) == "3.0.9")
        #expect(try find(filler) == nil)
        #expect(try find(String(repeating: "x", count: 3 << 20)) == nil)
        #expect(try find("") == nil)
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("usr/share/doc/audit"), withIntermediateDirectories: true)
        try Data("4.0.3\n- Something\n".utf8).write(
            to: folder.appendingPathComponent("usr/share/doc/audit/ChangeLog"))
        #expect(try find("") == "4.0.3")
    }

    @Test func versionOfPackage() {
        let status =
            "Package: audispd-plugins\nVersion: 9\n\nPackage: auditd\nStatus: install ok installed\nVersion: 1:3.0.9-1\n\nPackage: b\nVersion: 2\n"
        #expect(AuditdVersion.dpkg(Array(status.utf8)) == "1:3.0.9-1")
        #expect(AuditdVersion.dpkg(Array("Package: auditd\n\nPackage: b\nVersion: 2\n".utf8)) == nil)
        #expect(AuditdVersion.dpkg([]) == nil)
    }

    @Test("A plugin counts when its file makes it run")
    func plugins() {
        func plugin(_ name: String, _ text: String) -> AuditdPlugin? {
            AuditdPlugin.parse(name: Array(name.utf8), Array(text.utf8))
        }
        let active = "active = YES\npath = /sbin/audisp-syslog\ntype = always\nargs = LOG_INFO LOG_LOCAL0\n"
        #expect(plugin("syslog.conf", active)?.program == Array("/sbin/audisp-syslog".utf8))
        #expect(plugin("syslog.conf", "active = no\npath = /sbin/audisp-syslog\n") == nil)
        #expect(plugin("syslog.conf", "path = /sbin/audisp-syslog\n") == nil)
        #expect(plugin(".syslog.conf", active) == nil)
        #expect(plugin("syslog.conf.rpmsave", active) == nil)
        #expect(plugin("syslog", active) != nil)
    }
}
