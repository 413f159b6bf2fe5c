import Glibc
import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct GlobTests {
    private func matches(_ pattern: String, _ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return Glob(Array(pattern.utf8)).matches(bytes[...])
    }

    @Test(arguments: [
        ("nginx", "nginx", true), ("nginx", "nginx2", false), ("nginx", "ngin", false),
        ("ng*", "nginx", true),
        ("*", "", true), ("*x", "nginx", true), ("n*g*x", "nginx", true), ("n*g*z", "nginx", false),
        ("ngin?", "nginx", true), ("ngin?", "ngin", false), ("[nm]ginx", "nginx", true),
        ("[!nm]ginx", "nginx", false), ("[a-c]1", "b1", true), ("[a-c]1", "d1", false), ("[]]", "]", true),
        ("[!]]", "]", false), ("[", "[", true), ("[ab", "[ab", true), ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("[a-]", "-", true), ("**", "anything", true), ("?", "ä", false), ("", "", true), ("", "a", false),
    ])
    func known(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(matches(pattern, name) == expected)
    }

    /// fnmatch(3) is the yardstick, on any pattern over a small alphabet.
    @Test func asTheCLibraryReadsThem() {
        var random = Seeded(42)
        let alphabet = Array("ab*?[]!-^c".utf8)
        let letters = Array("abc-]!^[".utf8)
        var agreed = 0
        for _ in 0..<60_000 {
            let pattern = (0..<Int.random(in: 0...8, using: &random)).map { _ in random.pick(alphabet) }
            let name = (0..<Int.random(in: 0...6, using: &random)).map { _ in random.pick(letters) }
            let expected =
                // C reads the text during the call alone.
                unsafe fnmatch(
                    String(decoding: pattern, as: UTF8.self), String(decoding: name, as: UTF8.self), 0) == 0
            let got = Glob(pattern).matches(name[...])
            #expect(
                got == expected,
                "\(String(decoding: pattern, as: UTF8.self)) on \(String(decoding: name, as: UTF8.self))")
            if got { agreed += 1 }
        }
        #expect(agreed > 1_000, "enough of them match to mean something")
    }

    /// A pattern of many stars must not take exponential time.
    @Test func starsDoNotExplode() {
        let pattern = String(repeating: "*a", count: 40) + "b"
        #expect(!matches(pattern, String(repeating: "a", count: 2_000)))
    }

    @Test func allIsEverything() {
        #expect(Scope(patterns: ["all"]).isAll)
        #expect(Scope(patterns: ["all"]).labels == ["all"])
        #expect(!Scope(patterns: ["all", "nginx"]).isAll)
        #expect(Scope.all.contains(comm: [], exe: [], script: []))
    }

    @Test func namesMatchCommFileAndScript() {
        let scope = Scope(patterns: ["nginx"])
        func contains(_ comm: String, _ exe: String, _ script: String = "") -> Bool {
            scope.contains(comm: Array(comm.utf8), exe: Array(exe.utf8), script: Array(script.utf8))
        }
        #expect(contains("nginx", ""))
        #expect(contains("worker", "/usr/sbin/nginx"))
        #expect(contains("worker", "/usr/sbin/nginx (deleted)"))
        #expect(contains("python3", "/usr/bin/python3", "/opt/nginx"))
        #expect(!contains("worker", "/usr/sbin/nginx-debug"))
        #expect(!contains("worker", "/usr/nginx/other"))
        #expect(!contains("", ""))
    }

    @Test(arguments: [
        ("/usr/sbin/nginx", "nginx"), ("nginx", "nginx"), ("/a/b (deleted)", "b"),
        (" (deleted)", " (deleted)"), ("", ""),
        ("/", ""),
    ])
    func fileNames(_ path: String, _ name: String) {
        #expect(Array(Scope.fileName(Array(path.utf8))) == Array(name.utf8))
    }

    @Test func aCutCommMatchesAnExactLongNameOnly() {
        let cut = Array("a-very-long-dae".utf8)
        #expect(Scope(patterns: ["a-very-long-daemon"]).contains(comm: cut, exe: [], script: []))
        #expect(!Scope(patterns: ["a-very-long-da"]).contains(comm: cut, exe: [], script: []))
        #expect(!Scope(patterns: ["a-very-long-daemon*"]).contains(comm: cut, exe: [], script: []))
    }
}
