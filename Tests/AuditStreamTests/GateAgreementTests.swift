import Foundation
import Testing

@testable import AuditStream

/// The gate counts what libauparse would drop without a word, so the two must agree; and whether a
/// line is a record must not depend on how it was read.
@Suite struct GateAgreementTests {
    private func passes(_ line: String) -> Bool {
        unsafe Array(line.utf8).withUnsafeBufferPointer { unsafe LineGate.judge($0) == .record }
    }

    private func counters(_ text: [UInt8], at borders: [Int]) -> LineSplitter.Counters {
        var splitter = LineSplitter()
        var start = 0
        for end in borders + [text.count] {
            // The bytes stay for the call.
            unsafe text[start..<end].withUnsafeBufferPointer { unsafe splitter.push($0) { _ in } }
            start = end
        }
        // The bytes stay for the call.
        unsafe splitter.finish { _ in }
        return splitter.counters
    }

    @Test(arguments: [
        "1700000000.123:456", "1700000000.123:4294967295", "1700000000.123:18446744073709551615",
        "1700000000.123:99999999999999999999", "999999999999.999:1", "1700000000.1:00000000000000000007",
        "1700000000.123:12345678901234567890123",
    ])
    func whatPassesIsParsed(_ stamp: String) throws {
        let body = Records().syscall(41, ["2", "1", "0"], exit: 3)
        for prefix in ["", "node=web1 ", "node=a(b "] {
            let line = prefix + body.replacing("1700000000.123:456", with: stamp)
            guard passes(String(line.dropLast())) else { continue }
            #expect(try Decoded(line).counters.events == 1, "\(line.prefix(60))")
        }
    }

    /// The same for lines that differ from a record by a byte or two.
    @Test func whatPassesIsParsedForManyMutations() throws {
        var random = SystemRandomNumberGenerator()
        let good = Array(Records().syscall(41, ["2", "1", "0"], exit: 3).dropLast().utf8)
        let bytes = Array("0123456789:.()= \"atypenodmsg\r\t-[]ÿ".utf8)
        var passed = 0
        for _ in 0..<3_000 {
            var line = good
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                line[Int.random(in: 0..<46, using: &random)] = bytes.randomElement(using: &random) ?? 0
            }
            // The bytes stay for the call.
            guard unsafe line.withUnsafeBufferPointer({ unsafe LineGate.judge($0) }) == .record else {
                continue
            }
            passed += 1
            let text = String(decoding: line, as: UTF8.self)
            #expect(try Decoded(text + "\n").counters.events == 1, "\(text.prefix(60))")
        }
        #expect(passed > 100)
    }

    @Test(arguments: [-100, 100, 50_000])
    func aLongLineIsJudgedAlikeWhereverTheBlocksEnd(_ more: Int) {
        let head = Array("type=SYSCALL msg=audit(1700000000.123:3): ".utf8)
        let length = LineSplitter.longest + more
        let line = head + [UInt8](repeating: 0x61, count: length - head.count - 1) + [0x0A]
        let whole = counters(line, at: [])
        for border in [10, length / 2, length - 10] { #expect(counters(line, at: [border]) == whole) }
    }

    @Test func aCarriageReturnIsNoPartOfTheLastField() throws {
        // Without subj= and key= the file's name is the record's last field.
        let line = Records().syscall(3, ["5"]).replacing(" subj=unconfined key=\"sockaudit\"\n", with: "\r\n")
        var splitter = LineSplitter()
        var lines = ""
        // The bytes stay for the call.
        unsafe Array(line.utf8).withUnsafeBufferPointer { block in
            unsafe splitter.push(block) { unsafe lines += String(decoding: $0, as: UTF8.self) }
        }
        let decoded = try Decoded(lines)
        #expect(decoded.events.map { decoded.text($0.exe) } == ["/usr/sbin/nginx"])
    }

    /// A log of a folder may begin with anything; ordering the files must not end the program.
    @Test(arguments: [
        "node=(:x type=EOE msg=audit(1700000000.123:4): ", "type=(: msg=audit(1700000000.123:4): ",
    ])
    func anOddFirstLineOfALogInAFolder(_ line: String) async {
        #expect(passes(line), "it gets past the gate")
        await #expect(processExitsWith: .success) { [line] in
            let folder = NSTemporaryDirectory() + "/sockaudit-odd-\(getpid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for name in ["audit.log", "audit.log.1"] {
                try Data((line + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            _ = try InputSet.files([folder])
        }
    }
}
