import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct KeyDecoderTests {
    private func keys(_ bytes: String) -> [ScreenKey] {
        var decoder = KeyDecoder()
        return decoder.take(Array(bytes.utf8)) + decoder.flush()
    }

    @Test(arguments: [
        ("q", [ScreenKey.character("q")]), ("\n", [.enter]), ("\r", [.enter]),
        ("\u{7F}\u{08}", [.backspace, .backspace]),
        ("\u{1B}[A\u{1B}OA", [.up, .up]), ("\u{1B}[B", [.down]),
        ("\u{1B}[5~\u{1B}[6~", [.pageUp, .pageDown]),
        ("\u{1B}[H\u{1B}[1~\u{1B}[7~\u{1B}OH", [.home, .home, .home, .home]),
        ("\u{1B}[F\u{1B}[4~\u{1B}[8~", [.end, .end, .end]), ("\u{1B}[1;5A", [.up]), ("\u{1B}", [.escape]),
        ("\u{1B}\u{1B}[A", [.escape, .up]), ("\u{1B}q", [.escape, .character("q")]),
        ("\u{15}\u{0C}", [.clearLine, .repaint]),
        ("é日🦀", [.character("é"), .character("日"), .character("🦀")]),
        // What means nothing is no key, and nothing of it is left over.
        ("\u{1B}[15~x", [.character("x")]), ("\u{1B}[[Ax", [.character("x")]),
        ("\u{1B}[?25;1hx", [.character("x")]),
        ("\u{01}x", [.character("x")]), ("\u{1B}[", []), ("\u{1B}O", []), ("\u{1B}[200~x", [.character("x")]),
    ])
    func whatATerminalSends(bytes: String, expected: [ScreenKey]) { #expect(keys(bytes) == expected) }

    @Test func bytesThatAreNoText() {
        var decoder = KeyDecoder()
        #expect(
            decoder.take([0xFF, 0xC3, 0x28, 0xE2, 0x82, 0x71, 0x80, 0xED, 0xA0, 0x80]) == [
                .character("("), .character("q"),
            ])
        #expect(!decoder.isWaiting)
    }

    @Test func whatNeverEndsIsLetGo() {
        var decoder = KeyDecoder()
        #expect(decoder.take([0x1B, 0x5B] + Array(repeating: 0x3B, count: 100)).isEmpty == false)
        #expect(decoder.take(Array("q".utf8)).last == .character("q"))
    }

    /// Wherever a read ends, the keys are the same.
    @Test func splitOverReads() {
        let bytes = Array("j\u{1B}[A\u{1B}[5~é\u{1B}OB\u{1B}[1;2Fq🦀\u{1B}\u{1B}[6~".utf8)
        var whole = KeyDecoder()
        let expected = whole.take(bytes)
        #expect(expected.count == 10)
        for cut in 0...bytes.count {
            for second in cut...bytes.count {
                var decoder = KeyDecoder()
                let found =
                    decoder.take(bytes[..<cut]) + decoder.take(bytes[cut..<second])
                    + decoder.take(bytes[second...])
                #expect(found == expected)
            }
        }
    }

    @Test func anyBytesEnd() {
        for seed in 1...200 {
            var random = Seeded(seed)
            var decoder = KeyDecoder()
            for _ in 0..<50 {
                let length = Int.random(in: 0...40, using: &random)
                var bytes = random.bytes(length)
                if random.chance(50) { bytes.insert(contentsOf: [0x1B, 0x5B], at: 0) }
                _ = decoder.take(bytes)
            }
            _ = decoder.flush()
            #expect(!decoder.isWaiting)
            #expect(decoder.take([0x71]) == [.character("q")], "seed \(seed)")
        }
    }
}
