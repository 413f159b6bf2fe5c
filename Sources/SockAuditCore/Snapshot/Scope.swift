/// Which processes the table is about: all, or those of some names.
public struct Scope: Equatable, Sendable {
    /// As given on the command line; empty for all.
    public let patterns: [String]
    private let globs: [Glob]

    public static let all = Scope(patterns: [])

    /// - Parameter patterns: exact names or globs (`*`, `?`, `[a-z]`); the single word `all` is every process.
    public init(patterns: [String]) {
        let named = patterns == ["all"] ? [] : patterns
        self.patterns = named
        globs = named.map { Glob(Array($0.utf8)) }
    }

    public var isAll: Bool { patterns.isEmpty }
    /// At least one pattern is a glob, so no list of executables can be complete.
    public var hasGlob: Bool { globs.contains { $0.isPattern } }
    /// What JSON's `scope` says.
    public var labels: [String] { isAll ? ["all"] : patterns }

    /// Matches comm of the main thread, the file name of exe, and an interpreter's script.
    ///
    /// comm holds 15 bytes at most, so a longer exact name also matches its first 15.
    public func contains(comm: [UInt8], exe: [UInt8], script: [UInt8]) -> Bool {
        if isAll { return true }
        let file = Self.fileName(exe)
        let scriptFile = Self.fileName(script)
        return globs.contains { glob in
            glob.matches(comm[...]) || glob.matchesTruncated(comm) || (!file.isEmpty && glob.matches(file))
                || (!scriptFile.isEmpty && glob.matches(scriptFile))
        }
    }

    /// The last component of a path, without the kernel's mark for deleted files.
    public static func fileName(_ path: [UInt8]) -> ArraySlice<UInt8> {
        var name = path[...]
        let deleted = Array(" (deleted)".utf8)
        if name.count > deleted.count, name.suffix(deleted.count).elementsEqual(deleted) {
            name = name.dropLast(deleted.count)
        }
        guard let slash = name.lastIndex(of: UInt8(ascii: "/")) else { return name }
        return name[name.index(after: slash)...]
    }
}

/// A shell pattern over bytes, as fnmatch(3) without flags reads it.
struct Glob: Equatable, Sendable {
    private let pattern: [UInt8]

    init(_ pattern: [UInt8]) { self.pattern = pattern }

    var isPattern: Bool { pattern.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B } }

    /// An exact name longer than comm can hold, against a comm that was cut.
    func matchesTruncated(_ comm: [UInt8]) -> Bool {
        comm.count == 15 && pattern.count > 15 && !isPattern && pattern.prefix(15).elementsEqual(comm)
    }

    func matches(_ name: ArraySlice<UInt8>) -> Bool {
        if !isPattern { return pattern.elementsEqual(name) }
        var p = 0
        var n = name.startIndex
        var star: (pattern: Int, name: Int)?
        while n < name.endIndex {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                p += 1
                star = (p, n)
            } else if p < pattern.count, let next = step(p, name[n]) {
                p = next
                n += 1
            } else if let (back, from) = star {
                p = back
                n = from + 1
                star = (back, from + 1)
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    /// The pattern index after the element at `p` when that element takes the byte.
    private func step(_ p: Int, _ byte: UInt8) -> Int? {
        switch pattern[p] {
        case UInt8(ascii: "?"): return p + 1
        case UInt8(ascii: "["):
            guard let (inside, end) = bracket(p, byte) else { return byte == pattern[p] ? p + 1 : nil }
            return inside ? end : nil
        case UInt8(ascii: "\\") where p + 1 < pattern.count: return pattern[p + 1] == byte ? p + 2 : nil
        default: return pattern[p] == byte ? p + 1 : nil
        }
    }

    /// Whether the bracket at `p` holds the byte, and where it ends; nil when it is never closed.
    private func bracket(_ p: Int, _ byte: UInt8) -> (Bool, Int)? {
        var i = p + 1
        let negated =
            i < pattern.count && (pattern[i] == UInt8(ascii: "!") || pattern[i] == UInt8(ascii: "^"))
        if negated { i += 1 }
        var found = false
        var first = true
        while i < pattern.count, first || pattern[i] != UInt8(ascii: "]") {
            first = false
            if i + 2 < pattern.count, pattern[i + 1] == UInt8(ascii: "-"), pattern[i + 2] != UInt8(ascii: "]")
            {
                if pattern[i] <= byte && byte <= pattern[i + 2] { found = true }
                i += 3
            } else {
                if pattern[i] == byte { found = true }
                i += 1
            }
        }
        return i < pattern.count ? (found != negated, i + 1) : nil
    }
}
