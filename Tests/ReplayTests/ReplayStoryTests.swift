import Foundation
import SockAuditRuntime
import Testing

/// Small logs, each with one thing that can go wrong (Tests/Fixtures/logs), and the figures that a
/// person gets from reading them.
@Suite("Replay: small logs, one story each")
struct ReplayStoryTests {
    struct Story: Sendable, CustomTestStringConvertible {
        var log: String
        /// SocketTOT, CloseTOT, Released, StillOPEN by "[node/]pid name", in the order of starts.
        var rows: [String: [[Int]]]
        var code: Int32 = 0
        var reasons: [String: Int] = [:]
        var testDescription: String { log }
    }

    static let stories: [Story] = [
        // A failed socket() and an EBADF close count nothing; a close that fails with EINTR does;
        // dup2 over 5 releases; a close seconds later than its socket() is its close.
        Story(log: "normal", rows: ["100 nginx": [[5, 3, 1, 1]], "200 curl": [[2, 1, 1, 0]]]),
        Story(log: "out_of_order", rows: ["100 nginx": [[4, 3, 0, 1]]]),
        Story(log: "pid_reuse", rows: ["100 nginx": [[2, 1, 1, 0]], "100 curl": [[2, 1, 0, 1]]]),
        Story(log: "fork", rows: ["100 nginx": [[2, 1, 0, 1]], "150 cgi": [[2, 0, 2, 0]]]),
        Story(
            log: "i386",
            rows: ["100 old": [[2, 1, 1, 0]], "200 new": [[1, 0, 0, 1]], "300 arm": [[1, 1, 0, 0]]],
            reasons: ["arch_unseen": 1]),
        Story(
            log: "enriched",
            rows: [
                "web1.example/100 nginx": [[2, 1, 0, 1]], "web2.example/100 redis-server": [[2, 2, 0, 0]],
            ]),
        Story(
            log: "hostile",
            rows: [
                "100 \u{1B}]0;pwned\n": [[1, 1, 0, 0]], "101 \\xff\0\\xfe": [[1, 0, 0, 1]],
                "102 TOTAL": [[2, 2, 0, 0]],
            ], code: 4, reasons: ["malformed": 1, "skipped_lines": 1]),
        Story(log: "lost", rows: ["100 nginx": [[8, 4, 0, 4]]], code: 4, reasons: ["malformed": 1]),
        Story(
            log: "two_boots",
            rows: ["100 nginx": [[2, 1, 1, 0], [1, 0, 0, 1]], "101 nginx": [[1, 0, 0, 1]]]),
    ]

    @Test("The figures are those that a reader gets", arguments: stories)
    func figures(_ story: Story) throws {
        let log = ReplayFixtures.folder.appendingPathComponent("logs/\(story.log).log").path
        let report = try ReplayReport.run(log)
        report.checkSums()
        #expect(report.code == story.code)
        #expect(report.reasons == story.reasons)
        #expect(report.verdict == (story.code == 4 ? "lossy" : "unverified"))
        var found: [String: [[Int]]] = [:]
        for row in report.rows {
            let f = row.figures
            let name = (row.node.isEmpty ? "" : row.node + "/") + "\(row.pid) \(row.name)"
            found[name, default: []].append([f.opened.total, f.closed.total, f.released.total, f.open.total])
        }
        // Rows of one pid and name: the one that ended first began first.
        for name in found.keys { found[name]?.sort { $0[3] < $1[3] } }
        #expect(found == story.rows)
    }

    /// Every cut of every story: no crash, and the sums hold.
    @Test("Cut anywhere, the sums hold", arguments: stories)
    func cut(_ story: Story) throws {
        let log = ReplayFixtures.folder.appendingPathComponent("logs/\(story.log).log")
        let data = try Data(contentsOf: log)
        let folder = try ReplayFolder()
        for length in stride(from: 1, to: data.count, by: 97) {
            let report = try ReplayReport.run(try folder.write("cut.log", data.prefix(length)))
            report.checkSums()
            #expect([0, 1, 4].contains(report.code))
        }
    }
}
