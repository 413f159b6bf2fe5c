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
}
