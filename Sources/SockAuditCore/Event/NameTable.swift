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
public final class NameTable {
    private var names: [[UInt8]] = [[]]
    /// Open addressing, power of two, 0 = free, otherwise index + 1.
    private var slots: [UInt32] = Array(repeating: 0, count: 256)

    public init() {}

    /// How many distinct names are kept.
    public var count: Int { names.count }

    public subscript(id: NameID) -> [UInt8] {
        let index = Int(id.index)
        return index < names.count ? names[index] : []
    }

    /// The same for bytes that lie together.
    public func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> NameID {
        bytes.isEmpty ? .none : internContiguous(bytes)
    }

    /// The handle of these bytes; a new one if they were never seen.
    public func intern(_ bytes: some Collection<UInt8>) -> NameID {
        if bytes.isEmpty { return .none }
        return bytes.withContiguousStorageIfAvailable { internContiguous($0) }
            ?? Array(bytes).withUnsafeBufferPointer { internContiguous($0) }
    }

    private func internContiguous(_ bytes: UnsafeBufferPointer<UInt8>) -> NameID {
        let mask = slots.count - 1
        var slot = hash(bytes) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if isName(index, bytes) { return NameID(index: UInt32(index)) }
            slot = (slot + 1) & mask
        }
        names.append(Array(bytes))
        slots[slot] = UInt32(names.count)
        if names.count * 2 > slots.count { grow() }
        return NameID(index: UInt32(names.count - 1))
    }

    /// Eight bytes at a time: elementsEqual takes them one by one.
    private func isName(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        names[index].withUnsafeBytes { name in
            let bytes = UnsafeRawBufferPointer(bytes)
            guard name.count == bytes.count else { return false }
            var at = 0
            while at + 8 <= name.count {
                if name.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                    != bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                {
                    return false
                }
                at += 8
            }
            while at < name.count {
                if name[at] != bytes[at] { return false }
                at += 1
            }
            return true
        }
    }

    private func grow() {
        var larger = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = larger.count - 1
        for index in 1..<names.count {
            var slot = names[index].withUnsafeBufferPointer { hash($0) } & mask
            while larger[slot] != 0 { slot = (slot + 1) & mask }
            larger[slot] = UInt32(index + 1)
        }
        slots = larger
    }

    /// Other numbers in each run, so that nobody can choose names that collide. (Hasher does the same and
    /// takes five times as long for such short texts.)
    private let seed = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1)

    private func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let bytes = UnsafeRawBufferPointer(bytes)
        var state = seed.0 ^ UInt64(bytes.count)
        var at = 0
        while at + 8 <= bytes.count {
            state = mixed(state ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
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
