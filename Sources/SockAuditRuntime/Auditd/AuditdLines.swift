import SockAuditCore

/// The lines of auditd's configuration files: `name = value [option]`, cut at spaces as auditd cuts
/// them (get_line and nv_split in src/auditd-config.c; plugins are read the same way). Pure.
struct AuditdLines {
    struct Pair: Equatable {
        var line: Int
        /// In lower case: auditd takes any.
        var name: String
        var value: [UInt8]
        /// Words behind the value.
        var options = 0
    }

    private(set) var pairs: [Pair] = []
    private(set) var faults: [AuditdConf.Fault] = []

    /// auditd reads into 160 bytes, the last of which is a NUL.
    private static let longest = 159

    init(_ bytes: [UInt8]) {
        var index = 0
        var line = 1
        var isRest = false
        while index < bytes.count {
            let limit = min(index + Self.longest, bytes.count)
            let newline = bytes[index..<limit].firstIndex(of: 0x0A)
            let end = newline.map { $0 + 1 } ?? limit
            // C ends a text at a NUL, and does not see the end of line behind it.
            let text = bytes[index..<end].prefix { $0 != 0 }
            index = end
            if text.last != 0x0A {
                if !isRest {
                    fault(line, "the line is too long, holds a NUL or has no end: auditd leaves it out")
                }
                isRest = true
            } else {
                if !isRest { take(text.dropLast(), line) }
                isRest = false
            }
            if newline != nil { line += 1 }
        }
    }

    private mutating func take(_ text: ArraySlice<UInt8>, _ line: Int) {
        // Spaces only: to auditd a tab belongs to the word.
        let words = text.split(separator: 0x20)
        guard let first = words.first, first.first != UInt8(ascii: "#") else { return }
        let name = String(decoding: first, as: UTF8.self).lowercased()
        guard words.count >= 3, words[1].elementsEqual("=".utf8) else {
            let shown = Escaping.visible(Array(first.prefix(40)))
            fault(line, "'\(shown)' has no '=' with spaces around it and a value")
            return
        }
        pairs.append(Pair(line: line, name: name, value: Array(words[2]), options: words.count - 3))
    }

    private mutating func fault(_ line: Int, _ text: String) {
        // A hostile file may be wrong in each of its lines.
        if faults.count < 100 { faults.append(AuditdConf.Fault(line: line, text: text)) }
    }
}
