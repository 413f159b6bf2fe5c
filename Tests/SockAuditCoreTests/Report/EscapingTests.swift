import Foundation
import TestSupport
import Testing

@testable import SockAuditCore

/// Names are chosen by whoever is being watched: nothing of theirs may reach a terminal or a file
/// as anything but printable text.
@Suite struct EscapingTests {
    private static let hostile: [[UInt8]] = [
        Array("\u{1B}]0;pwned\u{07}".utf8), Array("a\nb\r\tc\0d\u{7F}".utf8), Array("\u{85}\u{9B}31m".utf8),
        Array("\u{202E}txt.exe\u{2066}\u{200B}\u{FEFF}".utf8),
        Array("\u{2028}\u{2029}\u{E000}\u{FFFFE}".utf8),
        Array("e\u{301}\u{20DD}\u{E0001}\u{AD}\u{3164}".utf8), [0xC0, 0xAF], [0xED, 0xA0, 0x80],
        [0xF5, 0x80, 0x80, 0x80],
        [0xE2, 0x82], [0x80, 0xFF, 0xFE], Array("\\x41\\".utf8), Array("\u{A0}\u{3000}\u{2003}".utf8),
    ]

    /// A name in a note reads as it does in its row.
    @Test func namesInSentencesAreEscapedOnce() {
        let name = Escaping.visible(Array("a\\<\u{1B}\u{202E}".utf8))
        #expect(name == "a\\\\<\\x1b\\u{202e}")
        #expect(Escaping.sentence("next: \(name)") == "next: \(name)")
        #expect(Escaping.htmlSentence(name) == name.replacing("<", with: "&lt;"))
        #expect(Escaping.sentence("\u{1B}[1m\n") == "\\x1b[1m\\x0a")
    }

    /// Printable, one place wide at least, and what stands here is what is meant.
    private func isClean(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
                .nonspacingMark, .enclosingMark, .spacingMark:
                false
            case .spaceSeparator: scalar == " "
            default: true
            }
        }
    }

    private static func random(_ random: inout Seeded) -> [UInt8] {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return random.bytes(Int.random(in: 0...40, using: &random))
        case 1: return (0..<10).flatMap { _ in random.pick(hostile) }
        case 2:
            // Any scalar there is.
            return (0..<20).flatMap { _ -> [UInt8] in
                let value = UInt32.random(in: 0...0x10FFFF, using: &random)
                return Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
            }
        default: return (0..<30).map { _ in UInt8.random(in: 0...0x7F, using: &random) }
        }
    }

    @Test(arguments: 0..<hostile.count)
    func knownTricks(_ index: Int) {
        let text = Escaping.visible(Self.hostile[index])
        #expect(isClean(text), "\(text.debugDescription)")
        #expect(!text.isEmpty)
    }

    @Test func visibleIsCleanForRandomBytes() {
        var random = Seeded(3)
        for _ in 0..<4_000 {
            let bytes = Self.random(&random)
            let text = Escaping.visible(bytes)
            #expect(isClean(text), "\(bytes)")
        }
    }

    @Test func plainNamesStayAsTheyAre() {
        for name in ["nginx", "a b", "it's \"q\"", "größe", "日本語", "🦀", "(sd-pam)", "kworker/0:1"] {
            #expect(Escaping.visible(Array(name.utf8)) == name)
        }
        #expect(Escaping.visible([]).isEmpty)
    }

    @Test func escapesAreExactly() {
        #expect(Escaping.visible([0x1B, 0x41]) == "\\x1bA")
        #expect(Escaping.visible(Array("\\x1b".utf8)) == "\\\\x1b", "no name can fake an escape")
        #expect(Escaping.visible([0xFF]) == "\\xff")
        #expect(Escaping.visible(Array("\u{202E}".utf8)) == "\\u{202e}")
        #expect(Escaping.visible([0x80]) == "\\x80" && Escaping.visible("\u{80}") == "\\u{0080}")
        #expect(Escaping.visible(" a  b c ") == "\\x20a \\x20b c\\x20", "blanks that nobody sees")
        #expect(Escaping.word(Array("a b\\".utf8)) == "a\\x20b\\\\")
    }

    /// What shows as nothing, as a blank, on its neighbour, or turns the line around.
    @Test(arguments: [
        0x0, 0x1B, 0x7F, 0x85, 0x9B, 0xA0, 0xAD, 0x34F, 0x61C, 0x5D0, 0x627, 0x115F, 0x1160, 0x11A8, 0x17B4,
        0x180B, 0x180E, 0x2003, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E,
        0x202F,
        0x205F, 0x2060, 0x2064, 0x2065, 0x2066, 0x2069, 0x206F, 0x20DD, 0x2800, 0x3000, 0x3164, 0xD7B0,
        0xE000,
        0xFB1D, 0xFDD0, 0xFE00, 0xFE0F, 0xFE70, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFF9, 0xFFFC, 0xFFFE, 0x10900,
        0x1BCA0,
        0x1D159, 0x1D173, 0x1E900, 0x1EE00, 0x1F1E6, 0x1F3FB, 0x1FFFF, 0xE0001, 0xE0041, 0xE0100, 0xF0000,
        0x10FFFF,
    ])
    func isNotShown(_ value: UInt32) throws {
        let scalar = try #require(Unicode.Scalar(value))
        let digits = String(value, radix: 16)
        let zeros = String(repeating: "0", count: max(0, (value < 0x80 ? 2 : 4) - digits.count))
        #expect(
            Escaping.visible("a\(scalar)b")
                == (value < 0x80 ? "a\\x\(zeros)\(digits)b" : "a\\u{\(zeros)\(digits)}b"))
        // JSON's own escapes: a reader has it back.
        #expect(!Escaping.json("\(scalar)").unicodeScalars.contains(scalar))
        #expect(parse(Escaping.json("a\(scalar)b")).map { Array($0.utf8) } == Array("a\(scalar)b".utf8))
    }

    /// An argument that is echoed begins no line; the parser's own lines stay.
    @Test func whatWasTypedIsEscaped() {
        func lines(_ text: String, _ typed: String...) -> String { Escaping.lines(text, echoing: typed) }
        #expect(
            lines("Unknown option '--a\nb'\nUsage:\n  x", "--a\nb")
                == "Unknown option '--a\\x0ab'\nUsage:\n  x")
        #expect(lines("The value 'a\nb' is\nUsage", "--top=a\nb") == "The value 'a\\x0ab' is\nUsage")
        #expect(lines("'\u{1B}[1m'\n", "all") == "'\\x1b[1m'\n", "typed or not")
        #expect(lines("'a\\b  c'", "a\\b  c") == "'a\\b  c'", "nothing hides in it")
    }

    /// Different bytes never look alike, so a row cannot pass for another: what is shown gives them back.
    @Test(arguments: 0..<40)
    func nothingLooksLikeSomethingElse(_ seed: Int) {
        var random = Seeded(seed)
        for name in Nasty.names(100, &random) {
            let shown = Escaping.visible(name)
            #expect(isClean(shown) && Nasty.bytes(shown: shown) == name, "\(name): \(shown)")
            #expect(Nasty.bytes(shown: Escaping.word(name)) == name && !Escaping.word(name).contains(" "))
            #expect(!shown.hasPrefix(" ") && !shown.hasSuffix(" ") && !shown.contains("  "))
            // In a sentence of ours a name stays as it was written.
            #expect(Escaping.sentence("of \(shown):") == "of \(shown):")
        }
    }

    // MARK: JSON

    private func parse(_ json: String) -> String? {
        (try? JSONSerialization.jsonObject(with: Data("[\(json)]".utf8)) as? [String])?.first
    }

    @Test func jsonParsesAndGivesTextBack() {
        var random = Seeded(5)
        for _ in 0..<3_000 {
            let bytes = Self.random(&random)
            let json = Escaping.json(bytes)
            let parsed = parse(json)
            #expect(parsed != nil, "\(bytes)")
            // Compared as bytes: == on String calls canonical equivalents the same.
            if let name = String(validating: bytes, as: UTF8.self) {
                #expect(Array((parsed ?? "").utf8) == Array(name.utf8))
                #expect(Escaping.isText(bytes))
            } else {
                #expect(!Escaping.isText(bytes))
            }
            #expect(isClean(json))
        }
    }

    @Test func hexGivesBytesBack() {
        var random = Seeded(9)
        let bytes = random.bytes(300)
        let hex = Array(Escaping.hex(bytes).utf8)
        let back = stride(from: 0, to: hex.count, by: 2).map {
            UInt8(String(decoding: hex[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        #expect(back == bytes)
    }
}
