/// A short handle for a byte string (comm, exe, node) that the ``NameTable`` keeps once.
public struct NameID: Hashable, Sendable {
    public let index: UInt32
    @inlinable public init(index: UInt32) { self.index = index }
    /// The empty name; every table holds it first.
    @inlinable public static var none: NameID { NameID(index: 0) }
}

/// Keeps each distinct byte string once, so that an event costs no allocation for its names.
///
/// Names are bytes, not text: a process may call itself anything. They become text only in the
/// renderers, through ``Escaping``. Shared by the decoder and the ledger of one run; one thread.
///
/// A handle is never given twice. What nobody bears any more goes with ``sweep(_:)``, and its handle is from
/// then on the empty name's.
public final class NameTable {
    private var names: [[UInt8]] = [[]]
    /// The handle of each, ascending.
    private var ids: [UInt32] = [0]
    private var nextID: UInt32 = 1
    /// Asked for since the last sweep: may be on its way to where ``sweep(_:)`` looks.
    private var isFresh = [true]
    /// Open addressing, power of two, 0 = free, otherwise index + 1.
    private var slots: [UInt32] = Array(repeating: 0, count: 256)

    /// Names that come between two sweeps.
    private static let most = 8_192
    private var fullAt = NameTable.most

    public init() {}

    /// How many distinct names are kept.
    public var count: Int { names.count }

    public subscript(id: NameID) -> [UInt8] {
        index(id).map { names[$0] } ?? []
    }

    private func index(_ id: NameID) -> Int? {
        // As long as nothing has gone.
        let guess = Int(id.index)
        if guess < ids.count && ids[guess] == id.index { return guess }
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) >> 1
            if ids[middle] < id.index { low = middle + 1 } else { high = middle }
        }
        return low < ids.count && ids[low] == id.index ? low : nil
    }

    /// Time for a ``sweep(_:)``.
    public var isFull: Bool { names.count >= fullAt }

    /// Lets go of the names that nobody bears and nobody has asked for since the last sweep but one.
    ///
    /// - Parameter marking: calls what it is given with each handle that somebody keeps. Who keeps one beside
    ///   it must forget it.
    public func sweep(_ marking: ((NameID) -> Void) -> Void) {
        var keeps = isFresh
        keeps[0] = true
        marking { id in
            if let index = index(id) { keeps[index] = true }
        }
        var kept = 0
        for index in names.indices where keeps[index] {
            if kept < index {
                names.swapAt(kept, index)
                ids[kept] = ids[index]
            }
            kept += 1
        }
        names.removeLast(names.count - kept)
        ids.removeLast(ids.count - kept)
        isFresh = Array(repeating: false, count: kept)
        fullAt = kept + Self.most
        var size = 256
        while size < kept * 2 { size *= 2 }
        makeSlots(size)
    }

    /// The handle of these bytes; a new one if they were never seen.
    public func intern(_ bytes: Bytes) -> NameID { bytes.isEmpty ? .none : internContiguous(bytes) }

    /// The same for bytes that may not lie together.
    public func intern(_ bytes: some Collection<UInt8>) -> NameID {
        if bytes.isEmpty { return .none }
        // Both lie together for the call.
        if let id = bytes.withContiguousStorageIfAvailable({ internContiguous(unsafe Bytes($0)) }) {
            return id
        }
        // A copy, for the call.
        return unsafe Array(bytes).withUnsafeBytes { internContiguous(unsafe Bytes($0)) }
    }

    private func internContiguous(_ bytes: Bytes) -> NameID {
        let mask = slots.count - 1
        var slot = hash(bytes) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if isName(index, bytes) {
                isFresh[index] = true
                return NameID(index: ids[index])
            }
            slot = (slot + 1) & mask
        }
        // Four billion names later there are no handles left.
        guard nextID < .max else { return .none }
        let id = NameID(index: nextID)
        nextID += 1
        names.append(Array(bytes))
        ids.append(id.index)
        isFresh.append(true)
        slots[slot] = UInt32(names.count)
        if names.count * 2 > slots.count { makeSlots(slots.count * 2) }
        return id
    }

    /// Eight bytes at a time: elementsEqual takes them one by one.
    private func isName(_ index: Int, _ bytes: Bytes) -> Bool {
        // The name stays for the call.
        unsafe names[index].withUnsafeBytes { (unsafe Bytes($0)).isSame(as: bytes) }
    }

    private func makeSlots(_ size: Int) {
        slots = Array(repeating: 0, count: size)
        let mask = size - 1
        for index in names.indices.dropFirst() {
            // The array stays for the call.
            var slot = unsafe names[index].withUnsafeBytes { hash(unsafe Bytes($0)) } & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(index + 1)
        }
    }

    /// Other numbers in each run, so that nobody can choose names that collide. (Hasher does the same and
    /// takes five times as long for such short texts.)
    private let seed = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1)

    private func hash(_ bytes: Bytes) -> Int {
        var state = seed.0 ^ UInt64(bytes.count)
        var at = 0
        while at + 8 <= bytes.count {
            state = mixed(state ^ bytes.word(at: at))
            at += 8
        }
        var rest: UInt64 = 0
        while at < bytes.count {
            rest = rest << 8 | UInt64(bytes[at])
            at += 1
        }
        return Int(truncatingIfNeeded: mixed(state ^ rest) >> 1)
    }

    private func mixed(_ word: UInt64) -> UInt64 {
        let product = word.multipliedFullWidth(by: seed.1)
        return product.high ^ product.low
    }
}
