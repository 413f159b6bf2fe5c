/// Cuts a stream of blocks into lines, across the blocks' borders, and hands over the lines that
/// are records, unwrapped where another program wrote them. A line that never ends is given up after
/// ``longest`` bytes and counted.
public struct LineSplitter {
    public struct Counters: Equatable, Sendable {
        public var records = 0
        public var damaged = 0
        public var foreign = 0
        /// Records without stamp and serial, as journalctl's short output has them.
        public var unstamped = 0
        /// What the kernel's log in the input says was lost before it was written.
        public var lost = 0
    }

    /// Far above the longest record (MAX_AUDIT_MESSAGE_LENGTH 8970 plus what ENRICHED appends).
    static let longest = 1 << 17

    public private(set) var counters = Counters()
    private var carry: [UInt8] = []
    private var skipping = false
    /// Nothing of the present input has been looked at.
    private var isAtStart = true
    private var journal: JournalExport?
    private var unwrapped: [UInt8] = []
    /// By host: the kernel's count at its last word about it.
    private var lostBefore: [[UInt8]: Int] = [:]

    public init() {}

    /// - Parameter record: gets each record with its newline.
    public mutating func push(
        _ block: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        if isAtStart && !block.isEmpty {
            // A journal says what it is in its first bytes; a first block may have only some of them.
            let head = carry + block.prefix(JournalExport.magic.count)
            if head.starts(with: JournalExport.magic) {
                journal = JournalExport()
                isAtStart = false
                let start = carry
                carry = []
                start.withUnsafeBufferPointer { push(journal: $0, record) }
            } else if JournalExport.magic.starts(with: head) {
                carry += block
                return
            }
            isAtStart = false
        }
        if journal != nil { return push(journal: block, record) }
        var rest = block[...]
        while let newline = rest.firstIndex(of: 0x0A) {
            let end = rest.index(after: newline)
            let line = UnsafeBufferPointer(rebasing: rest[..<end])
            rest = rest[end...]
            if skipping {
                skipping = false
            } else if carry.isEmpty {
                judge(line, record)
            } else {
                carry.append(contentsOf: line)
                carry.withUnsafeBufferPointer { judge($0, record) }
                carry.removeAll(keepingCapacity: true)
            }
        }
        if skipping { return }
        carry.append(contentsOf: rest)
        if carry.count > Self.longest {
            counters.damaged += 1
            carry.removeAll(keepingCapacity: false)
            skipping = true
        }
    }

    /// The end of the input: a last line without a newline is judged too. The next input begins anew.
    public mutating func finish(_ record: (UnsafeBufferPointer<UInt8>) -> Void) {
        defer {
            carry.removeAll(keepingCapacity: true)
            skipping = false
            isAtStart = true
            journal = nil
        }
        if var ending = journal {
            ending.finish { take($0, record) }
            return
        }
        guard !carry.isEmpty else { return }
        carry.append(0x0A)
        carry.withUnsafeBufferPointer { judge($0, record) }
    }

    private mutating func push(
        journal block: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        guard var reading = journal else { return }
        journal = nil
        reading.push(block) { take($0, record) }
        journal = reading
    }

    private mutating func take(_ entry: JournalExport.Entry, _ record: (UnsafeBufferPointer<UInt8>) -> Void) {
        switch entry {
        case .record(let line): line.withUnsafeBufferPointer { judge($0, record) }
        case .text(let message, let host, let identifier):
            // The same words as a syslog daemon would have made of it.
            let header = Array("Jan 1 00:00:00 ".utf8) + host + [0x20] + identifier + Array(": ".utf8)
            let line = header + message.map { $0 == 0x0A ? 0x20 : $0 } + [0x0A]
            line.withUnsafeBufferPointer { judge($0, record) }
        }
    }

    private mutating func judge(
        _ line: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        let text = UnsafeBufferPointer(rebasing: line.dropLast())
        if text.count > Self.longest {
            counters.damaged += 1
            return
        }
        switch LineGate.judge(text) {
        case .record:
            counters.records += 1
            guard text.last == 0x0D else { return record(line) }
            // The parser would take a carriage return for part of the last field.
            (Array(text.dropLast()) + [0x0A]).withUnsafeBufferPointer { record($0) }
        case .damaged: counters.damaged += 1
        case .foreign: unwrap(text, record)
        case .blank: break
        }
    }

    private mutating func unwrap(
        _ text: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        switch WrappedLine.unwrap(text, into: &unwrapped) {
        case .none: counters.foreign += 1
        case .unstamped: counters.unstamped += 1
        case .suppressed(let count): counters.lost += count
        case .lost(let count, let host):
            // A count since boot: a lower one is of another boot.
            let before = lostBefore[host] ?? 0
            counters.lost += count >= before ? count - before : count
            if lostBefore.count > 1_024 { lostBefore = [:] }
            lostBefore[host] = count
        case .record:
            unwrapped.withUnsafeBufferPointer { line in
                switch LineGate.judge(UnsafeBufferPointer(rebasing: line.dropLast())) {
                case .record:
                    counters.records += 1
                    record(line)
                default: counters.damaged += 1
                }
            }
        }
    }
}
