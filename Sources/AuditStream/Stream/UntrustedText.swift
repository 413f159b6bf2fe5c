import SockAuditCore

/// Names of the fields that we read, as one integer each: up to eight bytes, first byte lowest.
enum FieldName {
    static let arch = pack("arch")
    static let syscall = pack("syscall")
    static let success = pack("success")
    static let exit = pack("exit")
    static let a0 = pack("a0")
    static let a1 = pack("a1")
    static let a2 = pack("a2")
    static let a3 = pack("a3")
    static let ppid = pack("ppid")
    static let pid = pack("pid")
    static let auid = pack("auid")
    static let uid = pack("uid")
    static let ses = pack("ses")
    static let comm = pack("comm")
    static let exe = pack("exe")
    static let fd0 = pack("fd0")
    static let fd1 = pack("fd1")
    static let proctitle = pack("proctitl")
    static let op = pack("op")
    static let key = pack("key")
    static let auditEnabled = pack("audit_en")

    static func pack(_ text: StaticString) -> UInt64 {
        text.bytes.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) }
    }

    /// The first eight bytes of a C string.
    static func pack(cString text: UnsafePointer<CChar>) -> UInt64 {
        var value: UInt64 = 0
        var index = 0
        // Up to its zero, and no further.
        while index < 8, unsafe text[index] != 0 {
            unsafe value |= UInt64(UInt8(bitPattern: text[index])) << (8 * UInt64(index))
            index += 1
        }
        return value
    }
}

/// Text that the kernel writes quoted when it is plain and as bare hexadecimal when it is not
/// (audit_log_untrustedstring, kernel/audit.c).
enum UntrustedText {
    static func decode(_ value: some RandomAccessCollection<UInt8>) -> [UInt8] {
        if value.elementsEqual("(null)".utf8) || value.elementsEqual("(none)".utf8) { return [] }
        if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
            return Array(value.dropFirst().dropLast())
        }
        guard value.count % 2 == 0 else { return Array(value) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.count / 2)
        var rest = value[...]
        while !rest.isEmpty {
            guard let byte = RecordNumber.hex(rest.prefix(2)) else { return Array(value) }
            bytes.append(UInt8(truncatingIfNeeded: byte))
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}

/// The script that an interpreter runs, found in its command line.
public enum ScriptName {
    private static let interpreters = [
        "python", "perl", "ruby", "bash", "dash", "sh", "zsh", "ksh", "node", "nodejs", "php", "tclsh", "lua",
        "gawk", "awk", "Rscript", "pypy",
    ]

    /// - Parameter commandLine: argv, joined by NUL.
    /// - Returns: the path or name as given; empty when this is no interpreter with a script.
    public static func find(commandLine: [UInt8]) -> [UInt8] {
        let arguments = commandLine.split(separator: 0, omittingEmptySubsequences: true)
        guard let first = arguments.first else { return [] }
        var program = first[...]
        if let slash = program.lastIndex(of: UInt8(ascii: "/")) {
            program = program[program.index(after: slash)...]
        }
        // python3.11 and the like: the name without its version.
        while let last = program.last, last == UInt8(ascii: ".") || (0x30...0x39).contains(last) {
            program = program.dropLast()
        }
        guard interpreters.contains(where: { program.elementsEqual($0.utf8) }) else { return [] }
        var script: ArraySlice<UInt8> = []
        for argument in arguments.dropFirst() {
            guard argument.first == UInt8(ascii: "-") else {
                script = argument
                break
            }
            // -c and -e (also joined, as in -lc) take the program itself: that is no name.
            let isLong = argument.dropFirst().first == UInt8(ascii: "-")
            if !isLong, argument.last == UInt8(ascii: "c") || argument.last == UInt8(ascii: "e") { return [] }
        }
        return Array(script)
    }
}
