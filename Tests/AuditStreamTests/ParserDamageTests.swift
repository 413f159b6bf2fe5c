import SockAuditCore
import Testing

@testable import AuditStream

/// Damage and disorder between the kernel and libauparse: never a crash, never a figure made up, and
/// what was dropped is counted.
@Suite struct ParserDamageTests {
    private static func sockets(_ count: Int) -> Records {
        var records = Records()
        for number in 0..<count { records.add(41, ["2", "1", "0"], exit: 3 + number) }
        return records
    }

    @Test(arguments: [
        ("exit=3", "exit=99999999999"), ("exit=3", "exit=-3"), ("exit=3", "exit=x"), ("exit=3", "exit="),
        ("exit=3 ", ""), ("pid=1234", "pid=99999999999999"), ("pid=1234", "pid=0"), ("pid=1234", "pid=-5"),
        ("pid=1234", "pid=x"), (" pid=1234", ""), ("ppid=1 ", "ppid=zz "), ("a1=1", "a1=10000000000000000"),
        ("a1=1", "a1=zz"), ("success=yes ", ""), ("syscall=41", "syscall=-1"), ("syscall=41", "syscall=4x"),
        ("arch=c000003e ", ""), ("arch=c000003e", "arch=1c000003e"), ("arch=c000003e", "arch=nonsense"),
        ("a0=2 a1=1 a2=0 a3=0 ", "a0=2 "),
    ])
    func damagedFieldsAreCounted(_ from: String, _ to: String) throws {
        let line = Records().syscall(41, ["2", "1", "0"], exit: 3)
        #expect(line.contains(from))
        let decoded = try Decoded(line.replacing(from, with: to, maxReplacements: 1))
        #expect(decoded.events.isEmpty, "\(decoded.operations)")
        #expect(decoded.counters == .init(events: 1, malformed: 1, foreign: 0))
    }

    /// Every place at which the record can end.
    @Test func cutAnywhere() throws {
        let line = Records().syscall(41, ["2", "1", "0"], exit: 3)
        for length in 1..<(line.count - 1) {
            let decoded = try Decoded(String(line.prefix(length)) + "\n")
            for event in decoded.events {
                #expect(
                    event.operation == .socket(fd: 3, family: .tcp, closeOnExec: false), "cut at \(length)")
                // A pid that lost its last digits is another process's.
                #expect(event.pid == 1_234, "cut at \(length)")
            }
        }
    }

    /// Records of several events between each other's, as two processors write them.
    @Test(arguments: [1, 5, 39])
    func interleavedEvents(_ distance: Int) throws {
        let lines = Self.sockets(40).text.split(separator: "\n").map { $0 + "\n" }
        var text = ""
        for index in 0..<(40 + distance) {
            if index < 40 { text += lines[index * 2] }
            if index >= distance { text += lines[(index - distance) * 2 + 1] }
        }
        #expect(try Decoded(text).events.map(\.serial).sorted() == (456..<496).map { UInt64($0) })
    }

    /// Thousands of lines between one event's records (domain.md: under a flood).
    @Test func recordsFarApart() throws {
        var records = Records()
        let first = records.syscall(41, ["2", "1", "0"], exit: 3)
        let title = records.line("PROCTITLE", "proctitle=6E67696E78")
        records.serial += 1
        for number in 0..<1_000 { records.add(3, [String(number, radix: 16)]) }
        let decoded = try Decoded(first + records.text + title)
        #expect(decoded.events.count == 1_001)
        #expect(
            decoded.events.filter { $0.serial == 456 }.map(\.operation)
                == [.socket(fd: 3, family: .tcp, closeOnExec: false)])
    }

    @Test func garbageBetweenEvents() throws {
        var records = Self.sockets(1)
        let junk = [
            "\n\n", "hello\n", "type=\n", "type=SYSCALL\n", "type=SYSCALL msg=\n", "msg=audit(1.2:3):\n",
            "\u{0}\u{1}\u{2}\n",
        ]
        for piece in junk {
            records.raw(piece)
            records.add(3, ["6"])
        }
        #expect(try Decoded(records).operations.count == 1 + junk.count)
    }

    /// What may come after the stamp, at random.
    @Test func randomBodies() throws {
        var random = SystemRandomNumberGenerator()
        let words = [
            "arch=c000003e", "syscall=41", "syscall=3", "success=yes", "exit=3", "exit=-9", "a0=2", "a1=",
            "=", "pid=7",
            "\"", "comm=\"x", "exe=6E6", "\u{1D}", "  ", "a2=ffffffffffffffffffff", "key=(null)", "items=-",
            "saddr=",
        ]
        let types = ["SYSCALL", "FD_PAIR", "SOCKETCALL", "PROCTITLE"]
        for _ in 0..<300 {
            var text = ""
            for serial in 1...20 {
                let body = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                    words.randomElement(using: &random) ?? ""
                }
                let type = types.randomElement(using: &random) ?? ""
                text += "type=\(type) msg=audit(1700000000.001:\(serial)): \(body.joined(separator: " "))\n"
            }
            let decoded = try Decoded(text, scripts: true)
            #expect(decoded.events.count <= 20 && decoded.counters.events <= 20)
        }
    }
}
