import Testing

@testable import SockAuditCore

/// The note about accepted sockets that stay open.
@Suite struct AcceptedGrowthTests {
    private func serve(_ bench: Bench, accepted: ClosedRange<Int32>, closed: ClosedRange<Int32>? = nil) {
        for fd in accepted { bench.call(10, .accept(fd: fd, listener: 3, closeOnExec: false)) }
        for fd in closed ?? 0...0 where closed != nil { bench.close(10, fd) }
    }

    @Test func itIsToldWhenItGrows() throws {
        let bench = Bench()
        bench.start(10)
        bench.socket(10, 3)
        serve(bench, accepted: 4...8, closed: 4...5)
        let note = try #require(AcceptedGrowth.note(bench.rows()))
        #expect(note.code == .othersGrow && note.code.verdict == nil && note.count == 1)
        #expect(note.text.contains("nginx (10) 3, 3 more than before"))
        // As many as before, fewer than before: nothing to tell.
        serve(bench, accepted: 20...21, closed: 6...7)
        #expect(AcceptedGrowth.note(bench.rows()) == nil)
        serve(bench, accepted: 30...30, closed: 20...21)
        #expect(AcceptedGrowth.note(bench.rows()) == nil)
        serve(bench, accepted: 40...43)
        #expect(AcceptedGrowth.note(bench.rows())?.text.contains("6, 4 more") == true)
    }

    @Test func onlyTheWorstAreNamed() throws {
        let rows = (1...5).map { number in
            var row = Row()
            row.pid = Int32(number)
            row.name = Array("srv\u{1B}".utf8)
            row.acceptedGrowth = number
            row.state = number == 5 ? .exited : .running
            return row
        }
        let note = try #require(AcceptedGrowth.note(rows))
        #expect(note.count == 4)
        #expect(note.text.contains("(4)") && note.text.contains("(2)") && !note.text.contains("(1)"))
        #expect(note.text.contains("and 1 more processes"))
        #expect(!note.text.contains("\u{1B}"))
    }
}
