import Foundation
import SockAuditCore
import Testing

/// One small log in Tests/Fixtures/logs and what must come out of it.
struct ReplayStory: Sendable, CustomTestStringConvertible {
    var log: String
    /// A log written by hand: SocketTOT, CloseTOT, Released, StillOPEN by "[node/]pid name", in the
    /// order of starts. A recorded log has a .truth beside it instead.
    var rows: [String: [[Int]]]?
    var code: Int32 = 0
    var reasons: [String: Int] = [:]
    var testDescription: String { log }

    var path: String { file("log").path }

    private func file(_ ending: String) -> URL {
        ReplayFixtures.folder.appendingPathComponent("logs/\(log).\(ending)")
    }

    static let handwritten = [
        // A failed socket() and an EBADF close count nothing; a close that fails with EINTR does;
        // dup2 over 5 releases; a close seconds later than its socket() is its close.
        ReplayStory(log: "normal", rows: ["100 nginx": [[5, 3, 1, 1]], "200 curl": [[2, 1, 1, 0]]]),
        ReplayStory(
            log: "i386",
            rows: ["100 old": [[2, 1, 1, 0]], "200 new": [[1, 0, 0, 1]], "300 arm": [[1, 1, 0, 0]]],
            reasons: ["arch_unseen": 1]),
        ReplayStory(
            log: "hostile_values",
            rows: [
                "100 \u{1B}]0;pwned\n": [[1, 1, 0, 0]], "101 \\xff\0\\xfe": [[1, 0, 0, 1]],
                "102 TOTAL": [[2, 2, 0, 0]],
            ], code: 4, reasons: ["malformed": 1, "skipped_lines": 1]),
        ReplayStory(
            log: "two_boots",
            rows: ["100 nginx": [[2, 1, 1, 0], [1, 0, 0, 1]], "101 nginx": [[1, 0, 0, 1]]]),
        // Two hosts with one pid, in the lines of a syslog daemon, of the kernel's log, of a journal.
        ReplayStory(log: "syslog", rows: twoHosts, reasons: ["skipped_lines": 2]),
        ReplayStory(log: "kernel", rows: twoHosts, code: 4, reasons: ["kernel_lost": 7]),
        ReplayStory(log: "journal", rows: twoHosts),
    ]

    private static let twoHosts = ["web1/100 nginx": [[3, 1, 0, 2]], "db7/100 sshd": [[2, 0, 2, 0]]]

    /// Held to what the processes did. Not `lost`, whose records cannot tell it.
    static let recorded = [
        ReplayStory(log: "out_of_order"),
        ReplayStory(log: "late_close"),
        ReplayStory(log: "threads"),
        ReplayStory(log: "pid_reuse"),
        ReplayStory(log: "pid_reuse_tick"),
        ReplayStory(log: "fork"),
        ReplayStory(log: "exec_cloexec"),
        ReplayStory(log: "dup_over"),
        ReplayStory(log: "i386_socketcall"),
        ReplayStory(log: "enriched"),
        ReplayStory(log: "hex_comm"),
        ReplayStory(log: "node"),
        ReplayStory(log: "hostile", code: 4, reasons: ["malformed": 3, "skipped_lines": 3]),
    ]

    static let lost = ReplayStory(log: "lost", code: 4, reasons: ["kernel_lost": 1])
    static let all = handwritten + recorded + [lost]

    func lines() throws -> [String] {
        String(decoding: try Data(contentsOf: file("log")), as: UTF8.self).split(separator: "\n").map(
            String.init)
    }

    /// What the processes wrote about themselves, in the order in which they came to hold or end.
    func truth() throws -> [ReplayProcess] {
        try Data(contentsOf: file("truth")).split(separator: 0x0A).map { line in
            try ReplayProcess(
                truth: try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any]))
        }
    }
}

/// One process, as it says itself or as a row says it: everything that the records can tell.
struct ReplayProcess: Equatable, CustomStringConvertible {
    var node: String
    var pid: Int
    var name: [UInt8]
    var ended: Bool
    var opened: ReplayCounts
    var closed: ReplayCounts
    var released: ReplayCounts
    var open: ReplayCounts
    /// "opened closed open" by origin, where any came.
    var others: [String: [Int]]

    init(truth object: [String: Any]) throws {
        let name = try #require(object["comm"] as? String)
        try self.init(
            object, name: try #require(Self.bytes(hex: name)), ended: object["state"] as? String != "running")
    }

    init(row object: [String: Any]) throws {
        let name = try #require(object["name"] as? String)
        let bytes = try (object["name_hex"] as? String).map { try #require(Self.bytes(hex: $0)) }
        let state = try #require(object["state"] as? String)
        #expect(["exited", "unknown"].contains(state))
        try self.init(object, name: bytes ?? Array(name.utf8), ended: state == "exited")
    }

    private init(_ object: [String: Any], name: [UInt8], ended: Bool) throws {
        func counts(_ key: String) throws -> ReplayCounts { try ReplayCounts(object[key]) }
        node = object["node"] as? String ?? ""
        pid = try #require(object["pid"] as? Int)
        self.name = name
        self.ended = ended
        (opened, closed) = (try counts("socket_tot"), try counts("close_tot"))
        (released, open) = (try counts("released"), try counts("still_open"))
        others = [:]
        for (origin, counts) in try #require(object["others"] as? [String: [String: Int]]) {
            let three = try ["opened", "closed", "open"].map { try #require(counts[$0]) }
            if three != [0, 0, 0] { others[origin] = three }
        }
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        let pairs = stride(from: 0, to: digits.count, by: 2).map { digits[$0..<$0 + 2] }
        let found = pairs.compactMap { UInt8(String(decoding: $0, as: UTF8.self), radix: 16) }
        return found.count == pairs.count ? found : nil
    }

    var description: String {
        let counts = [opened, closed, released, open].map { "\($0.tcp)+\($0.udp)+\($0.other)" }
        let more = others.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "\n\(node) \(pid) \(String(decoding: name, as: UTF8.self).debugDescription)"
            + " \(ended ? "ended" : "runs") \(counts.joined(separator: " ")) \(more.joined(separator: ", "))"
    }
}
