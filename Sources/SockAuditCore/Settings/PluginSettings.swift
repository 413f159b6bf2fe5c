/// The settings of `sockaudit plugin`: `key = value` lines as auditd.conf has them, whose keys are the long
/// options of `sockaudit watch`. Pure: bytes in, values or the first thing that is wrong out.
public struct PluginSettings: Equatable, Sendable {
    /// What is wrong, and in which line (counted from 1; 0 for a value that came from elsewhere).
    public struct Fault: Error, Equatable, Sendable {
        public var line: Int
        /// A full sentence that says what is allowed; what the file holds is in it only escaped.
        public var text: String
    }

    /// Nil where nothing is set.
    public var names: [String]?
    /// Seconds.
    public var interval: Double?
    public var report: String?
    /// One of ``formats``, and so on.
    public var format: String?
    public var wide: Bool?
    public var sort: String?
    public var top: Int?
    public var groupBy: String?
    public var families: [SocketFamily]?
    public var mode: String?
    public var decoder: String?
    public var failOpen: Int?
    public var utc: Bool?
    public var quiet: Bool?

    public init() {}

    public static let formats = ["text", "json", "csv", "html", "prometheus"]
    public static let groupings = ["process", "name", "exe", "auid", "node", "unit"]
    public static let modes = ["auto", "light", "standard", "full"]
    public static let decoders = ["auto", "auparse"]
    public static let keys = [
        "names", "interval", "report", "format", "wide", "sort", "top", "group-by", "family", "mode",
        "decoder", "fail-open", "utc", "quiet",
    ]

    // MARK: the file

    public static func parse(_ bytes: [UInt8]) throws(Fault) -> PluginSettings {
        var settings = PluginSettings()
        var lines: [String: Int] = [:]
        for (index, text) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            guard let (key, value) = try pair(text, index + 1) else { continue }
            if let before = lines[key] {
                throw Fault(line: index + 1, text: "'\(key)' is set in line \(before) already.")
            }
            lines[key] = index + 1
            do { try settings.set(key, value) } catch {
                throw Fault(line: index + 1, text: error.text)
            }
        }
        return settings
    }

    private static func pair(
        _ text: ArraySlice<UInt8>, _ line: Int
    ) throws(Fault) -> (key: String, value: String)? {
        let text = trimmed(text)
        if text.isEmpty || text.first == UInt8(ascii: "#") { return nil }
        guard let sign = text.firstIndex(of: UInt8(ascii: "=")) else {
            let shown = Escaping.visible(Array(text.prefix(40)))
            throw Fault(line: line, text: "'\(shown)' has no '='; write key = value, or # before a comment.")
        }
        let name = trimmed(text[..<sign])
        let value = trimmed(text[(sign + 1)...])
        // auditd.conf has underscores, a command line dashes: both are taken.
        let key = String(decoding: name, as: UTF8.self).lowercased().map { $0 == "_" ? "-" : $0 }
        let known = key.elementsEqual("scope") ? "names" : String(key)
        guard keys.contains(known) else {
            let shown = Escaping.visible(Array(name.prefix(40)))
            throw Fault(
                line: line, text: "'\(shown)' is no setting; there are \(keys.joined(separator: ", ")).")
        }
        guard !value.isEmpty else { throw Fault(line: line, text: "'\(known)' has no value.") }
        guard Escaping.isText(Array(value)), !value.contains(0) else {
            throw Fault(line: line, text: "The value of '\(known)' is no text (UTF-8).")
        }
        return (known, String(decoding: value, as: UTF8.self))
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
        while isBlank(text.first) { text.removeFirst() }
        while isBlank(text.last) { text.removeLast() }
        return text
    }

    // MARK: values

    /// Sets one of ``keys``.
    public mutating func set(_ key: String, _ value: String) throws(Fault) {
        switch key {
        case "names": names = try Self.names(value)
        case "interval": interval = try Self.seconds(key, value)
        case "report": report = try Self.path(key, value)
        case "format": format = try Self.word(key, value, Self.formats)
        case "wide": wide = try Self.answer(key, value)
        case "sort": sort = try Self.word(key, value, RowOrder.allCases.map(\.rawValue))
        case "top": top = value.lowercased() == "all" ? .max : try Self.count(key, value, or: "all")
        case "group-by": groupBy = try Self.word(key, value, Self.groupings)
        case "family": families = try Self.families(value)
        case "mode": mode = try Self.word(key, value, Self.modes)
        case "decoder": decoder = try Self.word(key, value, Self.decoders)
        case "fail-open": failOpen = try Self.count(key, value)
        case "utc": utc = try Self.answer(key, value)
        case "quiet": quiet = try Self.answer(key, value)
        default: throw Fault(line: 0, text: "'\(key)' is no setting.")
        }
    }

    private static func wrong(_ key: String, _ value: String, _ allowed: String) -> Fault {
        Fault(
            line: 0,
            text: "'\(key)' must be \(allowed), not '\(Escaping.visible(Array(value.utf8.prefix(60))))'.")
    }

    private static func names(_ value: String) throws(Fault) -> [String] {
        let words = value.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard !words.isEmpty, !words.contains(where: { $0.hasPrefix("#") }),
            !words.contains("all") || words.count == 1
        else {
            throw wrong("names", value, "'all' alone, or names and globs of processes with spaces between")
        }
        return words
    }

    private static func seconds(_ key: String, _ value: String) throws(Fault) -> Double {
        guard let number = Double(value), number.isFinite, (0.05...86_400 * 366).contains(number) else {
            throw wrong(key, value, "a number of seconds between 0.05 and \(86_400 * 366)")
        }
        return number
    }

    private static func count(
        _ key: String, _ value: String, or word: String? = nil
    ) throws(Fault) -> Int {
        guard let number = Int(value), number >= 1 else {
            throw wrong(key, value, "a number from 1 on" + (word.map { " or \($0)" } ?? ""))
        }
        return number
    }

    /// auditd starts its plugins in a folder of its own choice.
    private static func path(_ key: String, _ value: String) throws(Fault) -> String {
        guard value.hasPrefix("/"), !value.hasSuffix("/") else {
            throw wrong(key, value, "the full path of a file, from / on")
        }
        return value
    }

    private static func answer(_ key: String, _ value: String) throws(Fault) -> Bool {
        switch value.lowercased() {
        case "yes": return true
        case "no": return false
        default: throw wrong(key, value, "yes or no")
        }
    }

    private static func word(_ key: String, _ value: String, _ words: [String]) throws(Fault) -> String {
        guard let word = words.first(where: { $0 == value.lowercased() }) else {
            throw wrong(key, value, words.dropLast().joined(separator: ", ") + " or \(words.last ?? "")")
        }
        return word
    }

    private static func families(_ value: String) throws(Fault) -> [SocketFamily] {
        let words = value.lowercased().split(separator: ",", omittingEmptySubsequences: false)
            .map { String(decoding: trimmed(Array($0.utf8)[...]), as: UTF8.self) }
        guard words.allSatisfy({ word in SocketFamily.allCases.contains { $0.name == word } }) else {
            throw wrong("family", value, "tcp, udp and other, joined by commas")
        }
        return SocketFamily.allCases.filter { words.contains($0.name) }
    }
}
