/// What a ``KeyTable`` looks things up by: whatever fits into one word, but for the word of all ones.
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
/// Open addressing; the hash is a multiplication with an odd number that is another in each run, so that
/// nobody can choose keys that collide.
struct KeyTable<Key: TableKey, Value>: Sequence {
    private static var free: UInt64 { .max }

    /// Beside the values, so that a search touches few lines of memory.
    private var words: ContiguousArray<UInt64> = []
    private var stored: ContiguousArray<Value?> = []
    private var shift: UInt64 = 64
    private let factor = tableFactor
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func home(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* factor) >> shift) }

    /// Where the key is; nil when it is not there.
    @inline(__always)
    private func place(_ word: UInt64) -> Int? {
        if count == 0 { return nil }
        var index = home(word)
        while words[index] != word {
            if words[index] == Self.free { return nil }
            index = (index + 1) & (words.count - 1)
        }
        return index
    }

    @inline(__always)
    func contains(_ key: Key) -> Bool { place(key.word) != nil }

    subscript(key: Key) -> Value? {
        @inline(__always) get { place(key.word).flatMap { stored[$0] } }
        set {
            guard let newValue else {
                removeValue(forKey: key)
                return
            }
            let word = key.word
            if let index = place(word) {
                stored[index] = newValue
            } else {
                insert(word, newValue)
            }
        }
    }

    private mutating func insert(_ word: UInt64, _ value: Value) {
        // A quarter stays free, so that what is not there is soon found not to be.
        if (count + 1) * 4 > words.count * 3 { grow() }
        var index = home(word)
        while words[index] != Self.free { index = (index + 1) & (words.count - 1) }
        words[index] = word
        stored[index] = value
        count += 1
    }

    private mutating func grow() {
        let (oldWords, oldValues) = (words, stored)
        let size = Swift.max(4, oldWords.count * 2)
        words = ContiguousArray(repeating: Self.free, count: size)
        stored = ContiguousArray(repeating: nil, count: size)
        shift = 64 - UInt64(size.trailingZeroBitCount)
        count = 0
        for (word, value) in zip(oldWords, oldValues) {
            if let value { insert(word, value) }
        }
    }

    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        guard var hole = place(key.word) else { return nil }
        let value = stored[hole]
        let mask = words.count - 1
        // What stands behind it and could not have its own place moves up.
        var index = (hole + 1) & mask
        while words[index] != Self.free {
            if (index - home(words[index])) & mask >= (index - hole) & mask {
                words[hole] = words[index]
                stored[hole] = stored[index]
                hole = index
            }
            index = (index + 1) & mask
        }
        words[hole] = Self.free
        stored[hole] = nil
        count -= 1
        return value
    }

    mutating func removeAll(keepingCapacity: Bool = false) {
        words = keepingCapacity ? ContiguousArray(repeating: Self.free, count: words.count) : []
        stored = keepingCapacity ? ContiguousArray(repeating: nil, count: stored.count) : []
        if !keepingCapacity { shift = 64 }
        count = 0
    }

    var keys: [Key] { map(\.key) }
    var values: [Value] { map(\.value) }

    struct Iterator: IteratorProtocol {
        fileprivate let words: ContiguousArray<UInt64>
        fileprivate let values: ContiguousArray<Value?>
        fileprivate var index = 0

        mutating func next() -> (key: Key, value: Value)? {
            while index < words.count {
                defer { index += 1 }
                if let value = values[index] { return (Key(word: words[index]), value) }
            }
            return nil
        }
    }

    func makeIterator() -> Iterator { Iterator(words: words, values: stored) }
    var underestimatedCount: Int { count }
}

private let tableFactor = UInt64.random(in: .min ... .max) | 1
