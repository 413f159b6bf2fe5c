import SockAuditCore
import Testing

@testable import AuditStream

@Suite("Lane: events that wait")
struct EventAssemblyTests {
    /// libauparse gives the lowest free place, however many there are.
    @Test("Places are given lowest first, also beyond the few of the beginning, and when they are free again")
    func places() {
        var assembly = EventAssembly(patience: 2)
        for round in 0..<2 {
            let base = round * 1_000
            for index in 0..<300 {
                let serial = UInt64(base + index)
                #expect(assembly.begin(1_000, seconds: 1, serial, .none) == index)
            }
            #expect(assembly.depth == 300)
            for index in 0..<300 {
                #expect(assembly.find(1_000, UInt64(base + index), .none) == index)
                #expect(assembly.events[index].event.serial == UInt64(base + index))
            }
            // One in the middle is free and is the next that is given.
            for place in [0, 1, 7] { assembly.end(place) }
            #expect(assembly.next() == 0)
            #expect(assembly.next() == 1)
            #expect(assembly.next() == nil)
            #expect(assembly.begin(2_000, seconds: 2, UInt64(base + 900), .none) == 0)
            assembly.endAll()
            var given: [Int] = []
            while let place = assembly.next() { given.append(place) }
            #expect(given == Array(2..<300) + [0])
            #expect(assembly.depth == 0)
        }
    }
}
