/// How an auditd was started: the options of its main() in src/auditd.c, as getopt_long(3) reads
/// them. Pure.
public struct AuditdCommandLine: Equatable, Sendable {
    /// `-c`: where auditd.conf is, as it was given; nil for /etc/audit.
    public private(set) var configFolder: [UInt8]?
    /// `-f`: records go to standard output and not into the log.
    public private(set) var isForeground = false

    /// Long options, and whether an argument belongs to them.
    private static let long = [
        ("foreground", false), ("allow_links", false), ("disable_fork", false), ("enable_state", true),
        ("config_file", true),
    ]

    /// - Parameter words: /proc/PID/cmdline, cut at its NULs.
    public init(_ words: [[UInt8]]) {
        var rest = words.dropFirst()
        while let word = rest.popFirst() {
            if word.elementsEqual("--".utf8) { return }
            if word.starts(with: "--".utf8) {
                takeLong(word.dropFirst(2), &rest)
            } else if word.first == UInt8(ascii: "-") {
                takeShort(word.dropFirst(), &rest)
            }
        }
    }

    public init(commandLine: [UInt8]) {
        // The last NUL ends the last word; an empty word in between is one.
        var words = commandLine.split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
        if words.last?.isEmpty == true { words.removeLast() }
        self.init(words)
    }

    private mutating func takeShort(_ letters: ArraySlice<UInt8>, _ rest: inout ArraySlice<[UInt8]>) {
        var letters = letters
        while let letter = letters.popFirst() {
            switch letter {
            case UInt8(ascii: "f"): isForeground = true
            case UInt8(ascii: "c"), UInt8(ascii: "s"):
                let argument = letters.isEmpty ? rest.popFirst() : Array(letters)
                if letter == UInt8(ascii: "c"), let argument { configFolder = argument }
                return
            default: break
            }
        }
    }

    private mutating func takeLong(_ word: ArraySlice<UInt8>, _ rest: inout ArraySlice<[UInt8]>) {
        let parts = word.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first else { return }
        // getopt_long takes a beginning that only one of them has.
        let found = Self.long.filter { $0.0.utf8.starts(with: name) }
        guard found.count == 1, let (option, takesArgument) = found.first else { return }
        if option == "foreground" { isForeground = true }
        guard takesArgument else { return }
        let argument = parts.count > 1 ? Array(parts[1]) : rest.popFirst()
        if option == "config_file", let argument { configFolder = argument }
    }
}
