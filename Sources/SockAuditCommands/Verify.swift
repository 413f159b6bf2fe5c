import ArgumentParser
import AuditStream
import SockAuditRuntime

/// `sockaudit verify FILE...`: whether reports are as they were written.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the last line of each run in report files against what stands above it.",
        discussion: """
            Exit codes: 0 every run, and nothing else, is there as it was written; 4 a run was changed, has \
            no last line (it goes on, was killed, or the file was cut), or something else stands in the \
            file; 2 a file cannot be read.
            """)

    @Argument(help: "Reports made by --report, compressed ones too; - for standard input.")
    var files: [String]

    func run() throws {
        try Outcome.exit { () throws(AuditError) in try VerifyReport.run(files) { print($0) } }
    }
}
