/// What a ``KeyTable`` looks things up by: whatever fits into one word.
protocol TableKey: Equatable {
    var word: UInt64 { get }
}

extension Int32: TableKey {
    var word: UInt64 { UInt64(UInt32(bitPattern: self)) }
}

/// A dictionary for small keys. Every event costs some look-ups, and Dictionary's hash, which is made for
/// keys of any length, takes most of their time.
///
/// Open addressing; the hash is a multiplication with an odd number that is another in each run, so that
/// nobody can choose keys that collide.
struct KeyTable<Key: TableKey, Value>: Sequence {
    private var entries: ContiguousArray<(key: Key, value: Value)?> = []
    private var shift: UInt64 = 64
    private let factor = tableFactor
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func home(_ key: Key) -> Int { Int(truncatingIfNeeded: (key.word &* factor) >> shift) }

    /// Where the key is; nil when it is not there.
    @inline(__always)
    private func place(_ key: Key) -> Int? {
        if count == 0 { return nil }
        var index = home(key)
        while let entry = entries[index] {
            if entry.key == key { return index }
            index = (index + 1) & (entries.count - 1)
        }
        return nil
    }

    subscript(key: Key) -> Value? {
        @inline(__always) get { place(key).flatMap { entries[$0]?.value } }
        set {
            guard let newValue else {
                removeValue(forKey: key)
                return
            }
            if let index = place(key) {
                entries[index] = (key, newValue)
            } else {
                insert(key, newValue)
            }
        }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        // A quarter stays free, so that what is not there is soon found not to be.
        if (count + 1) * 4 > entries.count * 3 { grow() }
        var index = home(key)
        while entries[index] != nil { index = (index + 1) & (entries.count - 1) }
        entries[index] = (key, value)
        count += 1
    }

    private mutating func grow() {
        let old = entries
        let size = Swift.max(4, old.count * 2)
        entries = ContiguousArray(repeating: nil, count: size)
        shift = 64 - UInt64(size.trailingZeroBitCount)
        count = 0
        for case .some(let entry) in old { insert(entry.key, entry.value) }
    }

    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        guard var hole = place(key) else { return nil }
        let value = entries[hole]?.value
        let mask = entries.count - 1
        // What stands behind it and could not have its own place moves up.
        var index = (hole + 1) & mask
        while let entry = entries[index] {
            if (index - home(entry.key)) & mask >= (index - hole) & mask {
                entries[hole] = entry
                hole = index
            }
            index = (index + 1) & mask
        }
        entries[hole] = nil
        count -= 1
        return value
    }

    mutating func removeAll(keepingCapacity: Bool = false) {
        if keepingCapacity {
            for index in entries.indices { entries[index] = nil }
        } else {
            entries = []
            shift = 64
        }
        count = 0
    }

    var keys: [Key] { map(\.key) }
    var values: [Value] { map(\.value) }

    struct Iterator: IteratorProtocol {
        fileprivate let entries: ContiguousArray<(key: Key, value: Value)?>
        fileprivate var index = 0

        mutating func next() -> (key: Key, value: Value)? {
            while index < entries.count {
                defer { index += 1 }
                if let entry = entries[index] { return entry }
            }
            return nil
        }
    }

    func makeIterator() -> Iterator { Iterator(entries: entries) }
    var underestimatedCount: Int { count }
}

private let tableFactor = UInt64.random(in: .min ... .max) | 1
