import ArgumentParser
import SockAuditCore
import SockAuditRuntime

/// What `--input` can be asked for beside the table.
struct ReplayOptions: ParsableArguments {
    @Option(help: "Of an input: a table for every so many seconds of the records' own time.")
    var every: Double?

    @Option(
        parsing: .upToNextOption,
        help: "Of an input: count what happened from then on (date, time, or a word, as ausearch's -ts).")
    var from: [String] = []

    @Option(
        parsing: .upToNextOption, help: "Of an input: count what happened until then (as ausearch's -te).")
    var to: [String] = []

    @Flag(help: "Go on at the input's end as it grows, with a table every --interval seconds.")
    var follow = false

    func validate(inputs: [String], utc: Bool) throws {
        let given = [
            (every != nil, "--every"), (!from.isEmpty, "--from"), (!to.isEmpty, "--to"), (follow, "--follow"),
        ]
        if inputs.isEmpty, let name = given.first(where: \.0)?.1 {
            throw ValidationError("\(name) is about old records: say which with --input.")
        }
        if let every, !every.isNumber(in: 0.05...86_400 * 366) {
            throw ValidationError("--every must be a number of seconds between 0.05 and \(86_400 * 366).")
        }
        if follow, every != nil || !to.isEmpty {
            throw ValidationError("--follow prints tables as time goes by: leave --every and --to out.")
        }
        let (start, end) = try moments(utc: utc)
        if let start, let end, end < start { throw ValidationError("--to is before --from.") }
    }

    func apply(to settings: inout WatchSettings) throws {
        settings.every = every
        settings.follow = follow
        (settings.from, settings.to) = try moments(utc: settings.utc)
    }

    private func moments(utc: Bool) throws -> (Int64?, Int64?) {
        if from.isEmpty && to.isEmpty { return (nil, nil) }
        let clock = Clock()
        let here = Moment.Surroundings(
            now: Clock.wall(), boot: clock.bootMilliseconds, dateFormat: LocaleDate.format()
        ) { utc ? 0 : Clock.utcOffset(at: $0) }
        func parse(_ words: [String], _ name: String, _ edge: Moment.Edge) throws -> Int64? {
            if words.isEmpty { return nil }
            do throws(Moment.Failure) {
                return try Moment.parse(words, edge, here)
            } catch {
                throw ValidationError("\(name) \(error.message)")
            }
        }
        return (try parse(from, "--from", .from), try parse(to, "--to", .to))
    }
}

extension Double {
    fileprivate func isNumber(in range: ClosedRange<Double>) -> Bool { isFinite && range.contains(self) }
}
