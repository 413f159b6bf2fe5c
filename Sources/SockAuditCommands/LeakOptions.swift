import ArgumentParser
import SockAuditRuntime

/// Which sockets are open, whose, and since when.
struct LeakOptions: ParsableArguments {
    @Flag(
        help:
            "Below the table, or in each row of JSON: the sockets that are open, with their ends, state, thread and audit event. csv and prometheus are the same with it."
    )
    var leaks = false

    @Option(help: "With --leaks: only those that have been open for so many seconds (0: all).")
    var olderThan: Double?

    func check() throws {
        if let olderThan {
            guard leaks else { throw ValidationError("--older-than goes with --leaks.") }
            guard olderThan.isFinite, olderThan >= 0, olderThan <= 86_400 * 3_660 else {
                throw ValidationError(
                    "--older-than must be a number of seconds, from 0 to 316224000 (ten years).")
            }
        }
    }

    func apply(to settings: inout WatchSettings) {
        settings.leaks = leaks
        settings.olderThan = olderThan ?? 0
    }
}
