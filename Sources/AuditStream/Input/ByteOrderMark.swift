/// What editors of Windows put before a text in UTF-8: before a record's first field it would hide the record.
enum ByteOrderMark {
    private static let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Whether this is a part of one.
    static func mayFollow(_ start: Slice<UnsafeMutableRawBufferPointer>) -> Bool {
        unsafe start.count < bytes.count && bytes.starts(with: start)
    }

    /// Takes it away from the beginning of a text.
    /// - Returns: how many bytes are left.
    static func remove(from text: UnsafeMutableRawBufferPointer, _ count: Int) -> Int {
        guard count >= bytes.count, unsafe text.starts(with: bytes) else { return count }
        unsafe text.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[bytes.count..<count]))
        return count - bytes.count
    }
}
