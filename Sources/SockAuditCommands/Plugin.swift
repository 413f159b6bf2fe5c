import ArgumentParser
import AuditStream
import Glibc
import SockAuditCore
import SockAuditRuntime

/// `sockaudit plugin`: started by auditd, which hands it every record.
struct Plugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run as a plugin of auditd: records on standard input, tables into a report.",
        discussion: """
            auditd starts it by /etc/audit/plugins.d/sockaudit.conf (format = string). Settings are in
            /etc/sockaudit/plugin.conf, key = value, the keys being the long options below; what stands on the
            command line comes first. HUP reads them again and reopens the report; TERM, and the end of
            standard input, end it after a last table. It adds no rules: see sockaudit rules --plugin.
            """)

    @Option(help: "The file of settings, instead of \(PluginConfig.standardPath).")
    var config: String?

    @Argument(help: "'all' (the default), or names or globs of processes.")
    var names: [String] = []

    @Option(help: "Seconds from table to table (7).")
    var interval: String?

    @Option(help: "The report, instead of \(PluginConfig.standardReport).")
    var report: String?

    @Option(help: "text, json, csv, html or prometheus (else by the report's ending).")
    var format: String?

    @Flag(inversion: .prefixedNo, help: "All columns of the text table.")
    var wide: Bool?

    @Option(help: "open, socket, close, name, pid or age.")
    var sort: String?

    @Option(help: "Write only the first rows, or all (50); totals are those of all.")
    var top: String?

    @Option(help: "process, name, exe, auid, node or unit.")
    var groupBy: String?

    @Option(help: "Count only these of tcp, udp, other (joined by commas).")
    var family: String?

    @Option(
        help: "auto (the same as standard), light, standard or full: which rules the administrator put in.")
    var mode: String?

    @Option(help: "auto or auparse.")
    var decoder: String?

    @Option(help: "End with 5 when the sockets still open reached this number.")
    var failOpen: String?

    @Flag(inversion: .prefixedNo, help: "Times in UTC.")
    var utc: Bool?

    @Flag(inversion: .prefixedNo, help: "Only errors in the log.")
    var quiet: Bool?

    private var given: [(key: String, value: String)] {
        let values: [(String, String?)] = [
            ("names", names.isEmpty ? nil : names.joined(separator: " ")), ("interval", interval),
            ("report", report), ("format", format), ("wide", wide.map(Self.word)), ("sort", sort),
            ("top", top), ("group-by", groupBy), ("family", family), ("mode", mode), ("decoder", decoder),
            ("fail-open", failOpen), ("utc", utc.map(Self.word)), ("quiet", quiet.map(Self.word)),
        ]
        return values.compactMap { key, value in value.map { (key: key, value: $0) } }
    }

    private static func word(_ flag: Bool) -> String { flag ? "yes" : "no" }

    func validate() throws {
        var settings = PluginSettings()
        for (key, value) in given {
            do throws(PluginSettings.Fault) { try settings.set(key, value) } catch {
                throw ValidationError(error.text)
            }
        }
    }

    func run() throws {
        Signals.resetInherited()
        // auditd's plugins have a socket for standard input, and nobody reads their standard error.
        Messages.useSystemLog(andStandardError: isatty(STDERR_FILENO) == 1 || !Self.isFromDaemon)
        try Outcome.exit { () throws(AuditError) in
            let config = PluginConfig(path: config, given: given)
            let settings = try config.settings(try config.read())
            return try Monitor.run(settings.versioned(SockAudit.version), plugin: config)
        }
    }

    private static var isFromDaemon: Bool {
        var info = stat()
        // C fills the struct that it is given.
        return unsafe fstat(STDIN_FILENO, &info) == 0 && info.st_mode & S_IFMT == S_IFSOCK
    }
}

extension WatchSettings {
    fileprivate func versioned(_ version: String) -> WatchSettings {
        var settings = self
        settings.version = version
        return settings
    }
}
