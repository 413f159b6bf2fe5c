import TestSupport
import Testing

@testable import SockAuditCore

/// Counters never fall, and all names together are what was opened, whatever becomes of the processes.
@Suite struct MetricSumsTests {
    private func row(_ name: String, _ pid: Int32, opened: Int, closed: Int = 0, start: Int64 = 5) -> Row {
        var row = Row()
        row.pid = pid
        row.start = start
        row.name = Array(name.utf8)
        row.figures = Samples.figures(FamilyCounts(tcp: opened), closed: FamilyCounts(tcp: closed))
        return row
    }

    private func told(_ sums: MetricSums, _ name: String) -> Int {
        sums.names[Array(name.utf8)]?.told[0] ?? 0
    }

    @Test func namesAreSummed() {
        var sums = MetricSums()
        sums.take([
            row("nginx", 1, opened: 3), row("nginx", 2, opened: 4, closed: 1), row("sh", 3, opened: 1),
        ])
        #expect(told(sums, "nginx") == 7 && told(sums, "sh") == 1)
        #expect(sums.names[Array("nginx".utf8)]?.open == FamilyCounts(tcp: 6))
        #expect(sums.names[Array("nginx".utf8)]?.told[4] == 1)
    }

    @Test func anExecMovesNothing() {
        var sums = MetricSums()
        sums.take([row("sh", 1, opened: 5)])
        sums.take([row("nginx", 1, opened: 7)])
        #expect(told(sums, "sh") == 5 && told(sums, "nginx") == 2)
        #expect(sums.names[Array("sh".utf8)]?.open == FamilyCounts())
    }

    @Test func whatFoldsIsNotCountedTwice() {
        var sums = MetricSums()
        sums.take([row("curl", 1, opened: 5), row("curl", 2, opened: 1)])
        // The first one went on before it ended and folded; another came and went unseen.
        sums.take([row("curl (ended)", 0, opened: 6 + 2), row("curl", 2, opened: 1)])
        #expect(told(sums, "curl") == 9)
        sums.take([row("curl (ended)", 0, opened: 9)])
        #expect(told(sums, "curl") == 9)
    }

    @Test func aFoldUnderAnotherName() {
        var sums = MetricSums()
        sums.take([row("sh", 1, opened: 5), row("sh", 2, opened: 1)])
        // It was renamed before it ended, or its name is one of too many.
        sums.take([row("(ended)", 0, opened: 5), row("sh", 2, opened: 3)])
        #expect(told(sums, "sh") == 8 && told(sums, "(ended)") == 0)
        sums.take([row("(ended)", 0, opened: 8)])
        #expect(told(sums, "sh") == 8 && told(sums, "(ended)") == 0)
    }

    @Test func aPidUsedAgain() {
        var sums = MetricSums()
        sums.take([row("a", 1, opened: 5, start: 1)])
        sums.take([row("a (ended)", 0, opened: 5), row("b", 1, opened: 9, start: 2)])
        #expect(told(sums, "a") + told(sums, "b") == 14)
        // One whose start was learned is the same one.
        sums.take([row("a (ended)", 0, opened: 5), row("b", 1, opened: 10, start: 3)])
        #expect(told(sums, "a") + told(sums, "b") == 15)
    }

    @Test func aCorrectionDoesNotLowerACounter() {
        var sums = MetricSums()
        sums.take([row("a", 1, opened: 5, closed: 3)])
        sums.take([row("a", 1, opened: 5, closed: 2)])
        #expect(sums.names[Array("a".utf8)]?.told[4] == 3)
        sums.take([row("a", 1, opened: 6, closed: 4)])
        #expect(sums.names[Array("a".utf8)]?.told[4] == 4)
    }

    @Test func namesWithoutEnd() {
        var sums = MetricSums()
        for table in 0..<3 {
            let rows = (0..<1_500).map { row("n\(table)-\($0)", Int32(table * 1_500 + $0 + 1), opened: 1) }
            sums.take(rows)
        }
        #expect(sums.names.count == MetricSums.nameLimit + 1)
        #expect(sums.names.values.reduce(0) { $0 + $1.told[0] } == 4_500)
    }

    /// Processes come, open, close, change their names, end and fold as they like, in a small world.
    @Test(arguments: 0..<60)
    func aRandomLife(_ seed: Int) {
        var random = Seeded(seed)
        var sums = MetricSums()
        var living: [Row] = []
        var ended: [Row] = []
        var folded: [String: Row] = [:]
        var pid: Int32 = 1
        var opened = 0
        var before: [[UInt8]: MetricSums.Flow] = [:]
        for table in 0..<40 {
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                living.append(row(random.pick(["a", "b", "c"]), pid, opened: 0, start: Int64(table)))
                pid += 1
            }
            for index in living.indices {
                let more = Int.random(in: 0...3, using: &random)
                opened += more
                living[index].figures.socketTotal.tcp += more
                living[index].figures.stillOpen.tcp += more
                if random.chance(20) { living[index].name = Array(random.pick(["a", "b", "d"]).utf8) }
            }
            while !living.isEmpty, random.chance(50) {
                ended.append(living.remove(at: Int.random(in: 0..<living.count, using: &random)))
            }
            while ended.count > 3 {
                let old = ended.removeFirst()
                let name = String(decoding: old.name, as: UTF8.self)
                // No more than two names have a fold of their own.
                let key =
                    folded.count >= 2 && folded[name + " (ended)"] == nil ? "(ended)" : name + " (ended)"
                var fold = folded[key] ?? row(key, 0, opened: 0)
                fold.figures += old.figures
                folded[key] = fold
            }
            let rows = living + ended + folded.values
            sums.take(rows)
            for (name, sum) in sums.names {
                let last = before[name] ?? MetricSums.Flow()
                #expect(pointwiseMax(sum.told, last) == sum.told, "a counter fell, seed \(seed)")
            }
            before = sums.names.mapValues(\.told)
            #expect(sums.names.values.reduce(0) { $0 + $1.told[0] } == opened, "table \(table), seed \(seed)")
        }
    }
}
