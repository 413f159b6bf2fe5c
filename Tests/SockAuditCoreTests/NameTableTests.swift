import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct NameTableTests {
    @Test func sameBytesSameHandle() {
        let table = NameTable()
        var handles: [NameID: [UInt8]] = [:]
        var random = Seeded(2)
        var names: [[UInt8]] = []
        for _ in 0..<5_000 { names.append(random.bytes(Int.random(in: 0...12, using: &random))) }
        for name in names + names.reversed() {
            let id = table.intern(name)
            #expect(handles[id] ?? name == name)
            handles[id] = name
            #expect(table[id] == name)
        }
        #expect(table.count == Set(names + [[]]).count)
    }

    @Test func theEmptyNameIsNone() {
        let table = NameTable()
        #expect(table.intern([UInt8]()) == .none)
        #expect(table[.none].isEmpty)
        #expect(table[NameID(index: 77)].isEmpty, "a handle of another table is no crash")
    }

    @Test func collectionsWithoutStorageToo() {
        let table = NameTable()
        let id = table.intern(Array("abc".utf8))
        #expect(table.intern("abc".utf8.map { $0 }) == id)
        #expect(table.intern([UInt8]("cba".utf8).reversed()) == id)
    }

    // MARK: sweeping

    /// A name for each number; none is asked for twice.
    private func fill(_ table: NameTable, _ numbers: Range<Int>) -> [NameID] {
        numbers.map { table.intern(Array("name\($0)".utf8)) }
    }

    @Test func whatNobodyBearsGoesAfterTwoSweeps() {
        let table = NameTable()
        let old = fill(table, 0..<1_000)
        let kept = Set(old.enumerated().filter { $0.offset % 10 == 0 }.map(\.element))
        func sweep() {
            table.sweep { mark in for id in kept { mark(id) } }
        }
        sweep()
        #expect(table.count == 1_001, "it may be on its way still")
        let asked = table.intern(Array("name7".utf8))
        #expect(asked == old[7])
        sweep()
        #expect(table.count == 102)
        for (number, id) in old.enumerated() {
            let text = String(decoding: table[id], as: UTF8.self)
            #expect(text == (number % 10 == 0 || number == 7 ? "name\(number)" : ""))
        }
        #expect(table[.none].isEmpty && table.intern([UInt8]()) == .none)
    }

    @Test func aHandleIsNeverGivenTwice() {
        let table = NameTable()
        var given: Set<NameID> = []
        for round in 0..<6 {
            for id in fill(table, round * 300..<(round + 1) * 300) { #expect(given.insert(id).inserted) }
            table.sweep { _ in }
        }
        // The same bytes, long after their first handle went.
        let again = table.intern(Array("name0".utf8))
        #expect(given.insert(again).inserted)
        #expect(table[again] == Array("name0".utf8))
    }

    @Test func itSaysWhenItIsFull() {
        let table = NameTable()
        var number = 0
        for _ in 0..<5 {
            while !table.isFull {
                _ = table.intern(Array("\(number)".utf8))
                number += 1
            }
            table.sweep { _ in }
            #expect(!table.isFull)
        }
        #expect(table.count < 20_000 && number > 40_000)
    }
}
