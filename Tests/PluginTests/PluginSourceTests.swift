import AuditStream
import Glibc
import SockAuditCore
import TestSupport
import Testing

@testable import SockAuditRuntime

/// Records of other hosts that auditd was sent must not be held against this host's /proc.
@Suite("The plugin's records") struct PluginSourceTests {
    private func isThis(_ local: LocalNode, _ name: String) -> Bool {
        unsafe Array(name.utf8).withUnsafeBufferPointer { unsafe local.isThis($0) }
    }

    private func node(_ format: String, _ more: String = "") -> LocalNode {
        let conf = AuditdConf.parse("name_format = \(format)\n\(more)")
        return LocalNode(conf: conf, host: "web1", addresses: ["10.0.0.1", "::1"])
    }

    @Test("This host is called as its auditd.conf says")
    func names() {
        #expect(!isThis(node("none"), "web1"), "its own records have no name then")
        #expect(isThis(node("hostname"), "web1") && !isThis(node("hostname"), "web1.example.org"))
        #expect(!isThis(node("hostname"), "web2") && !isThis(node("hostname"), ""))
        #expect(isThis(node("fqd"), "web1.example.org") && !isThis(node("fqd"), "web11.example.org"))
        #expect(isThis(node("numeric"), "10.0.0.1") && !isThis(node("numeric"), "10.0.0.2"))
        #expect(
            isThis(node("user", "name = front\n"), "front") && !isThis(node("user", "name = front\n"), "web1")
        )
        let unknown = LocalNode(conf: nil, host: "web1", addresses: ["10.0.0.1"])
        for name in ["web1", "web1.example.org", "10.0.0.1", "web1"] { #expect(isThis(unknown, name)) }
        #expect(!isThis(unknown, "web2"))
    }

    private func pipeline(live: Bool) throws -> EventPipeline {
        let ledger = SocketLedger(settings: .init(live: live), scope: .all)
        return try EventPipeline(
            ledger: ledger, ownPid: live ? 1 : 0, wantsScripts: false, live: live, ends: true)
    }

    private static func record(_ serial: Int, pid: Int, fd: Int = 3) -> String {
        "type=SYSCALL msg=audit(1795600000.000:\(serial)): arch=c000003e syscall=41 success=yes exit=\(fd) a0=2 a1=1 a2=0 a3=0 items=0 ppid=1 pid=\(pid) auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"maker\" exe=\"/bin/maker\" key=\"sockaudit\"\n"
    }

    @Test("Lines of this host, whatever it is called, go one way, and those of others another")
    func routed() throws {
        var ends: [Int32] = [0, 0]
        // Two descriptors are written, and there is room for two.
        try unsafe #require(pipe(&ends) == 0)
        let input = try DrainedInput.start(input: ends[0])
        let here = try pipeline(live: true)
        let there = try pipeline(live: false)
        let source = PluginSource(input, daemon: nil, local: node("hostname")) { () throws(AuditError) in
            there
        }
        source.count(since: 1_795_600_000_000)
        let old = Self.record(3, pid: 50).replacing("1795600000.000", with: "1795599999.000")
        let text =
            old + "node=web1 type=DAEMON_START msg=audit(1795600000.000:7777): op=start\n"
            + "node=web1 " + Self.record(10, pid: 50) + Self.record(11, pid: 51)
            + "node=db " + Self.record(900, pid: 50) + "node=web1 " + Self.record(15, pid: 52) + "rubbish\n"
        let bytes = Array(text.utf8)
        // No more than the buffer holds.
        unsafe #expect(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        while source.end == nil { _ = try source.read(into: here) }
        here.settleOrder()
        there.settleOrder()
        let rows = here.ledger.takeRows(now: nil)
        #expect(Set(rows.map(\.pid)) == [50, 51, 52] && rows.allSatisfy { $0.node.isEmpty })
        let others = there.ledger.takeRows(now: nil)
        #expect(others.map(\.pid) == [50] && others.map(\.node) == [Array("db".utf8)])
        #expect(source.foreign == 1)
        // 12, 13 and 14 of this host; neither the daemon's own number nor another host's is one of its.
        here.settleGaps(at: 0)
        here.settleGaps(at: SerialGaps.patience)
        #expect(here.gaps.missing == 3, "and what is older than the run tells nothing")
    }

    @Test("The keeper is told where the settings are, and reads them as the plugin does")
    func overTheWire() throws {
        var order = KeeperOrder()
        order.plugin = PluginConfig(path: "/etc/x.conf", given: [("report", "/a"), ("top", "3")])
        order.isWhole = true
        var reader = WireReader(order.encode())
        let read = try KeeperOrder(&reader)
        let plugin = try #require(read.plugin)
        #expect(read.isWhole && plugin.path == "/etc/x.conf" && plugin.isNamed)
        #expect(plugin.given.map(\.key) == ["report", "top"] && plugin.given.map(\.value) == ["/a", "3"])
        let settings = try plugin.settings(Array("report = /b.html\ninterval = 3\n".utf8))
        #expect(settings.report == "/a" && settings.top == 3 && settings.interval == 3)
        #expect(settings.format == .text, "by the ending of the report that it is")
    }

    @Test("The words of the settings are those of the options")
    func words() {
        #expect(PluginSettings.formats == WatchSettings.Format.allCases.map(\.rawValue))
        #expect(PluginSettings.groupings == WatchSettings.Grouping.allCases.map(\.rawValue))
        #expect(PluginSettings.decoders == WatchSettings.Decoder.allCases.map(\.rawValue))
        let modes = Set(AuditMode.allCases.map(\.rawValue)).subtracting(["proc"]).union(["auto"])
        #expect(Set(PluginSettings.modes) == modes, "without rules at all auditd has nothing to hand over")
    }

    @Test("Where nothing is set, the defaults are those that the sample of the file shows")
    func sample() throws {
        let path = Repository.path + "/contrib/plugin/plugin.conf"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(try PluginSettings.parse(Array(text.utf8)) == PluginSettings(), "all of it is a comment")
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }
        let shown = lines.map { $0.dropFirst() }.joined(separator: "\n")
        let config = PluginConfig(path: path, given: [])
        let (shows, holds) = (try config.settings(Array(shown.utf8)), try config.settings([]))
        #expect(shows.interval == holds.interval && shows.top == holds.top && shows.format == holds.format)
        #expect(shows.report == holds.report && shows.scope == holds.scope && shows.order == holds.order)
        #expect(shows.mode == holds.mode && shows.families == holds.families && shows.utc == holds.utc)
        #expect(lines.count == PluginSettings.keys.count - 1, "every key but decoder")
    }
}
