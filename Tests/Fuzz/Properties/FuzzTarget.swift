/// What the fuzzer is let loose on, by name. Each gives the bytes that it is handed to a part of the product, and
/// says what of the promised does not hold; nil where all of it does. What traps says so by itself.
enum FuzzTarget: String, CaseIterable {
    /// A log, through both decoders.
    case decode
    /// Messages of the kernel, through both decoders.
    case live
    /// Calls and looks into /proc, into the books and out of every renderer.
    case ledger
    /// What the privileged process and the other one say to each other.
    case keeper
    /// Every other text that comes from somebody else, told apart by the first byte.
    case small

    func fault(_ bytes: [UInt8]) -> String? {
        switch self {
        case .decode: DecodeProperty.fault(bytes)
        case .live: LiveProperty.fault(bytes)
        case .ledger: LedgerProperty.fault(bytes)
        case .keeper: KeeperProperty.fault(bytes)
        case .small: SmallProperty.fault(bytes)
        }
    }
}

/// The fuzzer's bytes as a row of choices. Beyond their end all are 0, so that every beginning of an input is one.
struct Choices {
    private let bytes: ArraySlice<UInt8>
    private var at: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
        at = 0
    }

    var isOver: Bool { at >= bytes.endIndex }

    mutating func byte() -> UInt8 {
        defer { at += 1 }
        return isOver ? 0 : bytes[at]
    }

    mutating func below(_ count: Int) -> Int { count > 0 ? Int(byte()) % count : 0 }

    mutating func pick<T>(_ things: [T]) -> T { things[below(things.count)] }

    /// A text of at most 255 bytes, its length first.
    mutating func text() -> [UInt8] {
        let end = min(at + 1 + Int(byte()), bytes.endIndex)
        guard at < end else { return [] }
        defer { at = end }
        return Array(bytes[at..<end])
    }
}
