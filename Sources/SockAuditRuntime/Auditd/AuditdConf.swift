import SockAuditCore

/// What auditd.conf(5) says, as auditd itself reads it (src/auditd-config.c of audit 3.0.9). Pure.
///
/// auditd does not start with a file that it cannot read to its end; this reads on, so that what is
/// known can be told, and keeps what was wrong as ``faults``.
public struct AuditdConf: Equatable, Sendable {
    /// What happens when the log file has its full size.
    public enum SizeAction: String, CaseIterable, Sendable {
        case ignore, syslog, suspend, rotate
        case keepLogs = "keep_logs"
        /// Since audit 4.1.
        case exec
    }

    /// What happens when the disk fills.
    public enum SpaceAction: String, CaseIterable, Sendable {
        case ignore, syslog, rotate, email, exec, suspend, single, halt

        /// It does more than tell somebody: what is written, kept or running is another then.
        public var acts: Bool { ![.ignore, .syslog, .email].contains(self) }
        /// It stops the log, or the host.
        public var isDangerous: Bool { [.suspend, .single, .halt].contains(self) }
    }

    /// What happens when plugins do not take records as fast as they come.
    public enum OverflowAction: String, CaseIterable, Sendable {
        case ignore, syslog, suspend, single, halt

        public var isDangerous: Bool { [.suspend, .single, .halt].contains(self) }
    }

    public enum LogFormat: String, CaseIterable, Sendable { case raw, enriched, nolog }
    public enum NameFormat: String, CaseIterable, Sendable { case none, hostname, fqd, numeric, user }
    public enum Flush: String, CaseIterable, Sendable {
        case none, incremental, data, sync
        case incrementalAsync = "incremental_async"
    }

    /// An amount of room on the disk.
    public enum Space: Equatable, Sendable {
        case mebibytes(UInt64)
        case percent(UInt64)
    }

    /// A line that auditd does not take.
    public struct Fault: Equatable, Sendable {
        public var line: Int
        /// Without a full stop; what the file holds is in it only escaped.
        public var text: String
    }

    // The defaults are those of clear_config.
    public var localEvents = true
    public var writesLogs = true
    public var logFile = Array("/var/log/audit/audit.log".utf8)
    public var logFormat = LogFormat.enriched
    public var flush = Flush.none
    public var flushEvery: UInt64 = 0
    public var numberOfLogs: UInt64 = 0
    public var nameFormat = NameFormat.none
    /// What this host is called with `name_format = user`.
    public var name: [UInt8] = []
    /// Mebibytes.
    public var maxLogFile: UInt64 = 0
    public var maxLogFileAction = SizeAction.ignore
    public var spaceLeft = Space.mebibytes(0)
    public var spaceLeftAction = SpaceAction.ignore
    public var adminSpaceLeft = Space.mebibytes(0)
    public var adminSpaceLeftAction = SpaceAction.ignore
    public var diskFullAction = SpaceAction.ignore
    public var diskErrorAction = SpaceAction.syslog
    public var pluginFolder = Array("/etc/audit/plugins.d".utf8)
    public var queueDepth: UInt64 = 2_000
    public var overflowAction = OverflowAction.syslog
    public var faults: [Fault] = []

    public init() {}

    public static func parse(_ text: String) -> AuditdConf { parse(Array(text.utf8)) }

    public static func parse(_ bytes: [UInt8]) -> AuditdConf {
        var conf = AuditdConf()
        let lines = AuditdLines(bytes)
        conf.faults = lines.faults
        for line in lines.pairs { conf.take(line) }
        conf.faults.sort { $0.line < $1.line }
        return conf
    }

    /// Those that may name a program to run behind the value.
    private static let withOption: Set = [
        "space_left_action", "admin_space_left_action", "disk_full_action", "disk_error_action",
        "max_log_file_action",
    ]

    private mutating func take(_ pair: AuditdLines.Pair) {
        if pair.options > 0 && !Self.withOption.contains(pair.name) {
            fault(pair, "has more behind its value than auditd takes")
        }
        switch pair.name {
        case "local_events": localEvents = answer(pair) ?? localEvents
        case "write_logs": writesLogs = answer(pair) ?? writesLogs
        case "log_file": logFile = pair.value
        case "log_format":
            logFormat = word(pair) ?? logFormat
            if logFormat == .nolog { writesLogs = false }
        case "flush": flush = word(pair) ?? flush
        case "freq": flushEvery = number(pair) ?? flushEvery
        case "num_logs": numberOfLogs = number(pair, most: 999) ?? numberOfLogs
        case "name_format": nameFormat = word(pair) ?? nameFormat
        case "name": name = pair.value
        case "max_log_file": maxLogFile = number(pair) ?? maxLogFile
        case "max_log_file_action": maxLogFileAction = word(pair) ?? maxLogFileAction
        case "space_left": spaceLeft = space(pair) ?? spaceLeft
        case "space_left_action": spaceLeftAction = word(pair) ?? spaceLeftAction
        case "admin_space_left": adminSpaceLeft = space(pair) ?? adminSpaceLeft
        case "admin_space_left_action": adminSpaceLeftAction = word(pair) ?? adminSpaceLeftAction
        case "disk_full_action": diskFullAction = word(pair) ?? diskFullAction
        case "disk_error_action": diskErrorAction = word(pair) ?? diskErrorAction
        case "plugin_dir": pluginFolder = pair.value
        case "q_depth": queueDepth = number(pair, most: 99_999) ?? queueDepth
        case "overflow_action": overflowAction = word(pair) ?? overflowAction
        // Which others there are differs from version to version; none of them bears on us.
        default: break
        }
    }

    private mutating func fault(_ pair: AuditdLines.Pair, _ text: String) {
        faults.append(Fault(line: pair.line, text: "\(Escaping.visible(Array(pair.name.utf8))) \(text)"))
    }

    private mutating func word<Word: RawRepresentable & CaseIterable>(_ pair: AuditdLines.Pair) -> Word?
    where Word.RawValue == String {
        let text = String(decoding: pair.value, as: UTF8.self).lowercased()
        if let word = Word.allCases.first(where: { $0.rawValue == text }) { return word }
        fault(pair, "has a value that auditd does not know")
        return nil
    }

    private mutating func answer(_ pair: AuditdLines.Pair) -> Bool? {
        switch String(decoding: pair.value, as: UTF8.self).lowercased() {
        case "yes": return true
        case "no": return false
        default:
            fault(pair, "is neither yes nor no")
            return nil
        }
    }

    private mutating func number(_ pair: AuditdLines.Pair, most: UInt64 = .max) -> UInt64? {
        guard pair.value.allSatisfy(\.isDigit), let number = UInt64(decimal: pair.value), number <= most
        else {
            fault(pair, "is no number that auditd takes")
            return nil
        }
        return number
    }

    /// Digits, and a percent sign anywhere among them; the number is what stands before the next one.
    private mutating func space(_ pair: AuditdLines.Pair) -> Space? {
        let percent = UInt8(ascii: "%")
        let digits = pair.value.drop { $0 == percent }.prefix { $0 != percent }
        guard pair.value.allSatisfy({ $0.isDigit || $0 == percent }),
            let number = digits.isEmpty ? 0 : UInt64(decimal: digits)
        else {
            fault(pair, "is no number of megabytes or percent")
            return nil
        }
        guard pair.value.contains(percent) else { return .mebibytes(number) }
        guard number <= 99 else {
            fault(pair, "is more than 99 percent")
            return nil
        }
        return .percent(number)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
}

extension UInt64 {
    /// nil when it does not fit.
    fileprivate init?(decimal digits: some Collection<UInt8>) {
        guard !digits.isEmpty else { return nil }
        self.init(String(decoding: digits, as: UTF8.self))
    }
}
