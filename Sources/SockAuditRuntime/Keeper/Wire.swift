import AuditStream

/// A message between keeper and monitor as bytes. Both are the same program file, so there are no
/// versions; what does not fit is refused, never trusted.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    init(_ kind: UInt8) { bytes = [kind] }

    mutating func put(_ value: some FixedWidthInteger) {
        // The eight bytes of a number.
        unsafe withUnsafeBytes(of: Int64(truncatingIfNeeded: value)) { unsafe bytes += $0 }
    }
    mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }
    mutating func put(_ value: Double) { put(value.bitPattern) }
    mutating func put(_ text: [UInt8]) {
        put(text.count)
        bytes += text
    }
    mutating func put(_ text: String) { put(Array(text.utf8)) }
    mutating func put<T>(_ list: [T], _ body: (inout WireWriter, T) -> Void) {
        put(list.count)
        for item in list { body(&self, item) }
    }
    mutating func put(_ list: [String]) { put(list) { $0.put($1) } }
}

struct WireReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// What came is none of ours, or was cut.
    struct Damaged: Error {}

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
        position = 1
    }

    private mutating func take(_ count: Int) throws(Damaged) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.endIndex - position else { throw Damaged() }
        defer { position += count }
        return bytes[position..<position + count]
    }
    mutating func number<T: FixedWidthInteger>() throws(Damaged) -> T {
        var value: Int64 = 0
        let raw = try take(8)
        // Eight bytes, into a number of eight.
        unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyBytes(from: raw) }
        return T(truncatingIfNeeded: value)
    }
    mutating func flag() throws(Damaged) -> Bool { try take(1).first == 1 }
    mutating func double() throws(Damaged) -> Double { Double(bitPattern: try number()) }
    mutating func text() throws(Damaged) -> [UInt8] { Array(try take(try number())) }
    mutating func string() throws(Damaged) -> String { String(decoding: try text(), as: UTF8.self) }
    mutating func list<T>(_ body: (inout WireReader) throws(Damaged) -> T) throws(Damaged) -> [T] {
        let count: Int = try number()
        // Each item takes a byte at least.
        guard count >= 0, count <= bytes.count else { throw Damaged() }
        var items: [T] = []
        for _ in 0..<count { items.append(try body(&self)) }
        return items
    }
    mutating func strings() throws(Damaged) -> [String] {
        try list { reader throws(Damaged) in try reader.string() }
    }
}
