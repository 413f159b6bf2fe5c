import Glibc

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

        public static func + (a: Counters, b: Counters) -> Counters {
            var sum = a
            sum.records += b.records
            sum.damaged += b.damaged
            sum.foreign += b.foreign
            sum.unstamped += b.unstamped
            sum.lost += b.lost
            return sum
        }
    }

    /// Says what a line is, and does with it what is to be done.
    /// - Parameters:
    ///   - line: with its newline.
    ///   - stays: its bytes stay as they are for as long as those of the block do.
    typealias Judge = (_ line: UnsafeRawBufferPointer, _ stays: Bool) -> LineGate.Kind

    /// Far above the longest record (MAX_AUDIT_MESSAGE_LENGTH 8970 plus what ENRICHED appends).
    static let longest = 1 << 17

    public private(set) var counters = Counters()
    private var carry: [UInt8] = []
    private var skipping = false
    /// Nothing of the present input has been looked at.
    private var isAtStart = true
    private var journal: JournalExport?
    private var header = WrappedLine.Memory()
    /// By host: the kernel's count at its last word about it.
    private var lostBefore: [[UInt8]: Int] = [:]

    public init() {}

    /// - Parameter record: gets each record with its newline.
    public mutating func push(
        _ block: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        // The caller holds the block.
        unsafe cut(UnsafeRawBufferPointer(block)) { line, _ in unsafe Self.judge(line, record) }
    }

    /// The end of the input: a last line without a newline is judged too. The next input begins anew.
    public mutating func finish(_ record: (UnsafeBufferPointer<UInt8>) -> Void) {
        unsafe cutRest { line, _ in unsafe Self.judge(line, record) }
    }

    @inline(__always)
    mutating func cut(_ block: UnsafeRawBufferPointer, _ judge: Judge) {
        // The caller holds the block.
        if isAtStart || journal != nil, unsafe cutJournal(block, judge) { return }
        guard var at = block.baseAddress else { return }
        let end = unsafe at + block.count
        // The C library looks at 32 or 64 bytes at once; no loop here would.
        if skipping || !carry.isEmpty, let found = unsafe memchr(at, 0x0A, end - at) {
            let next = unsafe UnsafeRawPointer(found) + 1
            if !skipping {
                unsafe carry.append(contentsOf: UnsafeRawBufferPointer(start: at, count: next - at))
                unsafe cutCarried(judge)
            }
            skipping = false
            // Between the block's ends.
            unsafe at = next
        }
        if skipping { return }
        if carry.isEmpty {
            // Between the block's ends.
            while let found = unsafe memchr(at, 0x0A, end - at) {
                let next = unsafe UnsafeRawPointer(found) + 1
                unsafe count(UnsafeRawBufferPointer(start: at, count: next - at), judge, stays: true)
                unsafe at = next
            }
        }
        // Between the block's ends.
        unsafe carry.append(contentsOf: UnsafeRawBufferPointer(start: at, count: end - at))
        if carry.count > Self.longest {
            counters.damaged += 1
            carry.removeAll(keepingCapacity: false)
            skipping = true
        }
    }

    /// The input is left before its end; the next one begins anew.
    public mutating func forget() {
        carry.removeAll(keepingCapacity: false)
        skipping = false
        isAtStart = true
        journal = nil
    }

    mutating func cutRest(_ judge: Judge) {
        skipping = false
        isAtStart = true
        if var ending = journal {
            journal = nil
            // The array stays for the call.
            return ending.finish { unsafe count($0, judge) }
        }
        guard !carry.isEmpty else { return }
        carry.append(0x0A)
        // The array stays for the call.
        unsafe cutCarried(judge)
    }

    private mutating func cutCarried(_ judge: Judge) {
        let line = carry
        carry.removeAll(keepingCapacity: true)
        // The array stays for the call.
        unsafe line.withUnsafeBytes { unsafe count($0, judge, stays: false) }
    }

    /// A journal says what it is in its first bytes; a first block may have only some of them.
    /// - Returns: whether the block is dealt with.
    private mutating func cutJournal(_ block: UnsafeRawBufferPointer, _ judge: Judge) -> Bool {
        if unsafe block.isEmpty { return true }
        var start: [UInt8] = []
        if isAtStart {
            // The caller holds the block.
            let head = unsafe carry + block.prefix(JournalExport.magic.count)
            if head.count < JournalExport.magic.count, JournalExport.magic.starts(with: head) {
                unsafe carry += block
                return true
            }
            isAtStart = false
            guard head.starts(with: JournalExport.magic) else { return false }
            journal = JournalExport()
            swap(&start, &carry)
        }
        guard var reading = journal else { return false }
        journal = nil
        // The array stays for the call.
        unsafe start.withUnsafeBytes { unsafe reading.push($0) { unsafe count($0, judge) } }
        unsafe reading.push(block) { unsafe count($0, judge) }
        journal = reading
        return true
    }

    private mutating func count(_ entry: JournalExport.Entry, _ judge: Judge) {
        let line: [UInt8]
        switch entry {
        case .record(let record): line = record
        case .text(let message, let host, let identifier):
            // The same words as a syslog daemon would have made of it.
            let header = Array("Jan 1 00:00:00 ".utf8) + host + [0x20] + identifier + Array(": ".utf8)
            line = header + message.map { $0 == 0x0A ? 0x20 : $0 } + [0x0A]
        }
        // The array stays for the call.
        unsafe line.withUnsafeBytes { unsafe count($0, judge, stays: false) }
    }

    @inline(__always)
    private mutating func count(_ line: UnsafeRawBufferPointer, _ judge: Judge, stays: Bool) {
        if line.count - 1 > Self.longest {
            counters.damaged += 1
            return
        }
        // The caller holds the line.
        switch unsafe judge(line, stays) {
        case .record: counters.records += 1
        case .damaged: counters.damaged += 1
        // The caller holds the line.
        case .foreign: unsafe unwrap(line, judge)
        case .blank: break
        }
    }

    private mutating func unwrap(_ line: UnsafeRawBufferPointer, _ judge: Judge) {
        // Without its newline: a line has one.
        switch unsafe WrappedLine.unwrap(UnsafeRawBufferPointer(rebasing: line.dropLast()), &header) {
        case .none: counters.foreign += 1
        case .unstamped: counters.unstamped += 1
        case .suppressed(let count): counters.lost += count
        case .lost(let count, let host):
            // A count since boot: a lower one is of another boot.
            let before = lostBefore[host] ?? 0
            counters.lost += count >= before ? count - before : count
            if lostBefore.count > 1_024 { lostBefore = [:] }
            lostBefore[host] = count
        case .record(let record):
            // The array stays for the call.
            switch unsafe record.withUnsafeBytes({ unsafe judge($0, false) }) {
            case .record: counters.records += 1
            default: counters.damaged += 1
            }
        }
    }

    /// - Parameter record: gets the line if it is a record, without a carriage return before its newline,
    ///   which the parser would take for a part of the last field.
    static func judge(
        _ line: UnsafeRawBufferPointer, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) -> LineGate.Kind {
        // Bytes are bytes; a line has its newline at least.
        let line = unsafe line.bindMemory(to: UInt8.self)
        let text = unsafe UnsafeBufferPointer(rebasing: line.dropLast())
        let kind = unsafe LineGate.judge(text)
        guard kind == .record else { return kind }
        if unsafe text.last == 0x0D {
            unsafe (Array(text.dropLast()) + [0x0A]).withUnsafeBufferPointer { unsafe record($0) }
        } else {
            unsafe record(line)
        }
        return kind
    }
}
