import ArgumentParser
import AuditStream
import SockAuditCore
import SockAuditRuntime

/// `sockaudit diff OLD NEW`: what grew from one report to another.
struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare the last tables of two JSON reports, process name by process name.",
        discussion: """
            Exit codes: 0 done; 5 --fail-growth reached; 2 a report cannot be read or is damaged, or
            --fail-growth was asked of two that are not comparable; 64 usage.
            """)

    @Argument(help: "The earlier JSON report.")
    var old: String

    @Argument(help: "The later JSON report.")
    var new: String

    @Option(help: "Exit with 5 when the sockets that some name holds open grew by this number or more.")
    var failGrowth: Int?

    @Option(help: "text or json.")
    var format: AnswerFormat = .text

    func validate() throws {
        if let failGrowth, failGrowth < 1 {
            throw ValidationError("--fail-growth must be 1 or more, not \(failGrowth).")
        }
    }

    func run() throws {
        try Outcome.exit { () throws(AuditError) in
            let diff = try CompareReports.compare(old, new, limit: failGrowth)
            print(format == .json ? DiffText.json(diff) : DiffText.text(diff), terminator: "")
            if failGrowth != nil, !diff.mismatches.isEmpty {
                throw AuditError(
                    .inputFailed,
                    "\(Escaping.visible(old)) and \(Escaping.visible(new)) are not comparable (\(diff.mismatches.joined(separator: "; "))), so --fail-growth says nothing; make both with the same names, --group-by and --family."
                )
            }
            return diff.isOverLimit ? ExitStatus.limitReached : ExitStatus.done
        }
    }
}
