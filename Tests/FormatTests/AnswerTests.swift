import Foundation
import TestSupport
import Testing

@testable import SockAuditCore

/// What commands say that print no tables.
@Suite struct AnswerTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A file's name may steer the terminal, turn the text around, or look like a line or an escape of
    /// ours.
    @Test func aNameIsEscaped() throws {
        let name = scratch.file("a\u{1B}[31m\u{202E}b\nsockaudit: c\\d")
        let shown = scratch.file("a\\x1b[31m\\u{202e}b\\x0asockaudit: c\\\\d")
        let missing = try run(Repository.sockaudit, ["verify", name])
        #expect(missing.code == 2 && missing.err.contains(shown), "\(missing)")
        #expect(missing.err.split(separator: "\n").count == 1)
        try Data("no report\n".utf8).write(to: URL(fileURLWithPath: name))
        let found = try run(Repository.sockaudit, ["verify", name])
        #expect(found.code == 4 && found.out.hasPrefix(shown + ": "), "\(found)")
        #expect(found.out.split(separator: "\n").count == 1)
    }

    /// What was typed is told again where it is wrong: by us, and by the argument parser.
    @Test(arguments: [
        "--top NASTY all", "--top=NASTY all", "--NASTY all", "--NASTY=1 all", "all --format NASTY",
        "all --sort=NASTY",
        "all --input NASTY", "all --input sample --report /nowhere/NASTY", "all --input sample --from NASTY",
        "all --family NASTY", "all --every NASTY", "verify NASTY", "diff --NASTY a b", "diff NASTY NASTY",
        "diff a b --fail-growth NASTY", "rules NASTY", "rules --mode NASTY", "doctor NASTY",
        "doctor --measure NASTY",
        "plugin --interval NASTY", "plugin --config NASTY", "plugin --report NASTY --mode x",
        "--generate-completion-script NASTY", "help NASTY", "NASTY --input sample", "-NASTY",
    ])
    func whatWasTypedIsEscaped(_ command: String) throws {
        let nasty = "a\u{1B}]0;x\u{07}\u{9B}1m\n-D\r\u{202E}\u{200B}\u{7F}e\u{301}"
        let words = command.split(separator: " ").map {
            String($0).replacing("NASTY", with: nasty).replacing("sample", with: Repository.sample)
        }
        let ran = try run(Repository.sockaudit, words)
        let hidden = (ran.out + ran.err).unicodeScalars.filter { $0 != "\n" && Escaping.isHidden($0) }
        #expect(hidden.isEmpty, "\(ran)")
        // A line of rules is a rule.
        #expect(!(ran.out + "\n" + ran.err).contains("\n-D"), "\(ran)")
        // (Some do not tell it: there is nothing to check then.)
        let tells = !["help NASTY", "-NASTY", "NASTY --input sample"].contains(command)
        #expect((ran.out + ran.err).contains("a\\x1b]0;x\\x07") == tells, "\(ran)")
    }

    @Test(arguments: [
        "rules all", "rules all --plugin", "diff r.jsonl r.jsonl --format json", "verify r.jsonl",
    ])
    func aFullDiskIsAFailure(_ command: String) throws {
        let report = scratch.file("r.jsonl")
        let made = try run(Repository.sockaudit, ["all", "--input", Repository.sample, "--report", report])
        #expect(made.code == 0, "\(made.err)")
        func answer(_ target: String) throws -> Ran {
            try run(
                "/bin/sh", ["-c", "\"$0\" \(command) > \(target)", Repository.sockaudit], in: scratch.path)
        }
        #expect(try answer("/dev/null").code == 0)
        let full = try answer("/dev/full")
        #expect(full.code == 2, "\(full)")
        #expect(full.err.contains("Not all could be written to standard output; free space"), "\(full)")
    }
}
