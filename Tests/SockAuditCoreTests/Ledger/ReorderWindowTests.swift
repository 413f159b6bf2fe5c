import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct ReorderWindowTests {
    private func event(_ serial: UInt64, _ stamp: Int64 = 0) -> AuditEvent {
        AuditEvent(serial: serial, stamp: 1_700_000_000_000 + stamp, pid: 1, operation: .exitThread)
    }

    /// What comes out, serials and 0 for a restart.
    private func run(_ window: inout ReorderWindow, _ events: [AuditEvent], flush: Bool = true) -> [UInt64] {
        var out: [UInt64] = []
        func take(_ output: ReorderWindow.Output) {
            switch output {
            case .event(let event): out.append(event.serial)
            case .restart: out.append(0)
            }
        }
        for event in events { window.push(event, take) }
        if flush { window.flush(take) }
        return out
    }

    @Test func inOrderStaysInOrder() {
        var window = ReorderWindow(span: 8)
        #expect(run(&window, (1...50).map { event($0) }) == Array(1...50))
        #expect(window.late == 0 && window.depth == 0)
    }

    @Test func eventsWaitForOneThatIsASpanLater() {
        var window = ReorderWindow(span: 10)
        #expect(run(&window, [event(5), event(7), event(14)], flush: false).isEmpty)
        #expect(window.depth == 3)
        #expect(run(&window, [event(15)], flush: false) == [5])
        #expect(run(&window, [event(6), event(17)], flush: false) == [6, 7])
        #expect(window.late == 0)
    }

    @Test(arguments: 0..<20)
    func anyOrderWithinTheSpanIsPutRight(_ seed: Int) {
        var random = Seeded(seed)
        var serials = Array(UInt64(1)...500)
        for start in stride(from: 0, to: 500, by: 20) { serials[start..<start + 20].shuffle(using: &random) }
        var window = ReorderWindow(span: 40)
        #expect(run(&window, serials.map { event($0) }) == Array(1...500))
        #expect(window.late == 0)
    }

    @Test func whatComesTooLateGoesThroughAndIsCounted() {
        var window = ReorderWindow(span: 10, detectsRestart: false)
        #expect(run(&window, [event(1), event(20), event(40), event(3)]) == [1, 20, 3, 40])
        #expect(window.late == 1)
    }

    @Test func afterAFlushLowerSerialsAreLate() {
        var window = ReorderWindow(span: 100)
        #expect(run(&window, [event(10), event(12)]) == [10, 12])
        #expect(run(&window, [event(11), event(13)]) == [11, 13])
        #expect(window.late == 1)
    }

    /// On a quiet stream nothing newer comes that would let the last ones out.
    @Test func whatHasWaitedATurnGoesOn() {
        var window = ReorderWindow(span: 100)
        var out: [UInt64] = []
        func age() { window.age { if case .event(let event) = $0 { out.append(event.serial) } } }
        #expect(run(&window, [event(12), event(10)], flush: false).isEmpty)
        age()
        #expect(out.isEmpty)
        // Within the turn the missing one comes; what is new waits for a turn of its own.
        #expect(run(&window, [event(11), event(20)], flush: false).isEmpty)
        age()
        #expect(out == [10, 11, 12])
        #expect(window.depth == 1)
        age()
        #expect(out == [10, 11, 12, 20] && window.depth == 0 && window.late == 0)
    }

    @Test func twoEventsOfOneSerialBothComeOut() {
        var window = ReorderWindow(span: 4)
        #expect(run(&window, [event(9), event(9), event(8)]) == [8, 9, 9])
    }

    @Test func manyEventsWaitAndNoneIsLost() {
        var window = ReorderWindow()
        var random = Seeded(1)
        var serials = Array(UInt64(1)...20_000)
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            serials[start..<start + 1_000].shuffle(using: &random)
        }
        #expect(run(&window, serials.map { event($0) }) == Array(1...20_000))
    }

    // MARK: boots

    @Test func serialsThatBeginAnewAreABoot() {
        var window = ReorderWindow(span: 10)
        let events = [event(90_000, 0), event(90_001, 5), event(3, 60_000), event(4, 60_010)]
        #expect(run(&window, events) == [90_000, 90_001, 0, 3, 4])
        #expect(window.late == 0)
    }

    @Test func aShortBootThatEndedLongAgo() {
        var window = ReorderWindow(span: 4_096)
        #expect(run(&window, [event(500, 0), event(7, 90_000)]) == [500, 0, 7])
    }

    @Test func twoBoots() {
        var window = ReorderWindow(span: 10)
        let events = [event(400_000, 0), event(9, 50_000), event(400_000, 60_000), event(11, 120_000)]
        #expect(run(&window, events) == [400_000, 0, 9, 400_000, 0, 11])
    }

    @Test func aBlockedCallIsNoBoot() {
        var window = ReorderWindow(span: 10)
        // An accept that waited for a minute: its serial is in order, its stamp is old.
        #expect(run(&window, [event(500, 60_000), event(501, 0), event(502, 60_010)]) == [500, 501, 502])
    }

    @Test func aLateEventIsNoBoot() {
        var window = ReorderWindow(span: 10)
        #expect(run(&window, [event(500, 100), event(520, 110), event(490, 90)]) == [500, 490, 520])
        #expect(window.late == 1)
    }

    @Test func aLiveStreamHasNoBoots() {
        var window = ReorderWindow(span: 10, detectsRestart: false)
        #expect(run(&window, [event(90_000, 0), event(3, 60_000)]) == [3, 90_000])
    }

    /// The kernel's serial has 32 bits (kernel/audit.c, audit_serial): it goes from 4294967295 to 0
    /// after some days of a thousand events a second. That is no boot, and order is still order.
    @Test(arguments: [true, false])
    func serialsThatWrapGoOn(_ detectsRestart: Bool) {
        var window = ReorderWindow(span: 16, detectsRestart: detectsRestart)
        let top = UInt64(UInt32.max)
        let serials: [UInt64] = [top - 3, top - 1, top - 2, top, 2, 1, 3, 5, 4, 40, 30, 60]
        let out = run(&window, serials.enumerated().map { event($0.element, Int64($0.offset)) })
        #expect(out == [top - 3, top - 2, top - 1, top, 1, 2, 3, 4, 5, 30, 40, 60])
        #expect(window.late == 0)
    }

    /// A log read twice, or copied into itself: no serial twice means no more than the span waits.
    @Test func aLogThatRepeatsItselfDoesNotPileUp() {
        var window = ReorderWindow(span: 64)
        var out = 0
        for _ in 0..<50 {
            for serial in 1_000..<1_064 {
                let event = AuditEvent(serial: UInt64(serial), stamp: 5, pid: 1, operation: .exitThread)
                window.push(event) { _ in out += 1 }
                #expect(window.depth <= 65)
            }
        }
        window.flush { _ in out += 1 }
        #expect(out == 50 * 64)
    }
}
