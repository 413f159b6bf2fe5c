import Testing

@testable import AuditStream

@Suite("Input: lines")
struct InputLineTests {
    private static let record = "type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=3"

    /// Splits the pieces and returns the records and what was counted.
    private func split(_ pieces: [[UInt8]]) -> (records: [String], counters: LineSplitter.Counters) {
        var splitter = LineSplitter()
        var found: [String] = []
        for piece in pieces {
            // The bytes stay for the call.
            unsafe piece.withUnsafeBufferPointer { block in
                unsafe splitter.push(block) { unsafe found.append(String(decoding: $0, as: UTF8.self)) }
            }
        }
        // The bytes stay for the call.
        unsafe splitter.finish { unsafe found.append(String(decoding: $0, as: UTF8.self)) }
        return (found, splitter.counters)
    }

    @Test(
        "What a line is",
        arguments: [
            (record, LineGate.Kind.record), ("node=web1 " + record, .record), (record + "\r", .record),
            ("type=UNKNOWN[1999] msg=audit(1.234:3): x", .record),
            ("type=EOE msg=audit(1700000000.123:456): ", .record),
            ("", .blank), ("   ", .blank), ("\r", .blank), ("----", .blank),
            ("time->Tue Nov 24 01:00:00 2026", .blank),
            ("# a comment", .foreign), ("Nov 24 sshd[1]: hello", .foreign), ("\0\0\0", .foreign),
            ("type", .foreign), ("Type=SYSCALL msg=audit(1.234:3): ", .foreign),
            ("type=SYSCALL", .damaged), ("type=", .damaged), ("type= msg=audit(1.234:3):", .damaged),
            ("type=SYSCALL msg=audit(1700000000.123:456)", .damaged),
            ("type=SYSCALL msg=audit(1700000000.123:456", .damaged),
            ("type=SYSCALL msg=audit(1700000000.123456): a", .damaged),
            ("type=SYSCALL msg=audit(.123:456): a", .damaged),
            ("type=SYSCALL msg=audit(-1.123:456): a", .damaged),
            ("type=SYSCALL msg=audit(1700000000.1234:456): a", .damaged),
            ("type=SYSCALL msg=audit(1700000000000.123:456): a", .damaged),
            ("type=SYSCALL msg=audit(1.123:456456456456456456456): a", .damaged),
            ("node=web1", .damaged), ("node=web1 hello", .damaged),
        ])
    func kinds(_ line: String, _ wanted: LineGate.Kind) {
        // The bytes stay for the call.
        unsafe #expect(Array(line.utf8).withUnsafeBufferPointer { LineGate.judge($0) } == wanted)
    }

    @Test("Every prefix of a record is damaged, foreign or a record, and never a crash")
    func prefixes() {
        let bytes = Array(("node=web1 " + Self.record).utf8)
        let colon = Array("node=web1 type=SYSCALL msg=audit(1700000000.123:456):".utf8).count
        for end in 0...bytes.count {
            // The bytes stay for the call.
            let kind = unsafe bytes[..<end].withUnsafeBufferPointer { unsafe LineGate.judge($0) }
            #expect((kind == .record) == (end >= colon), "\(end)")
        }
    }

    @Test("Borders of blocks at every position give the same")
    func borders() {
        let text = [
            Self.record, "# foreign", "----", "type=SYSCALL msg=audit(17", "node=a " + Self.record + "\r", "",
            Self.record,
        ].joined(separator: "\n")
        let bytes = Array(text.utf8)
        let whole = split([bytes])
        #expect(whole.records.count == 3)
        #expect(whole.counters.records == 3)
        #expect(whole.counters.damaged == 1)
        #expect(whole.counters.foreign == 1)
        for first in 0...bytes.count {
            let two = split([Array(bytes[..<first]), Array(bytes[first...])])
            #expect(two.records == whole.records, "cut at \(first)")
            #expect(two.counters == whole.counters, "cut at \(first)")
        }
        for size in [1, 2, 3, 7, 64] {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(split(pieces).records == whole.records, "blocks of \(size)")
        }
    }

    @Test("Each record is handed over with its newline, also the last one without")
    func newline() {
        let found = split([Array("\(Self.record)\n\(Self.record)".utf8)])
        #expect(found.records == [Self.record + "\n", Self.record + "\n"])
    }

    @Test("CRLF, `----` and time-> are taken without a count")
    func quiet() {
        let text = "----\r\ntime->Tue Nov 24 01:00:00 2026\r\n\(Self.record)\r\n\r\n"
        let found = split([Array(text.utf8)])
        #expect(found.counters.records == 1)
        #expect(found.counters.damaged == 0)
        #expect(found.counters.foreign == 0)
        #expect(found.records.count == 1)
    }

    @Test("A line that never ends is given up and counted once; what follows is read")
    func endless() {
        let block = [UInt8](repeating: UInt8(ascii: "x"), count: 50_000)
        var pieces = [Array("type=SYSCALL msg=audit(".utf8)]
        pieces += Array(repeating: block, count: 10)
        let lost = split(pieces)
        #expect(lost.records.isEmpty)
        #expect(lost.counters.damaged == 1)
        let found = split(pieces + [Array("xx\n\(Self.record)\n".utf8)])
        #expect(found.records == [Self.record + "\n"])
        #expect(found.counters.damaged == 1)
        #expect(found.counters.records == 1)
    }

    @Test("A longest line across blocks is still whole")
    func long() {
        let line = Self.record + " " + String(repeating: "a", count: 100_000)
        let bytes = Array((line + "\n").utf8)
        let found = split([Array(bytes[..<60_000]), Array(bytes[60_000...])])
        #expect(found.records == [line + "\n"])
    }

    @Test("Nothing at all")
    func nothing() {
        let found = split([[], []])
        #expect(found.records.isEmpty)
        #expect(found.counters == LineSplitter.Counters())
    }
}
