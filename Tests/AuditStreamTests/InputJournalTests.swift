import Testing

@testable import AuditStream

/// `journalctl -o export`, as its documentation (Journal Export Formats) describes it.
@Suite("Input: a journal's export")
struct InputJournalTests {
    private static let body = "arch=c000003e syscall=3 success=yes exit=0 a0=5 pid=7 exe=\"/bin/x\""

    /// - Parameter fields: a value that is no text is written with its length.
    private func entry(_ fields: [(String, [UInt8])]) -> [UInt8] {
        var bytes = Array("__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000999999\n".utf8)
        for (name, value) in fields {
            if value.contains(where: { $0 < 0x20 }) {
                bytes += Array("\(name)\n".utf8)
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: value.count >> (8 * $0)) }
                bytes += value + [0x0A]
            } else {
                bytes += Array("\(name)=".utf8) + value + [0x0A]
            }
        }
        return bytes + [0x0A]
    }

    private func audit(_ serial: Int, host: String = "web1", message: [UInt8]? = nil) -> [UInt8] {
        entry([
            ("_TRANSPORT", Array("audit".utf8)), ("_HOSTNAME", Array(host.utf8)),
            ("_AUDIT_TYPE", Array("1300".utf8)),
            ("_AUDIT_ID", Array("\(serial)".utf8)),
            ("_SOURCE_REALTIME_TIMESTAMP", Array("1700000000045000".utf8)),
            ("_BOOT_ID", Array("a\nb".utf8)), ("MESSAGE", message ?? Array(("SYSCALL " + Self.body).utf8)),
        ])
    }

    private func other(_ identifier: String, _ transport: String, _ message: String) -> [UInt8] {
        entry([
            ("_TRANSPORT", Array(transport.utf8)), ("_HOSTNAME", Array("web1".utf8)),
            ("SYSLOG_IDENTIFIER", Array(identifier.utf8)), ("MESSAGE", Array(message.utf8)),
        ])
    }

    private func split(_ bytes: [UInt8], block: Int = .max) -> SplitLines { SplitLines(bytes, block: block) }

    private func line(_ serial: Int, host: String = "web1") -> String {
        "node=\(host) type=SYSCALL msg=audit(1700000000.045:\(serial)): \(Self.body)\n"
    }

    @Test("Stamp, serial and type come from their fields, however the blocks are cut")
    func records() {
        let bytes = audit(456) + other("sshd", "syslog", "hello") + audit(457, host: "db7")
        for block in [.max, 1, 2, 5, 9, 100] {
            let found = split(bytes, block: block)
            #expect(found.records == [line(456), line(457, host: "db7")], "blocks of \(block)")
            #expect(found.counters.damaged == 0)
        }
        #expect(split(bytes.dropLast()).records.count == 2, "the last blank line may be missing")
    }

    @Test("A value with its length, also a huge one, is stepped over")
    func binary() {
        let text = audit(1, message: Array("SYSCALL a\nb".utf8))
        #expect(split(text).records == ["node=web1 type=SYSCALL msg=audit(1700000000.045:1): a b\n"])
        let huge = [UInt8](repeating: 0x0A, count: LineSplitter.longest * 2)
        #expect(split(audit(1, message: huge) + audit(2), block: 50_000).records == [line(2)])
        let long = [UInt8](repeating: 0x61, count: LineSplitter.longest * 2)
        #expect(split(audit(1, message: long) + audit(2), block: 50_000).records == [line(2)])
    }

    @Test("What the kernel's log and audispd say is taken where journald has no records of its own")
    func others() {
        let printed = "audit: type=1300 audit(1700000000.045:9): " + Self.body
        let passed = "type=SYSCALL msg=audit(1700000000.045:10): " + Self.body
        let texts = other("kernel", "kernel", printed) + other("audispd", "syslog", passed)
        #expect(split(texts).records == [line(9), line(10)])
        // The same records again: journald gets them itself, and the kernel prints them too.
        let lost = other("kernel", "kernel", "audit: audit_lost=4 audit_rate_limit=0")
        let both = split(audit(9) + texts + lost)
        #expect(both.records == [line(9)])
        #expect(both.counters.lost == 4)
    }

    @Test("Cut or with a length that cannot be: no trap, and what follows in another input is read")
    func damaged() {
        let bytes = audit(1) + audit(2, message: Array("SYSCALL x\ny".utf8))
        for end in 0...bytes.count { #expect(split(Array(bytes[..<end])).records.count <= 2) }
        for index in bytes.indices {
            var bad = bytes
            bad[index] ^= 0xFF
            _ = split(bad)
        }
        var splitter = LineSplitter()
        var found: [String] = []
        let open =
            Array("__CURSOR=a\nMESSAGE\n".utf8) + [UInt8](repeating: 0xFF, count: 8) + Array("rest".utf8)
        // The bytes stay for the call.
        unsafe open.withUnsafeBufferPointer { unsafe splitter.push($0) { _ in } }
        unsafe splitter.finish { _ in }
        unsafe Array(line(3).utf8).withUnsafeBufferPointer {
            unsafe splitter.push($0) { unsafe found.append(String(decoding: $0, as: UTF8.self)) }
        }
        #expect(found == [line(3)])
    }

    @Test("A text that begins almost as a journal does is no journal")
    func almost() {
        for text in ["__CURSO", "__CURSOR\n" + line(1), "_\n" + line(1)] {
            for block in [.max, 1, 4] {
                #expect(
                    split(Array(text.utf8), block: block).records == (text.contains("type") ? [line(1)] : []))
                #expect(split(Array(text.utf8), block: block).counters.foreign == 1)
            }
        }
    }
}
