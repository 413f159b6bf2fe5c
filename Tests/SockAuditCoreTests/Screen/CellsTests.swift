import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct CellsTests {
    @Test(arguments: [
        ("", 0), ("nginx", 5), ("é", 1), ("日本", 4), ("ｗ", 2), ("🦀", 2), ("⌚", 2), ("✅", 2), ("🇩🇪", 4),
        ("한", 2),
        ("\u{2581}", 1), ("𠀀", 2), ("〈", 2), ("Ж", 1), ("〇", 2),
    ])
    func width(text: String, cells: Int) { #expect(Escaping.displayWidth(text) == cells) }

    @Test(arguments: [
        ("nginx", 5, "nginx"), ("nginx", 4, "ngi~"), ("nginx", 1, "~"), ("nginx", 0, ""), ("日本語", 6, "日本語"),
        ("日本語", 5, "日本~"), ("日本語", 4, "日~"), ("a日", 2, "a~"), ("日", 1, "~"),
    ])
    func clip(text: String, cells: Int, expected: String) { #expect(Cells.clip(text, to: cells) == expected) }

    @Test func nothingIsWiderThanItMayBe() {
        for seed in 1...300 {
            var random = Seeded(seed)
            let text = Escaping.visible(random.bytes(Int.random(in: 0...60, using: &random)))
            let columns = Int.random(in: 0...30, using: &random)
            #expect(Escaping.displayWidth(Cells.clip(text, to: columns)) <= columns)
            for line in Cells.wrap(text, to: max(1, columns)) {
                #expect(Escaping.displayWidth(line) <= max(1, columns))
            }
        }
    }

    @Test func words() {
        #expect(Cells.wrap("the quick brown fox", to: 10) == ["the quick", "brown fox"])
        #expect(Cells.wrap("unbreakable a", to: 6) == ["unbre~", "a"])
        #expect(Cells.wrap("", to: 6) == [])
    }

    @Test func withoutUTF8() {
        #expect(Escaping.ascii("nginx") == "nginx")
        #expect(Escaping.ascii("é日🦀") == "\\u{00e9}\\u{65e5}\\u{1f980}")
    }
}

@Suite struct SparklineTests {
    @Test(arguments: [
        ([Int](), ""), ([0, 0, 0], "▁▁▁"), ([5], "▁"), ([1_000, 1_001], "▁▂"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([0, 700], "▁█"), ([10, 3, 10], "█▁█"), ([0, 70, 35], "▁█▄"),
    ])
    func blocks(values: [Int], picture: String) {
        #expect(Sparkline.text(values, width: 20, isUnicode: true) == picture)
    }

    @Test func onlyTheNewestThatFit() {
        #expect(Sparkline.text([9, 0, 7], width: 2, isUnicode: false) == "_#")
        #expect(Sparkline.text([1], width: 0, isUnicode: false) == "")
    }

    @Test func whatIsRememberedIsBounded() {
        var recent = RecentOpen()
        let keyed = RunHistory()
        let rows = (1...5_000).map { number -> Row in
            var row = Samples.nginx()
            row.pid = Int32(number)
            row.figures = Samples.figures(FamilyCounts(tcp: number % 1_000))
            return row
        }
        for _ in 0..<(RecentOpen.tables + 5) { recent.take(rows, total: 7, key: keyed.key) }
        #expect(recent.count == RecentOpen.rows)
        #expect(recent.totals.count == RecentOpen.tables)
        #expect(recent.of(keyed.key(rows[998])).count == RecentOpen.tables)
        #expect(recent.of(keyed.key(rows[0])).isEmpty, "those with the most are kept")
        // What holds nothing any more goes when its picture is empty.
        var gone = rows[998]
        gone.figures = Samples.figures(FamilyCounts(tcp: 1), closed: FamilyCounts(tcp: 1))
        for _ in 0..<RecentOpen.tables { recent.take([gone], total: 0, key: keyed.key) }
        #expect(recent.count == 0)
    }
}

@Suite struct FrameQueueTests {
    private func text(_ queue: inout FrameQueue) -> String? {
        queue.next().map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func onlyWhatChangedIsSent() {
        var queue = FrameQueue()
        queue.show(["a", "b", "c"])
        #expect(text(&queue)?.contains("[2J") == true)
        queue.show(["a", "x", "c"])
        #expect(text(&queue) == "\u{1B}[2;1H\u{1B}[Kx")
        queue.show(["a", "x", "c"])
        #expect(!queue.isWaiting && text(&queue) == nil)
        queue.show(["a"])
        #expect(text(&queue) == "\u{1B}[2;1H\u{1B}[J")
    }

    @Test func whatWasNotBegunIsReplaced() {
        var queue = FrameQueue()
        queue.show(["old"])
        _ = queue.next()
        queue.show(["skipped"])
        queue.show(["new"])
        #expect(queue.isWaiting)
        #expect(text(&queue) == "\u{1B}[1;1H\u{1B}[Knew")
        // Back to what stands there already: nothing is to be sent.
        queue.show(["skipped"])
        queue.show(["new"])
        #expect(!queue.isWaiting)
    }

    @Test func paintedAnew() {
        var queue = FrameQueue()
        queue.show(["a", "b"])
        _ = queue.next()
        queue.repaint()
        #expect(text(&queue) == "\u{1B}[0m\u{1B}[2J\u{1B}[1;1H\u{1B}[Ka\u{1B}[2;1H\u{1B}[Kb")
    }
}
