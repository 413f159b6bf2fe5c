/// Lines that wait to be read, in whole blocks of whole lines, with a limit in bytes. Pure.
///
/// What finds no room is counted and dropped, never torn: half a record joined to half of another would read
/// as one that nobody wrote.
struct RecordQueue {
    private let room: Int
    private var blocks: [[UInt8]] = []
    private var head = 0
    /// Bytes that wait.
    private(set) var bytes = 0
    /// How often the room ran out, and how many lines were dropped for it.
    private(set) var overruns = 0
    private(set) var dropped = 0
    private var isDropping = false

    init(room: Int) { self.room = room }

    var isEmpty: Bool { head == blocks.count }

    /// - Parameter block: whole lines.
    mutating func push(_ block: ArraySlice<UInt8>) {
        if block.isEmpty { return }
        guard bytes + block.count <= room else {
            if !isDropping { overruns += 1 }
            isDropping = true
            return drop(block)
        }
        isDropping = false
        bytes += block.count
        blocks.append(Array(block))
    }

    mutating func drop(_ block: ArraySlice<UInt8>) { dropped += block.count { $0 == 0x0A } }

    mutating func pop() -> [UInt8]? {
        if isEmpty { return nil }
        let block = blocks[head]
        blocks[head] = []
        head += 1
        bytes -= block.count
        if head == blocks.count || head >= 256 {
            blocks.removeFirst(head)
            head = 0
        }
        return block
    }
}

/// Cuts what is read into blocks of whole lines; the beginning of a line waits for its end. Pure.
struct LineBlocks {
    private var carry: [UInt8] = []
    /// The rest of a line that was longer than any record belongs to no other.
    private var isSkipping = false
    /// Lines that were given up.
    private(set) var tooLong = 0

    /// - Returns: whole lines, for as many as have come.
    mutating func push(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var fresh = unsafe bytes[...]
        if isSkipping {
            guard let end = unsafe fresh.firstIndex(of: 0x0A) else { return [] }
            unsafe fresh = fresh[(end + 1)...]
            isSkipping = false
        }
        // The caller holds the bytes.
        guard let end = unsafe fresh.lastIndex(of: 0x0A) else {
            unsafe carry += fresh
            if carry.count > LineSplitter.longest {
                carry = []
                isSkipping = true
                tooLong += 1
            }
            return []
        }
        // The caller holds the bytes.
        let whole = unsafe carry + fresh[...end]
        carry = unsafe Array(fresh[(end + 1)...])
        return whole
    }

    /// The end: a last line without a newline is whole.
    mutating func finish() -> [UInt8] {
        defer { carry = [] }
        return carry.isEmpty ? [] : carry + [0x0A]
    }
}
