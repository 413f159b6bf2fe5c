import Foundation
import TestSupport
import Testing

/// What commands say that print no tables.
@Suite struct AnswerTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A file's name may steer the terminal, turn the text around, or look like a line of ours; an escape in
    /// it is nobody's to escape again.
    @Test func aNameIsEscaped() throws {
        let name = scratch.file("a\u{1B}[31m\u{202E}b\nsockaudit: c\\d")
        let shown = scratch.file("a\\x1b[31m\\u{202e}b\\x0asockaudit: c\\d")
        let missing = try run(Repository.sockaudit, ["verify", name])
        #expect(missing.code == 2 && missing.err.contains(shown), "\(missing)")
        #expect(missing.err.split(separator: "\n").count == 1)
        try Data("no report\n".utf8).write(to: URL(fileURLWithPath: name))
        let found = try run(Repository.sockaudit, ["verify", name])
        #expect(found.code == 4 && found.out.hasPrefix(shown + ": "), "\(found)")
        #expect(found.out.split(separator: "\n").count == 1)
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
