import Foundation
import Testing

/// What commands say that print no tables.
@Suite struct AnswerTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

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
