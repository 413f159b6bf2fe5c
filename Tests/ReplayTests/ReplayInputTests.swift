import AuditStream
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

@Suite("Replay: shapes of input")
struct ReplayInputTests {
    @Test("Two hosts in one log, with equal pids, stamps and serials, are rows of their own")
    func nodes() throws {
        let lines = try ReplayFixtures.sampleLines()
        let folder = try Scratch()
        let merged = lines.flatMap { ["node=web1 \($0)", "node=web2 \($0)"] }
        let report = try ReplayReport.run(try folder.write("merged.log", merged))
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        report.checkSums()
        #expect(report.rows.count == 2 * plain.rows.count)
        for node in ["web1", "web2"] {
            let own = report.rows.filter { $0.node == node }
            #expect(own.count == plain.rows.count)
            for row in plain.rows {
                #expect(own.first { $0.pid == row.pid }?.figures == row.figures, "\(node) \(row.pid)")
            }
        }
        #expect(report.totals.opened == plain.totals.opened + plain.totals.opened)
    }

    @Test("After a reboot the processes of before have exited; an equal pid is a new row")
    func reboot() throws {
        let at = 1_700_000_000
        var lines: [String] = []
        for (index, pid) in [100, 100, 101].enumerated() {
            lines.append(ReplayLine.socket(3 + index, pid: pid, serial: 9_000 + index, at: at + index))
        }
        lines.append(ReplayLine.socket(3, pid: 100, serial: 20, at: at + 120))
        lines.append(ReplayLine.socket(4, pid: 100, serial: 21, at: at + 121))
        lines.append(ReplayLine.close(4, pid: 100, serial: 22, at: at + 121))
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        report.checkSums()
        #expect(report.rows.count == 3)
        let ended = report.rows.filter { $0.state == "exited" }
        #expect(Set(ended.map(\.pid)) == [100, 101])
        #expect(ended.allSatisfy { $0.figures.open.total == 0 && $0.figures.closed.total == 0 })
        #expect(ended.reduce(0) { $0 + $1.figures.released.total } == 3)
        let new = try #require(report.rows.first { $0.state != "exited" })
        #expect(new.pid == 100)
        #expect(new.figures.opened.total == 2)
        #expect(new.figures.closed.total == 1)
        #expect(new.figures.open.total == 1)
    }

    @Test("A reboot of one host ends nothing of another")
    func rebootOfOne() throws {
        let at = 1_700_000_000
        let lines = [
            "node=a " + ReplayLine.socket(3, pid: 100, serial: 9_000, at: at),
            "node=b " + ReplayLine.socket(3, pid: 100, serial: 9_000, at: at),
            "node=a " + ReplayLine.socket(3, pid: 100, serial: 20, at: at + 60),
            "node=b " + ReplayLine.socket(4, pid: 100, serial: 9_100, at: at + 60),
        ]
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        #expect(report.rows.filter { $0.node == "a" }.count == 2)
        #expect(report.rows.filter { $0.node == "b" }.map(\.figures.open.total) == [2])
    }

    @Test("A rotated set is its concatenation, cut between any two lines, compressed or not")
    func rotated() throws {
        let lines = try ReplayFixtures.sampleLines()
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        for cuts in [(500, 1_501), (1, 2), (1_000, 1_001)] {
            let folder = try Scratch()
            try folder.write("audit.log.2", Array(lines[..<cuts.0]))
            try folder.write("audit.log.1", Array(lines[cuts.0..<cuts.1]))
            try folder.write("audit.log", Array(lines[cuts.1...]))
            #expect(try ReplayReport.run(folder.path).table == plain.table)
            _ = try folder.gzip("audit.log.2")
            #expect(try ReplayReport.run(folder.path).table == plain.table)
            let named = try ReplayReport.run(
                "\(folder.path)/audit.log.2.gz", "\(folder.path)/audit.log.1", "\(folder.path)/audit.log")
            #expect(named.table == plain.table)
        }
    }

    @Test("A compressed log gives the same table")
    func compressed() throws {
        let folder = try Scratch()
        try folder.write("audit.log", try Data(contentsOf: URL(fileURLWithPath: ReplayFixtures.sample)))
        let packed = try folder.gzip("audit.log")
        #expect(try ReplayReport.run(packed).table == (try ReplayReport.run(ReplayFixtures.sample)).table)
    }

    @Test("Line ends, ausearch's marks and EOE records change no figure")
    func dressed() throws {
        let lines = try ReplayFixtures.sampleLines()
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        let folder = try Scratch()
        let crlf = try ReplayReport.run(try folder.write("crlf.log", lines.map { $0 + "\r" }))
        #expect(crlf.rows == plain.rows)
        let marked = lines.flatMap {
            $0.hasPrefix("type=SYSCALL") ? ["----", "time->Tue Nov 24 01:00:00 2026", $0] : [$0]
        }
        let ausearch = try ReplayReport.run(try folder.write("ausearch.log", marked))
        #expect(ausearch.table == plain.table)
        let ended = lines.flatMap { line -> [String] in
            guard line.hasPrefix("type=PROCTITLE"), let colon = line.firstIndex(of: ")") else {
                return [line]
            }
            return [line, line[...colon].replacing("type=PROCTITLE", with: "type=EOE") + ": "]
        }
        let eoe = try ReplayReport.run(try folder.write("eoe.log", ended))
        #expect(eoe.rows == plain.rows)
        #expect(eoe.reasons.isEmpty)
    }

    /// Records of several events stand among each other, as two processors write them; those of
    /// one event keep their order.
    @Test("Records shuffled within 50 lines give equal figures", arguments: 1...10)
    func shuffled(_ seed: Int) throws {
        var random = Seeded(seed)
        var latest: [Substring: Double] = [:]
        let keyed = try ReplayFixtures.sampleLines().enumerated().map {
            index, line -> (Double, Int, String) in
            let serial = line.split(separator: ")")[0].split(separator: ":").last ?? ""
            let wish = Double(index) + Double.random(in: 0..<50, using: &random)
            let key = max(wish, latest[serial] ?? 0)
            latest[serial] = key
            return (key, index, line)
        }
        let lines = keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        let plain = try ReplayReport.run(ReplayFixtures.sample)
        report.checkSums()
        for row in plain.rows {
            let found = report.rows.first { $0.pid == row.pid }
            #expect(found?.figures == row.figures, "seed \(seed), pid \(row.pid)")
        }
        #expect(report.rows.count == plain.rows.count)
        #expect(report.totals == plain.totals)
    }

    @Test("Also when the records of one event change places", arguments: 1...5)
    func shuffledRecords(_ seed: Int) throws {
        var random = Seeded(seed)
        let keyed = try ReplayFixtures.sampleLines().enumerated().map {
            (Double($0.offset) + Double.random(in: 0..<50, using: &random), $0.element)
        }
        let lines = keyed.sorted { $0.0 < $1.0 }.map(\.1)
        let folder = try Scratch()
        let report = try ReplayReport.run(try folder.write("audit.log", lines))
        report.checkSums()
        #expect(report.totals == (try ReplayReport.run(ReplayFixtures.sample)).totals, "seed \(seed)")
    }
}
