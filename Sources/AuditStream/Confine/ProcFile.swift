import CAudit

/// A file of /proc that whoever reads the records may be given: one of a handful of names, and numbers. So a
/// request has no path that could lead elsewhere. Pure.
public struct ProcFile: Hashable, Sendable {
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// The list of all processes.
        case processes = 1
        /// Of a process.
        case stat, status, comm, cmdline, limits, cgroup, schedstat, loginuid, sessionid
        /// The lists of its descriptors and threads.
        case fd, task
        /// Of one of its threads.
        case threadStat, threadFd
        /// The sockets of its network namespace.
        case tcp, tcp6, udp, udp6, unix, netlink
        /// One of the files that were named before the first record was read; the number says which.
        case named
    }

    public var kind: Kind
    public var pid: Int32
    public var thread: Int32

    public init(_ kind: Kind, pid: Int32 = 0, thread: Int32 = 0) {
        (self.kind, self.pid, self.thread) = (kind, pid, thread)
    }

    private static let names: [(Kind, String)] = [
        (.stat, "stat"), (.status, "status"), (.comm, "comm"), (.cmdline, "cmdline"), (.limits, "limits"),
        (.cgroup, "cgroup"), (.schedstat, "schedstat"), (.loginuid, "loginuid"), (.sessionid, "sessionid"),
        (.fd, "fd"), (.task, "task"), (.tcp, "net/tcp"), (.tcp6, "net/tcp6"), (.udp, "net/udp"),
        (.udp6, "net/udp6"), (.unix, "net/unix"), (.netlink, "net/netlink"),
    ]
    private static let threadNames: [(Kind, String)] = [(.threadStat, "stat"), (.threadFd, "fd")]

    /// - Parameter path: below /proc, in the only form in which we write it.
    /// - Returns: nil for everything else.
    public init?(path: String) {
        if path == "/proc" {
            self.init(.processes)
            return
        }
        var words = path.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)[...]
        guard words.popFirst()?.isEmpty == true, words.popFirst()?.elementsEqual("proc".utf8) == true,
            let pid = words.popFirst().flatMap(Self.number)
        else { return nil }
        var (thread, names): (Int32, [(Kind, String)]) = (0, Self.names)
        if words.count == 3, words.first?.elementsEqual("task".utf8) == true {
            guard let number = Self.number(words[words.startIndex + 1]) else { return nil }
            (thread, names) = (number, Self.threadNames)
            words = words.dropFirst(2)
        }
        let rest = words.joined(separator: CollectionOfOne(0x2F))
        guard let kind = names.first(where: { $0.1.utf8.elementsEqual(rest) })?.0 else { return nil }
        self.init(kind, pid: pid, thread: thread)
    }

    /// A number as we write it: no sign, no zero in front.
    private static func number(_ text: Substring.UTF8View) -> Int32? {
        guard let first = text.first, first != 0x30, text.count <= 10,
            text.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int32(Substring(text))
    }

    /// Where it is below /proc; nil for those that are named by number, and where a number is none.
    public var relativePath: String? {
        switch kind {
        case .processes: return "."
        case .named: return nil
        case .threadStat, .threadFd:
            guard pid > 0, thread > 0, let name = Self.threadNames.first(where: { $0.0 == kind })?.1 else {
                return nil
            }
            return "\(pid)/task/\(thread)/\(name)"
        default:
            guard pid > 0, let name = Self.names.first(where: { $0.0 == kind })?.1 else { return nil }
            return "\(pid)/\(name)"
        }
    }

    // MARK: as bytes

    /// Read by the keeper as well: it is short, and wanted of each process at each table.
    public var isSent: Bool { kind == .schedstat }
    /// More is not sent of such a file (three numbers of 64 bits fit).
    static let longestText = 64
    static let longestAnswer = 4 + (4 + longestText) * batch

    /// As many are asked for in one message.
    public static let batch = Int(SOCKAUDIT_BATCH)
    /// Kind, process, thread.
    private static let size = 9

    /// The number of the request, and the files.
    static func request(_ files: [ProcFile], _ serial: UInt32) -> [UInt8] {
        files.reduce(into: bytes(serial)) { out, file in
            out.append(file.kind.rawValue)
            out += bytes(UInt32(bitPattern: file.pid)) + bytes(UInt32(bitPattern: file.thread))
        }
    }

    /// - Returns: nil for what is no request; nil in place of a file that is none.
    public static func parse(request: [UInt8]) -> (files: [ProcFile?], serial: UInt32)? {
        let rest = request.count - 4
        guard rest >= size, rest % size == 0, rest / size <= batch else { return nil }
        let files = stride(from: 4, to: request.count, by: size).map { start -> ProcFile? in
            guard let kind = Kind(rawValue: request[start]) else { return nil }
            return ProcFile(
                kind, pid: Int32(bitPattern: word(request[(start + 1)..<(start + 5)])),
                thread: Int32(bitPattern: word(request[(start + 5)..<(start + 9)])))
        }
        return (files, word(request[..<4]))
    }

    static func bytes(_ word: UInt32) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: word), UInt8(truncatingIfNeeded: word >> 8),
            UInt8(truncatingIfNeeded: word >> 16), UInt8(truncatingIfNeeded: word >> 24),
        ]
    }
    static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
