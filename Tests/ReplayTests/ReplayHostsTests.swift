import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// The same over logs of several hosts, each with serials, clock and pace of its own.
extension ReplayTimeTests {
    /// A call of one of a host's fifty processes.
    private func call(_ node: String, _ number: Int, second: Int) -> String {
        let (fd, pid) = (3 + number / 50, 7 + number % 50)
        return "node=\(node) "
            + ReplayLine.socket(fd, pid: pid, serial: 100 + number, at: Self.base + second)
    }

    @Test("Logs of several hosts, each in its file, are one stream of time")
    func sideBySide() throws {
        let folder = try Scratch()
        let all = try ReplayFixtures.sampleLines()
        // Cut into three, so that logs come and go while others are read.
        try folder.write("web.log.1", all[..<700].map { "node=web1 " + $0 })
        try folder.write("web.log", all[700...].map { "node=web1 " + $0 })
        try folder.write("db.log", all.map { "node=db7 " + $0 })
        _ = try folder.gzip("db.log")
        let merged = try folder.write("both", all.flatMap { ["node=web1 " + $0, "node=db7 " + $0] })
        let wanted = try ReplayReport.tables(merged) { $0.every = 0.5 }
        let found = try ReplayReport.tables(folder.path) { $0.every = 0.5 }
        #expect(found.count == wanted.count && found.count > 3)
        for (a, b) in zip(found, wanted) {
            #expect(try a.head("time") as String == b.head("time"))
            #expect(a.totals == b.totals)
            #expect(a.rows.count == b.rows.count)
        }
        #expect(found.last?.reasons == [:])
    }

    @Test("A quiet host's calls are in the interval in which they were made")
    func quietNode() throws {
        // One call in each interval on the one, thousands on the other.
        var merged: [String] = []
        for number in 0..<20_000 {
            if number % 5_000 == 0 { merged.append(call("quiet", number / 5_000, second: number / 500)) }
            merged.append(call("busy", number, second: number / 500))
        }
        let found = try tables(merged) { $0.every = 10 }
        #expect(found.count == 4)
        for (index, table) in found.enumerated() {
            for (node, calls) in [("quiet", 1), ("busy", 5_000)] {
                let opened = table.rows.filter { $0.node == node }.map(\.figures.opened.total)
                #expect(opened.reduce(0, +) == (index + 1) * calls, "\(node)")
            }
        }
    }

    @Test("Every host's calls are in their intervals, whatever each of them waits for")
    func manyNodes() throws {
        // Each quiet host calls once, in seconds 1 to 8, when the busy one is silent.
        var merged = [call("first", 0, second: 0)]
        merged += (0..<3_000).map { call("busy", $0, second: 0) }
        merged += (1...8).map { call("quiet\($0)", 0, second: $0) }
        merged += (3_000..<9_000).map { call("busy", $0, second: 9 + ($0 - 3_000) / 3_000) }
        let found = try tables(merged) { $0.every = 1 }
        #expect(
            found.map(\.totals.openedLast.total) == [3_001] + Array(repeating: 1, count: 8) + [3_000, 3_000])
    }

    @Test("Logs that are long enough for threads of their own come to the same tables")
    func sideBySideLong() throws {
        let folder = try Scratch()
        let long = try folder.write("web.log", (0..<60_000).map { call("web1", $0, second: $0 / 1_000) })
        try folder.write("db.log", (0..<60_000).map { call("db7", $0, second: $0 / 1_000) })
        let packed = try folder.gzip("db.log")
        for (path, least) in [(long, 1 << 22), (packed, 1 << 18)] {
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0 > least)
        }
        let found = try ReplayReport.tables(folder.path) { $0.every = 10 }
        // Each second 1,000 on each host; the first interval ends at a full ten seconds.
        #expect(try found.map { try $0.head("time") as String }.count == 6)
        #expect(found.map(\.totals.opened.total) == (1...6).map { $0 * 20_000 })
        #expect(found.map(\.totals.openedLast.total) == Array(repeating: 20_000, count: 6))
        #expect(found.last?.rows.count == 100)
        #expect(found.last?.reasons == [:])
    }

    @Test("A log of several that is damaged is told of; the others are whole")
    func sideBySideDamaged() throws {
        let folder = try Scratch()
        try folder.write("a.log", story.map { "node=a " + $0 } + ["type=SYSCALL msg=audit(17"])
        try folder.write("b.log", story.map { "node=b " + $0 })
        let whole = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("b.log")))
        try folder.write("b.log.gz", whole.dropLast(4))
        let found = try ReplayReport.tables(folder.path) { $0.every = 20 }
        #expect(found.last?.code == 2)
        #expect(found.last?.reasons == ["malformed": 1, "input_damaged": 1])
        for node in ["a", "b"] {
            let rows = try #require(found.last).rows.filter { $0.node == node }
            // By what is still open, the most first.
            #expect(rows.map { numbers($0.figures) } == [[1, 0, 0, 1], [2, 2, 0, 0]])
        }
    }
}
