import AuditStream
import Glibc
import SockAuditCore

/// Where a plugin's settings come from: a file, and what stands on the command line, which comes first.
public struct PluginConfig: Sendable {
    public static let standardPath = "/etc/sockaudit/plugin.conf"
    static let standardFolder = "/var/log/sockaudit"
    public static let standardReport = standardFolder + "/report.jsonl"
    /// A table every few seconds for months: without an end, a busy host's reports would fill its disk.
    public static let standardTop = 50

    public var path: String
    /// Someone named it: then it must be there.
    public var isNamed: Bool
    /// Of the command line, by ``PluginSettings/keys``.
    public var given: [(key: String, value: String)]
    /// Our own program's file.
    public let program: [UInt8]

    public init(path: String?, given: [(key: String, value: String)]) {
        self.path = path ?? Self.standardPath
        isNamed = path != nil
        self.given = given
        program = SmallFile.link("/proc/self/exe") ?? []
    }

    /// Far more than anybody would write.
    private static let limit = 1 << 20

    /// - Returns: the file's text; empty where there is none and none was asked for.
    public func read() throws(AuditError) -> [UInt8] {
        if let bytes = SmallFile.read(path, limit: Self.limit) { return bytes }
        if errno == ENOENT && !isNamed { return [] }
        throw AuditError(
            .settingsWrong, errno: errno,
            "The settings in \(Escaping.visible(path)) cannot be read; check its name and permissions.")
    }

    /// - Parameter text: what ``read()`` gave.
    public func settings(_ text: [UInt8]) throws(AuditError) -> WatchSettings {
        var found: PluginSettings
        do throws(PluginSettings.Fault) {
            found = try PluginSettings.parse(text)
        } catch {
            throw AuditError(.settingsWrong, "\(Escaping.visible(path)) line \(error.line): \(error.text)")
        }
        for (key, value) in given {
            do throws(PluginSettings.Fault) { try found.set(key, value) } catch {
                throw AuditError(.settingsWrong, error.text)
            }
        }
        return WatchSettings(found)
    }

    // MARK: for the keeper

    func encode(to out: inout WireWriter) {
        out.put(path)
        out.put(isNamed)
        out.put(given.map(\.key))
        out.put(given.map(\.value))
        out.put(program)
    }

    init(_ reader: inout WireReader) throws(WireReader.Damaged) {
        path = try reader.string()
        isNamed = try reader.flag()
        let keys = try reader.strings()
        let values = try reader.strings()
        given = zip(keys, values).map { ($0, $1) }
        program = try reader.text()
    }
}

extension WatchSettings {
    /// A plugin's, with its own defaults where nothing is set.
    init(_ found: PluginSettings) {
        self.init()
        scope = Scope(patterns: found.names ?? ["all"])
        interval = found.interval ?? interval
        let report = found.report ?? PluginConfig.standardReport
        self.report = report
        format = found.format.flatMap(Format.init(rawValue:)) ?? Format(endingOf: report) ?? .text
        style.wide = found.wide ?? false
        order = found.sort.flatMap(RowOrder.init(rawValue:)) ?? order
        top = found.top ?? PluginConfig.standardTop
        grouping = found.groupBy.flatMap(Grouping.init(rawValue:)) ?? grouping
        families = found.families ?? families
        // auto is standard: there are no rules of ours with which a guard could go below it.
        mode = found.mode.flatMap(AuditMode.init(rawValue:)) ?? .standard
        modeIsAuto = false
        decoder = found.decoder.flatMap(Decoder.init(rawValue:)) ?? decoder
        failOpen = found.failOpen
        utc = found.utc ?? false
        quiet = found.quiet ?? false
        clears = false
    }
}
