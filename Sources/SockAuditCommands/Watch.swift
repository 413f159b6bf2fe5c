import ArgumentParser
import AuditStream
import Glibc
import SockAuditCore
import SockAuditRuntime

/// `sockaudit all`, `sockaudit NAME...`: the table, live or from records.
struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the SockClosePercPar table (the default command).")

    @Argument(
        help: "'all', or names or globs of processes: comm, file name of exe, or an interpreter's script.")
    var names: [String] = []

    @Option(help: "Seconds from table to table.")
    var interval: Double = 7

    @Option(help: "End after this many tables.")
    var count: Int?

    @Option(
        help:
            "End after this many seconds; 0: never. Without it, and without --count, a run ends after 24 hours where standard output is no terminal, unless systemd started it."
    )
    var duration: Double?

    @Option(
        parsing: .upToNextOption,
        help: "Read these logs, folders of logs, or - for standard input, instead of the kernel.")
    var input: [String] = []

    @OptionGroup var replay: ReplayOptions

    @OptionGroup var leakOptions: LeakOptions

    @Option(help: "Write the tables to this file instead of standard output.")
    var report: String?

    @Option(help: "text, json, csv, html or prometheus (else by the report's ending, else text).")
    var format: WatchSettings.Format?

    @Flag(help: "All columns: who, which file, sockets that came another way.")
    var wide = false

    @Option(help: "open, socket, close, name, pid or age.")
    var sort: RowOrder = .open

    @Option(help: "Show only the first rows; totals are those of all.")
    var top: Int?

    @Option(
        help: "process, name, exe, auid, node (host of a merged log) or unit (systemd unit or container).")
    var groupBy: WatchSettings.Grouping = .process

    @Option(help: "Count only these of tcp, udp, other (joined by commas).")
    var family: String?

    @Option(help: "auto, light, standard, full or proc: how much is audited.")
    var mode: ModeArgument = .auto

    @Option(
        help:
            "Most events a second that may come of our rules before the guard leaves processes out (8000 beside an audit daemon)."
    )
    var budget: Int?

    @Option(help: "auto, multicast or unicast: which of the kernel's record streams.")
    var source: WatchSettings.Source = .auto

    @Option(help: "auto or auparse: whether libauparse reads every record, or only what is odd.")
    var decoder: WatchSettings.Decoder = .auto

    @Option(help: "Exit with 5 when the sockets still open, all rows together, reach this number.")
    var failOpen: Int?

    @Flag(help: "The tables alone, one after another: no screen on a terminal.")
    var plain = false

    @Flag(help: "Append tables on a terminal instead of redrawing in place; the same as --plain.")
    var noClear = false

    @Flag(help: "Only errors on standard error.")
    var quiet = false

    @Flag(help: "Times in UTC.")
    var utc = false

    @Flag(help: "Go on although the kernel would panic on a lost record (auditctl -f 2).")
    var force = false

    func validate() throws {
        if names.isEmpty {
            throw ValidationError(
                "Say what to watch: 'all' or the names of processes, as in 'sudo sockaudit all'.")
        }
        if names.contains("all") && names.count > 1 {
            throw ValidationError("'all' goes alone; leave it out or leave the other names out.")
        }
        if names.contains(where: { $0.isEmpty }) { throw ValidationError("A name must not be empty.") }
        try Self.check(interval, "--interval", above: 0.05, below: 86_400 * 366)
        if let duration, duration != 0 {
            try Self.check(duration, "--duration", above: 0.05, below: 86_400 * 3_660)
        }
        for (value, name) in [
            (count, "--count"), (top, "--top"), (failOpen, "--fail-open"), (budget, "--budget"),
        ] {
            if let value, value < 1 { throw ValidationError("\(name) must be 1 or more, not \(value).") }
        }
        _ = try families()
        try leakOptions.check()
        try replay.validate(inputs: input, utc: utc)
    }

    /// Nobody looks at it, and nobody said when it ends.
    private var lifetime: Double? {
        // systemd ends its units itself (INVOCATION_ID, systemd.exec(5)).
        let isService = unsafe getenv("INVOCATION_ID") != nil
        let isOpenEnded = duration == nil && count == nil && isatty(STDOUT_FILENO) == 0
        return isOpenEnded && !isService ? WatchSettings.defaultLifetime : nil
    }

    private static func check(_ value: Double, _ name: String, above: Double, below: Double) throws {
        guard value.isFinite, value >= above, value <= below else {
            throw ValidationError("\(name) must be a number of seconds between \(above) and \(Int(below)).")
        }
    }

    private func families() throws -> [SocketFamily] {
        guard let family else { return SocketFamily.allCases }
        let words = family.lowercased().split(separator: ",", omittingEmptySubsequences: false)
        let chosen = try words.map { word in
            guard let match = SocketFamily.allCases.first(where: { $0.name == word }) else {
                throw ValidationError(
                    "--family takes tcp, udp and other, joined by commas, not '\(Escaping.visible(family))'.")
            }
            return match
        }
        return SocketFamily.allCases.filter(chosen.contains)
    }

    func run() throws {
        var settings = WatchSettings()
        settings.scope = Scope(patterns: names)
        settings.interval = interval
        settings.count = count
        settings.duration = duration == 0 ? nil : duration
        settings.lifetime = lifetime
        settings.inputs = input
        settings.report = report
        settings.version = SockAudit.version
        settings.format = format ?? report.flatMap(WatchSettings.Format.init(endingOf:)) ?? .text
        leakOptions.apply(to: &settings)
        settings.style.wide = wide
        settings.order = sort
        settings.top = top
        settings.grouping = groupBy
        settings.families = try families()
        settings.mode = mode.mode
        settings.modeIsAuto = mode == .auto
        settings.budget = budget
        settings.source = source
        settings.decoder = decoder
        settings.failOpen = failOpen
        settings.clears = !noClear && !plain
        settings.quiet = quiet
        settings.utc = utc
        settings.force = force
        try replay.apply(to: &settings)
        try Outcome.exit { () throws(AuditError) in
            try settings.inputs.isEmpty ? Monitor.run(settings) : Replay.run(settings)
        }
    }
}

/// `--mode`: auto is standard, until the guard steps down.
enum ModeArgument: String, CaseIterable, ExpressibleByArgument {
    case auto, full, standard, light, proc

    var mode: AuditMode {
        switch self {
        case .auto, .standard: .standard
        case .full: .full
        case .light: .light
        case .proc: .proc
        }
    }
}

extension RowOrder: ExpressibleByArgument {}
extension WatchSettings.Format: ExpressibleByArgument {}
extension WatchSettings.Source: ExpressibleByArgument {}
extension WatchSettings.Decoder: ExpressibleByArgument {}
extension WatchSettings.Grouping: ExpressibleByArgument {}
