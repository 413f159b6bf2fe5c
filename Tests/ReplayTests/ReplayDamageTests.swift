import AuditStream
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

@Suite("Replay: damaged input")
struct ReplayDamageTests {
    private func bytes() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: ReplayFixtures.sample)))
    }

    @Test("Nothing that is audit: exit 1 and no table")
    func nothing() throws {
        let folder = try Scratch()
        var random = Seeded(1)
        let inputs: [[UInt8]] = [
            [], [0x0A], Array("----\n\n".utf8), Array("hello\nworld".utf8),
            [UInt8](repeating: 0, count: 10_000),
            (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) },
            [UInt8](repeating: UInt8(ascii: "t"), count: 600_000), Array("type=".utf8),
            Array("type=SYSCALL msg=audit(1700000000.100:1): \n".utf8),
            Array("type=EOE msg=audit(1700000000.100:1): \n".utf8),
        ]
        for (index, input) in inputs.enumerated() {
            let report = try ReplayReport.run(try folder.write("input\(index)", Data(input)))
            #expect(report.code == 1, "input \(index)")
            #expect(report.table == nil, "input \(index)")
        }
    }

    @Test("Foreign lines are counted and change no figure")
    func foreign() throws {
        let folder = try Scratch()
        var count = 0
        let lines = try ReplayFixtures.sampleLines().enumerated().flatMap { index, line -> [String] in
            guard index % 50 == 0 else { return [line] }
            count += 1
            return ["Nov 24 01:00:00 web1 sshd[1]: \u{1F600} hello", line]
        }
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        #expect(report.rows == plain.rows)
        #expect(report.reasons == ["skipped_lines": count])
        #expect(report.verdict == "unverified")
        #expect(report.code == 0)
    }

    @Test("Damaged records are counted and make the table lossy; the others keep their figures")
    func damaged() throws {
        let folder = try Scratch()
        let bad = [
            "type=SYSCALL msg=audit(17", "type=SYSCALL msg=audit(1795484734.169:x): arch=c000003e",
            ReplayLine.socket(3, pid: 1, serial: 1_282_700, at: 1_795_484_734)
                .replacing("pid=1 ", with: "pid=99999999999 "),
            ReplayLine.socket(3, pid: 1, serial: 1_282_701, at: 1_795_484_734)
                .replacing("a0=2", with: "a0=fffffffffffffffff"),
            // Cut in the middle of its fields.
            "type=SYSCALL msg=audit(1795484734.169:1282702): arch=c000003e syscall=41 success=yes exi",
        ]
        let report = try ReplayReport.run(
            try folder.write("audit.log", bad + ReplayFixtures.sampleLines()))
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        #expect(report.rows == plain.rows)
        #expect(report.reasons == ["malformed": 5])
        #expect(report.verdict == "lossy")
        #expect(report.code == 4)
    }

    @Test("NUL bytes between lines, and binary lines, change no figure")
    func binary() throws {
        let folder = try Scratch()
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        var data: [UInt8] = []
        for (index, line) in try bytes().split(separator: 0x0A).enumerated() {
            if index % 40 == 0 { data += [0, 0, 0, 0x0A] + (128...255).map { UInt8($0) } + [0x0A] }
            data += line + [0x0A]
        }
        let report = try ReplayReport.run(try folder.write("audit.log", Data(data)))
        #expect(report.rows == plain.rows)
        #expect(report.reasons.keys.sorted() == ["skipped_lines"])
    }

    @Test("A NUL inside one record costs that record at most")
    func nulInside() throws {
        let folder = try Scratch()
        let lost = ReplayLine.socket(3, pid: 1, serial: 5_000, at: 1_700_000_000)
            .replacing("a1=", with: "a1\0=")
        let lines =
            [lost] + (0..<5).map { ReplayLine.socket(3 + $0, pid: 7, serial: 5_001 + $0, at: 1_700_000_000) }
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        report.checkSums()
        #expect(report.sockets(of: 7)?.open.tcp == 5)
    }

    @Test("A log cut anywhere: figures of the rest", arguments: 0..<20)
    func cut(_ seed: Int) throws {
        var random = Seeded(seed)
        let all = try bytes()
        let end = Int.random(in: 1..<all.count, using: &random)
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", Data(all[..<end])))
        report.checkSums()
        #expect([0, 1, 4].contains(report.code))
        // Whole lines only, counted by another.
        let text = String(decoding: all[..<end], as: UTF8.self)
        let whole = text.split(separator: "\n").map(String.init)
        let wanted = ReplayCounter(text.hasSuffix("\n") ? whole : Array(whole.dropLast()))
        let least = wanted.figures.values.reduce(0) { $0 + $1.opened.total }
        #expect((least...(least + 1)).contains(report.totals.opened.total), "cut at \(end)")
    }

    @Test("A log that begins anywhere", arguments: 0..<10)
    func late(_ seed: Int) throws {
        var random = Seeded(seed)
        let all = try bytes()
        let start = Int.random(in: 0..<(all.count - 1_000), using: &random)
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", Data(all[start...])))
        report.checkSums()
        #expect([0, 1].contains(report.code))
    }

    @Test("Flipped bits never crash, and the sums hold", arguments: 0..<30)
    func flipped(_ seed: Int) throws {
        var random = Seeded(seed)
        var data = try bytes()
        for _ in 0..<(1 << (seed % 12)) {
            let index = Int.random(in: 0..<data.count, using: &random)
            data[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", Data(data)))
        report.checkSums()
        #expect([0, 1, 4].contains(report.code))
    }

    @Test(
        "Extreme numbers in every field",
        arguments: [
            "0", "-1", "1", "7fffffff", "80000000", "ffffffff", "2147483647", "2147483648", "4294967295",
            "4294967296", "9223372036854775807", "ffffffffffffffff", "10000000000000000", "(null)", "\"", "",
        ])
    func extremes(_ value: String) throws {
        let fields = ["exit", "a0", "a1", "a2", "a3", "pid", "ppid", "auid", "uid", "ses", "syscall", "arch"]
        var lines: [String] = []
        var serial = 100
        for number in [41, 3, 436, 33, 32, 72, 16, 53, 43, 288, 59, 56, 57, 231] {
            for field in fields {
                serial += 1
                let good = ReplayLine.syscall(
                    number, exit: 3, "2 1 0 0", pid: 9, serial: serial, at: 1_700_000_000)
                lines.append(
                    good.split(separator: " ").map {
                        $0.hasPrefix("\(field)=") ? "\(field)=\(value)" : String($0)
                    }
                    .joined(separator: " "))
            }
        }
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        report.checkSums()
        #expect([0, 4].contains(report.code))
    }

    @Test("A damaged .gz: what came before is shown, the failure named, exit 2")
    func damagedGzip() throws {
        let folder = try Scratch()
        try folder.write("audit.log", Data(try bytes()))
        let packed = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log")))
        let report = try ReplayReport.run(try folder.write("cut.gz", packed.prefix(packed.count * 3 / 4)))
        report.checkSums()
        #expect(report.code == 2)
        #expect(report.reasons["input_damaged"] == 1)
        #expect(report.verdict == "lossy")
        #expect(!report.rows.isEmpty)
    }

    @Test("An input that cannot be read is refused before anything is")
    func unreadable() throws {
        let folder = try Scratch()
        for path in ["\(folder.path)/none.log", folder.path] {
            let error = #expect(throws: AuditError.self) {
                _ = try ReplayReport.run(ReplayFixtures.sample, path)
            }
            #expect(error?.code == .inputFailed)
        }
    }

    @Test("Of a folder a link to nothing costs that log alone, and exit 2")
    func danglingLink() throws {
        let folder = try Scratch()
        try folder.write("audit.log", Data(try bytes()))
        let plain = try ReplayReport.run(folder.path)
        // C reads the text during the call alone.
        try unsafe #require(symlink("/nowhere/audit.log", "\(folder.path)/audit.log.1") == 0)
        let report = try ReplayReport.run(folder.path)
        #expect(plain.code != 2 && report.code == 2)
        #expect(report.totals == plain.totals && report.reasons["unreadable"] == 1)
        // What is named itself must be there.
        #expect(throws: AuditError.self) { _ = try ReplayReport.run("\(folder.path)/audit.log.1") }
    }
}
