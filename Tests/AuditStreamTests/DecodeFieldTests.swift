import SockAuditCore
import Testing

@testable import AuditStream

@Suite("Decoder: fields and records")
struct DecodeFieldTests {
    @Test("All that an event carries")
    func whole() throws {
        let bench = try DecodeBench(DecodeRecord())
        let event = try #require(bench.events.first)
        #expect(bench.events.count == 1)
        #expect(event.serial == 456)
        #expect(event.stamp == 1_700_000_000_123)
        #expect(event.pid == 1_234)
        #expect(event.ppid == 1)
        #expect(event.uid == 0)
        #expect(event.auid == 1_000)
        #expect(event.session == 3)
        #expect(bench.text(event.comm) == "nginx")
        #expect(bench.text(event.exe) == "/usr/sbin/nginx")
        #expect(event.node == .none)
        #expect(event.script == .none)
        #expect(event.operation == .socket(fd: 3, family: .tcp, closeOnExec: true))
    }

    @Test("auid and ses that are not set", arguments: ["4294967295", "-1"])
    func unset(_ value: String) throws {
        var record = DecodeRecord()
        record.auid = value
        record.session = value
        let event = try #require(try DecodeBench(record).events.first)
        #expect(event.auid == AuditEvent.unset)
        #expect(event.session == AuditEvent.unset)
    }

    @Test(
        "Names: quoted, bare hexadecimal, none",
        arguments: [
            ("\"nginx\"", Array("nginx".utf8)), ("6D792070726F67", Array("my prog".utf8)),
            ("\"DEAD\"", Array("DEAD".utf8)), ("FF0AFE", [0xFF, 0x0A, 0xFE]), ("(null)", []),
            ("\"exe=/bin/x\"", Array("exe=/bin/x".utf8)), ("\"a,b:c=d\"", Array("a,b:c=d".utf8)),
            ("2261", Array("\"a".utf8)), ("\"kworker/0:1\"", Array("kworker/0:1".utf8)),
        ])
    func names(_ written: String, _ wanted: [UInt8]) throws {
        var record = DecodeRecord()
        record.comm = written
        let bench = try DecodeBench(record)
        let event = try #require(bench.events.first)
        #expect(bench.names[event.comm] == wanted)
        #expect(bench.text(event.exe) == "/usr/sbin/nginx")
    }

    @Test("The ENRICHED suffix changes nothing")
    func enriched() throws {
        var record = DecodeRecord()
        record.enriched =
            "ARCH=x86_64 SYSCALL=socket AUID=\"adm in\" UID=\"root\" GID=\"root\" EUID=\"root\" COMM=\"no\""
        let plain = try DecodeBench(DecodeRecord())
        let bench = try DecodeBench(record)
        #expect(bench.events == plain.events)
        #expect(bench.counters == plain.counters)
    }

    @Test("node= tells hosts apart, also with equal stamps and serials, interleaved")
    func nodes() throws {
        var one = DecodeRecord()
        one.node = "web1"
        var two = DecodeRecord()
        two.node = "web2.example.org"
        two.exit = "7"
        let bench = try DecodeBench(lines: [one.head, two.head, one.tail, two.tail])
        let found = bench.events.map { (bench.text($0.node), $0.operation) }.sorted { $0.0 < $1.0 }
        #expect(found.map(\.0) == ["web1", "web2.example.org"])
        #expect(found.first?.1 == .socket(fd: 3, family: .tcp, closeOnExec: true))
        #expect(found.last?.1 == .socket(fd: 7, family: .tcp, closeOnExec: true))
    }

    @Test("Records of two events may be interleaved, with and without EOE")
    func interleaved() throws {
        var one = DecodeRecord.call(53, "1 1 0 0")
        one.serial = 10
        one.between = [("FD_PAIR", "fd0=7 fd1=8")]
        var two = DecodeRecord.call(53, "1 80001 0 0")
        two.serial = 11
        two.pid = "99"
        two.between = [("FD_PAIR", "fd0=3 fd1=4")]
        let mixed = zip(one.lines, two.lines).flatMap { [$0, $1] }
        let ends = ["type=EOE msg=audit(1700000000.123:10): ", "type=EOE msg=audit(1700000000.123:11): "]
        for lines in [
            mixed, mixed + ends, ["type=DAEMON_START msg=audit(1700000000.100:1): op=start"] + mixed,
        ] {
            let events = try DecodeBench(lines: lines).events.sorted { $0.serial < $1.serial }
            #expect(events.map(\.pid) == [1_234, 99])
            #expect(
                events.map(\.operation) == [
                    .socketPair(first: 7, second: 8, closeOnExec: false),
                    .socketPair(first: 3, second: 4, closeOnExec: true),
                ])
        }
    }

    @Test("Blocks cut anywhere give the same events")
    func cut() throws {
        var one = DecodeRecord()
        one.serial = 10
        var two = DecodeRecord.call(3, "3 0 0 0")
        two.serial = 11
        let lines = one.lines + two.lines
        let whole = try DecodeBench(lines: lines)
        #expect(whole.events.count == 2)
        for cut in 0..<lines.joined(separator: "\n").utf8.count {
            #expect(
                try DecodeBench(lines: lines, cut: cut).events.map(\.operation)
                    == whole.events.map(\.operation))
        }
    }

    @Test(
        "Numbers that do not fit, and fields that are none, are malformed",
        arguments: [
            "pid=1234|pid=99999999999", "pid=1234|pid=-5", "pid=1234|pid=0", "pid=1234|pid=x",
            " a0=2 | a0=fffffffffffffffff ", " a0=2 | a0=zz ", "exit=3|exit=99999999999", "exit=3|exit=x",
            "exit=3|exit=9999999999999999999999", "syscall=41|syscall=-1", "syscall=41|syscall=x",
            "arch=c000003e|arch=1c000003e", "arch=c000003e |", " exit=3|", " a0=2 a1=80801 a2=0 a3=0|",
            " pid=1234|",
        ])
    func malformed(_ change: String) throws {
        let sides = change.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        let good = DecodeRecord()
        let parts = good.head.split(separator: sides[0], maxSplits: 1)
        try #require(good.head.contains(sides[0]))
        // ppid= comes first: replace the last occurrence where pid= is meant.
        let head: String
        if sides[0] == "pid=1234" || sides[0] == " pid=1234" {
            head = good.head.replacing(" pid=1234", with: sides[1].isEmpty ? "" : " \(sides[1])")
        } else {
            head = String(parts[0]) + sides[1] + (parts.count > 1 ? String(parts[1]) : "")
        }
        var next = DecodeRecord()
        next.serial = 457
        let bench = try DecodeBench(lines: [head, good.tail] + next.lines)
        #expect(bench.events.map(\.serial) == [457])
        #expect(bench.counters.malformed == 1)
        #expect(bench.counters.events == 2)
    }

    @Test("Our own process is skipped and not counted")
    func own() throws {
        var other = DecodeRecord()
        other.pid = "12345"
        other.serial = 457
        let bench = try DecodeBench(DecodeRecord(), other, ownPid: 1_234)
        #expect(bench.events.map(\.pid) == [12_345])
        #expect(bench.counters.events == 1)
        #expect(try DecodeBench(DecodeRecord(), ownPid: 0).events.count == 1)
    }

    @Test("Other events are counted and give nothing")
    func others() throws {
        let bench = try DecodeBench(lines: [
            "type=CONFIG_CHANGE msg=audit(1700000000.100:5): auid=0 ses=1 op=add_rule key=\"sockaudit\" list=4 res=1",
            "type=USER_LOGIN msg=audit(1700000000.100:6): pid=9 uid=0 auid=0 ses=1 msg='op=login res=success'",
            "type=EVENT_LISTENER msg=audit(1700000000.100:7): pid=9 uid=0 auid=0 tty=pts0 ses=1 nl-mcgrp=1 op=connect res=1",
        ])
        #expect(bench.events.isEmpty)
        #expect(bench.counters == EventDecoder.Counters(events: 3, malformed: 0, foreign: 0))
    }

    @Test("The script's name comes from PROCTITLE where it is asked for")
    func script() throws {
        var record = DecodeRecord()
        record.title = Array("python3\0/opt/x.py\0-v".utf8).map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true)
        }.joined()
        let asked = try DecodeBench(record, wantsScripts: true)
        #expect(asked.events.first.map { asked.text($0.script) } == "/opt/x.py")
        #expect(try DecodeBench(record).events.first?.script == NameID.none)
    }
}
