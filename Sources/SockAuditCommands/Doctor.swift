import ArgumentParser
import AuditStream
import SockAuditRuntime

/// `sockaudit doctor`: what this host will and will not show; changes nothing.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Say what this host will and will not show, and what to do about it; changes nothing without --measure.",
        discussion: "Exit codes: 0 all is fine; 4 warnings; 3 this host cannot be audited as it is.")

    @Argument(help: "'all', or the names of processes that are to be watched.")
    var names: [String] = ["all"]

    @Option(help: "text or json.")
    var format: AnswerFormat = .text

    @Option(help: "light, standard, full or proc: the mode that is to be used.")
    var mode: ModeArgument = .auto

    @Option(
        help:
            "Put the rules in for this many seconds, under the guard, and say what they cost; calls of our own prove the figures."
    )
    var measure: Double?

    func validate() throws {
        if let measure, !measure.isFinite || measure < 1 || measure > 86_400 {
            throw ValidationError("--measure takes 1 to 86400 seconds.")
        }
        if names.contains("all") && names.count > 1 {
            throw ValidationError("'all' goes alone; leave it out or leave the other names out.")
        }
        if names.contains(where: \.isEmpty) { throw ValidationError("A name must not be empty.") }
    }

    func run() throws {
        try Outcome.exit { () throws(AuditError) in
            SockAuditRuntime.Doctor.run(
                names: names, mode: mode.mode, json: format == .json, measure: measure)
        }
    }
}
