import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream

/// One event as the kernel writes it: a SYSCALL record, what stands between, and a PROCTITLE.
struct DecodeRecord {
    var arch = "c000003e"
    var syscall = "41"
    /// success=; nil leaves success= and exit= out, as exit_group does.
    var success: Bool? = true
    var exit = "3"
    var arguments = ["2", "80801", "0", "0"]
    var pid = "1234"
    var auid = "1000"
    var session = "3"
    var comm = "\"nginx\""
    var exe = "\"/usr/sbin/nginx\""
    var serial = 456
    var node = ""
    var enriched = ""
    /// Records between SYSCALL and PROCTITLE: type and fields.
    var between: [(String, String)] = []
    var title = "6E67696E78002D67"

    private var stamp: String { "msg=audit(1700000000.123:\(serial)):" }
    private var prefix: String { node.isEmpty ? "" : "node=\(node) " }

    var head: String {
        var text = "\(prefix)type=SYSCALL \(stamp) arch=\(arch) syscall=\(syscall)"
        if let success { text += " success=\(success ? "yes" : "no") exit=\(exit)" }
        for (index, argument) in arguments.enumerated() { text += " a\(index)=\(argument)" }
        text += " items=0 ppid=1 pid=\(pid) auid=\(auid) uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0"
        text += " fsgid=0 tty=pts0 ses=\(session) comm=\(comm) exe=\(exe) subj=unconfined key=\"sockaudit\""
        return text + (enriched.isEmpty ? "" : "\u{1D}\(enriched)")
    }

    var tail: String { "\(prefix)type=PROCTITLE \(stamp) proctitle=\(title)" }

    var lines: [String] { [head] + between.map { "\(prefix)type=\($0.0) \(stamp) \($0.1)" } + [tail] }

    static func call(
        _ syscall: Int, exit: Int = 0, _ arguments: String, arch: String = "c000003e"
    ) -> DecodeRecord {
        var record = DecodeRecord()
        record.arch = arch
        record.syscall = "\(syscall)"
        record.exit = "\(exit)"
        record.success = exit >= 0
        record.arguments = arguments.split(separator: " ").map(String.init)
        return record
    }
}

/// Feeds lines through libauparse and the decoder and keeps what came out.
struct DecodeBench {
    let names = NameTable()
    private(set) var events: [AuditEvent] = []
    private(set) var counters = EventDecoder.Counters()

    /// - Parameter cut: also give the bytes in two pieces, cut here.
    init(
        lines: [String], ownPid: Int32 = 0, wantsScripts: Bool = false, cut: Int? = nil
    ) throws {
        let decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: wantsScripts)
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        let border = min(cut ?? bytes.count, bytes.count)
        try OneAtATime.run {
            let feed = try AuparseFeed(decoder: decoder)
            for piece in [bytes[..<border], bytes[border...]] {
                // The bytes stay for the call.
                unsafe piece.withUnsafeBytes { unsafe feed.feed($0) }
            }
            feed.flush()
        }
        var found: [AuditEvent] = []
        decoder.take { found.append($0) }
        events = found
        counters = decoder.counters
    }

    init(_ records: DecodeRecord..., ownPid: Int32 = 0, wantsScripts: Bool = false) throws {
        try self.init(lines: records.flatMap(\.lines), ownPid: ownPid, wantsScripts: wantsScripts)
    }

    func text(_ id: NameID) -> String { String(decoding: names[id], as: UTF8.self) }
}

/// A record and what it must become; nil for nothing.
struct DecodeCase: CustomTestStringConvertible, Sendable {
    var label: String
    var arch = "c000003e"
    var syscall: Int
    var exit = 0
    var arguments: String
    var between: [(String, String)] = []
    var success: Bool??
    var wanted: Operation?

    init(
        _ label: String, _ syscall: Int, _ exit: Int, _ arguments: String, arch: String = "c000003e",
        between: [(String, String)] = [], _ wanted: Operation?
    ) {
        self.label = label
        self.syscall = syscall
        self.exit = exit
        self.arguments = arguments
        self.arch = arch
        self.between = between
        self.wanted = wanted
    }

    var testDescription: String { label }

    var record: DecodeRecord {
        var record = DecodeRecord.call(syscall, exit: exit, arguments, arch: arch)
        record.between = between
        return record
    }

    func check() throws {
        let bench = try DecodeBench(record)
        #expect(bench.events.map(\.operation) == (wanted.map { [$0] } ?? []))
        #expect(bench.counters == EventDecoder.Counters(events: 1, malformed: 0, foreign: 0))
    }
}
