import TestSupport
import Testing

@testable import SockAuditCore

/// Held to Dictionary, which it stands in for.
@Suite struct KeyTableTests {
    @Test(arguments: 1..<6)
    func whatADictionaryDoes(_ seed: Int) {
        var random = Seeded(seed)
        var table = KeyTable<Int32, Int>()
        var wanted: [Int32: Int] = [:]
        // Few keys meet often; many make it grow.
        let keys: ClosedRange<Int32> = seed % 2 == 0 ? -8...8 : -2_000...2_000
        for step in 0..<20_000 {
            let key = Int32.random(in: keys, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4:
                table[key] = step
                wanted[key] = step
            case 5...7: #expect(table.removeValue(forKey: key) == wanted.removeValue(forKey: key))
            case 8:
                table[key] = nil
                wanted[key] = nil
            default:
                #expect(table[key] == wanted[key])
                #expect(table.contains(key) == (wanted[key] != nil))
            }
            if step % 5_000 == 4_999 {
                table.removeAll(keepingCapacity: step % 2 == 0)
                wanted.removeAll()
            }
            if step % 500 == 0 { check(table, wanted) }
        }
        check(table, wanted)
    }

    /// Grows to many and shrinks to none, in an order that has nothing to do with that of coming.
    @Test func itShrinks() {
        var random = Seeded(7)
        var table = KeyTable<Int32, Int>()
        var wanted: [Int32: Int] = [:]
        for key in Int32(0)..<10_000 {
            table[key &* 4_096] = Int(key)
            wanted[key &* 4_096] = Int(key)
        }
        check(table, wanted)
        for (index, key) in wanted.keys.sorted().shuffled(using: &random).enumerated() {
            #expect(table.removeValue(forKey: key) == wanted.removeValue(forKey: key))
            if index % 1_000 == 0 || wanted.count < 20 { check(table, wanted) }
        }
        #expect(table.isEmpty)
    }

    /// Who walks through it sees what was there when the walk began.
    @Test func itMayChangeDuringAWalk() {
        var table = KeyTable<Int32, Int>()
        for key in Int32(0)..<100 { table[key] = Int(key) }
        var seen: Set<Int32> = []
        for (key, _) in table {
            seen.insert(key)
            table[key] = nil
        }
        #expect(seen.count == 100 && table.isEmpty)
    }

    private func check(_ table: KeyTable<Int32, Int>, _ wanted: [Int32: Int]) {
        #expect(table.count == wanted.count)
        #expect(table.isEmpty == wanted.isEmpty)
        #expect(Dictionary(uniqueKeysWithValues: table.map { ($0.key, $0.value) }) == wanted)
    }

    @Test func aCopyStaysAsItWas() {
        var table = KeyTable<Int32, Int>()
        for key in 0..<100 { table[Int32(key)] = key }
        for (key, _) in table where key % 2 == 0 { table[key] = nil }
        #expect(table.keys.sorted() == (0..<100).filter { $0 % 2 == 1 }.map(Int32.init))
    }

    @Test func slotsOfTwoNodesAreTwo() {
        var table = KeyTable<SocketLedger.Slot, Int>()
        for node in 0..<20 {
            for pid in 1..<50 {
                table[.init(node: NameID(index: UInt32(node)), pid: Int32(pid))] = node * 100 + pid
            }
        }
        for (slot, value) in table { #expect(Int(slot.node.index) * 100 + Int(slot.pid) == value) }
        #expect(table.count == 20 * 49)
    }
}
