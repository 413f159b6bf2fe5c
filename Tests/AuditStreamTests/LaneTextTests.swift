import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream

/// What the lane takes without asking libauparse must be what the slower readers take.
@Suite struct LaneTextTests {
    /// A number with something behind it, at the end of a line or far from it.
    private func read<T>(_ text: String, _ body: (inout TextCursor) -> T?) -> (value: T, length: Int)? {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            var cursor = unsafe TextCursor(start, start + bytes.count)
            return body(&cursor).map { unsafe ($0, cursor.at - start) }
        }
    }

    private static let ends = [
        "\n", " a1=0\n", " a1=0 a2=0 a3=7ffd12345678 items=0 ppid=1\n", "g\n",
        "\u{1D}ARCH=x86_64 SYSCALL=3 a\n",
    ]

    @Test func numbersOfAnyLength() {
        var random = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdefABCDEF-xé".utf8)
        for _ in 0..<20_000 {
            let few = Bool.random(using: &random)
            let text = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                digits[Int.random(in: 0..<(few ? 10 : digits.count), using: &random)]
            }
            let string = String(decoding: text, as: UTF8.self)
            let end = Self.ends.randomElement(using: &random) ?? ""
            let whole = Array(string.utf8)
            let hex = read(string + end) { $0.hexadecimal() }
            let decimal = read(string + end) { $0.decimal(digits: 18) }
            // Up to where the number ends the two must say the same.
            if let hex {
                unsafe #expect(
                    whole.prefix(hex.length).withUnsafeBufferPointer(RecordNumber.hex) == hex.value,
                    "\(string)")
            }
            if let decimal {
                // The bytes stay for the call.
                unsafe #expect(
                    whole.prefix(decimal.length).withUnsafeBufferPointer(RecordNumber.decimal)
                        == Int64(decimal.value), "\(string)")
            }
            if end.hasPrefix(" ") || end == "\n" {
                // The bytes stay for the call.
                let all = unsafe whole.withUnsafeBufferPointer(RecordNumber.hex)
                #expect(
                    (hex?.length == whole.count ? hex?.value : nil) == (whole.count <= 16 ? all : nil),
                    "\(string)")
            }
            if let short = read(string + end, { $0.shortDecimal() }) {
                #expect(short.value == decimal?.value && short.length == decimal?.length, "\(string)")
            }
        }
    }

    /// The same bytes in every place of the line's head.
    @Test func aHeadThatIsTakenIsARecord() throws {
        let roles = RecordRoles(try OneAtATime.run { try ParserProbe() })
        let heads = [
            "type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=3 ",
            "type=PROCTITLE msg=audit(1700000000.123:4567890): proctitle=6E67 ",
            "node=web1 type=PATH msg=audit(1700000000.123:45678901): item=0 name=",
            "type=USER_LOGIN msg=audit(99999999999.123:1234567890): pid=1 uid=0 ",
        ]
        let bytes = Array("0123456789:.()= \"atypenodmsgSYCL\r\t-[]\0\u{1D}ÿ".utf8)
        var random = SystemRandomNumberGenerator()
        var head = RecordHead(roles, names: NameTable())
        var taken = 0
        for step in 0..<20_000 {
            var line = Array((heads[step % heads.count] + String(repeating: "x", count: 40) + "\n").utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                line[Int.random(in: 0..<50, using: &random)] = bytes.randomElement(using: &random) ?? 0
            }
            // The bytes stay for the call.
            let isTaken = unsafe line.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return false }
                return OneAtATime.run { unsafe head.read(line: start, start + bytes.count) }
            }
            guard isTaken else { continue }
            taken += 1
            let text = String(decoding: line, as: UTF8.self)
            // The bytes stay for the call.
            unsafe #expect(
                line.dropLast().withUnsafeBufferPointer { LineGate.judge($0) } == .record, "\(text)")
            let stamp = text.split(separator: "audit(")[1].split(separator: ")")[0].split(whereSeparator: {
                ".:".contains($0)
            })
            #expect(
                [head.stamp, Int64(head.serial)] == [Int64(stamp[0] + stamp[1]), Int64(stamp[2])], "\(text)")
        }
        #expect(taken > 5_000)
    }
}
