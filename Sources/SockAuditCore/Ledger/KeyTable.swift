/// What a ``KeyTable`` looks things up by: whatever fits into one word.
protocol TableKey {
    init(word: UInt64)
    var word: UInt64 { get }
}

extension Int32: TableKey {
    init(word: UInt64) { self = Int32(truncatingIfNeeded: word) }
    var word: UInt64 { UInt64(UInt32(bitPattern: self)) }
}

/// A dictionary for small keys. Every event costs some look-ups, and Dictionary's hash, which is made for
/// keys of any length, takes most of their time.
///
/// What it holds lies close together, and the slots of a search hold only where: a process with many sockets
/// costs little more than they do, and one with few has no slots at all. A table from which most has gone
/// gives the room back. The hash is a multiplication with an odd number that is another in each run, so that
/// nobody can choose keys that collide.
struct KeyTable<Key: TableKey, Value>: Sequence {
    fileprivate struct Entry {
        var word: UInt64
        var value: Value
    }

    /// So many are found faster without slots.
    private static var few: Int { 4 }

    private var entries: ContiguousArray<Entry> = []
    /// Open addressing, power of two. The upper half of the key's hash, below it the entry's index + 1;
    /// 0 is free.
    private var slots: ContiguousArray<UInt64> = []
    private var shift: UInt64 = 64
    private let factor = tableFactor

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    @inline(__always)
    private static func index(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }

    /// Where the key is in ``entries``; nil when it is not there.
    @inline(__always)
    private func place(_ word: UInt64) -> Int? {
        if slots.isEmpty {
            for index in entries.indices where entries[index].word == word { return index }
            return nil
        }
        return slot(word).map { Self.index(slots[$0]) }
    }

    @inline(__always)
    private func slot(_ word: UInt64) -> Int? {
        let hash = word &* factor
        var slot = Int(truncatingIfNeeded: hash >> shift)
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0, entries[Self.index(slots[slot])].word == word { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    @inline(__always)
    func contains(_ key: Key) -> Bool { place(key.word) != nil }

    subscript(key: Key) -> Value? {
        @inline(__always) get { place(key.word).map { entries[$0].value } }
        set {
            guard let newValue else {
                removeValue(forKey: key)
                return
            }
            let word = key.word
            if let index = place(word) {
                entries[index].value = newValue
                return
            }
            entries.append(Entry(word: word, value: newValue))
            if !slots.isEmpty && entries.count * 4 <= slots.count * 3 {
                fill(word, entries.count)
            } else if entries.count > Self.few {
                // A quarter stays free, so that what is not there is soon found not to be.
                makeSlots(slots.count * 2)
            }
        }
    }

    /// - Parameter number: the entry's index + 1.
    @inline(__always)
    private mutating func fill(_ word: UInt64, _ number: Int) {
        let hash = word &* factor
        var slot = Int(truncatingIfNeeded: hash >> shift)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = hash & ~0xFFFF_FFFF | UInt64(number)
    }

    private mutating func makeSlots(_ size: Int) {
        let size = Swift.max(Self.few * 2, size)
        slots = []
        slots = ContiguousArray(repeating: 0, count: size)
        shift = 64 - UInt64(size.trailingZeroBitCount)
        for index in entries.indices { fill(entries[index].word, index + 1) }
    }

    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        guard let index = place(key.word) else { return nil }
        let last = entries.count - 1
        if !slots.isEmpty {
            // The last entry takes the place.
            let moved = slot(entries[last].word)
            if let hole = slot(key.word) {
                if let moved { slots[moved] = slots[moved] & ~0xFFFF_FFFF | UInt64(index + 1) }
                vacate(hole)
            }
        }
        let value = entries[index].value
        entries.swapAt(index, last)
        entries.removeLast()
        if slots.count > 64 && entries.count * 8 < slots.count { shrink() }
        return value
    }

    private mutating func vacate(_ slot: Int) {
        var hole = slot
        let mask = slots.count - 1
        // What stands behind it and could not have its own place moves up.
        var index = (hole + 1) & mask
        while slots[index] != 0 {
            let home = Int(truncatingIfNeeded: slots[index] >> shift)
            if (index - home) & mask >= (index - hole) & mask {
                slots[hole] = slots[index]
                hole = index
            }
            index = (index + 1) & mask
        }
        slots[hole] = 0
    }

    private mutating func shrink() {
        var kept: ContiguousArray<Entry> = []
        kept.reserveCapacity(entries.count * 2)
        kept += entries
        entries = kept
        makeSlots(slots.count / 4)
    }

    mutating func removeAll(keepingCapacity: Bool = false) {
        entries.removeAll(keepingCapacity: keepingCapacity)
        if keepingCapacity {
            for index in slots.indices { slots[index] = 0 }
        } else {
            slots = []
            shift = 64
        }
    }

    var keys: [Key] { entries.map { Key(word: $0.word) } }
    var values: [Value] { entries.map(\.value) }

    struct Iterator: IteratorProtocol {
        fileprivate var entries: ContiguousArray<Entry>.Iterator

        mutating func next() -> (key: Key, value: Value)? {
            entries.next().map { (Key(word: $0.word), $0.value) }
        }
    }

    func makeIterator() -> Iterator { Iterator(entries: entries.makeIterator()) }
    var underestimatedCount: Int { count }
}

private let tableFactor = UInt64.random(in: .min ... .max) | 1
