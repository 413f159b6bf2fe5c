/// A short handle for a byte string (comm, exe, node) that the ``NameTable`` keeps once.
public struct NameID: Hashable, Sendable {
    public let index: UInt32
    public init(index: UInt32) { self.index = index }
    /// The empty name; every table holds it first.
    public static let none = NameID(index: 0)
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

    /// The handle of these bytes; a new one if they were never seen.
    public func intern(_ bytes: some Collection<UInt8>) -> NameID {
        if bytes.isEmpty { return .none }
        return bytes.withContiguousStorageIfAvailable { internContiguous($0) }
            ?? Array(bytes).withUnsafeBufferPointer { internContiguous($0) }
    }

    private func internContiguous(_ bytes: UnsafeBufferPointer<UInt8>) -> NameID {
        let mask = slots.count - 1
        var slot = Self.hash(bytes) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if names[index].elementsEqual(bytes) { return NameID(index: UInt32(index)) }
            slot = (slot + 1) & mask
        }
        names.append(Array(bytes))
        slots[slot] = UInt32(names.count)
        if names.count * 2 > slots.count { grow() }
        return NameID(index: UInt32(names.count - 1))
    }

    private func grow() {
        var larger = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = larger.count - 1
        for index in 1..<names.count {
            var slot = names[index].withUnsafeBufferPointer { Self.hash($0) } & mask
            while larger[slot] != 0 { slot = (slot + 1) & mask }
            larger[slot] = UInt32(index + 1)
        }
        slots = larger
    }

    /// Seeded per process (Hasher), so that nobody can choose names that collide.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        return hasher.finalize()
    }
}
