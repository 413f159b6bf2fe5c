import Glibc

/// Decides line by line what may go into the parser. Pure: bytes in, verdict out.
///
/// libauparse drops what it cannot read without a word; here every such line is counted.
public enum LineGate {
    public enum Kind: Equatable, Sendable {
        /// A record: `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): ...`.
        case record
        /// Begins as a record and is none: cut or damaged.
        case damaged
        /// Something else: a comment, another program's line.
        case foreign
        /// An empty line, or what ausearch puts between events (`----`, `time->`).
        case blank
    }

    public static func judge(_ line: UnsafeBufferPointer<UInt8>) -> Kind {
        var rest = line[...]
        while let last = rest.last, last == 0x0D || last == 0x20 { rest = rest.dropLast() }
        if rest.isEmpty || starts(rest, "----") || starts(rest, "time->") { return .blank }
        if starts(rest, "node=") {
            guard let space = rest.firstIndex(of: 0x20) else { return .damaged }
            rest = rest[rest.index(after: space)...]
            if !starts(rest, "type=") { return .damaged }
        }
        guard starts(rest, "type=") else { return .foreign }
        rest = rest.dropFirst(5)
        guard let space = rest.firstIndex(of: 0x20), space > rest.startIndex else { return .damaged }
        rest = rest[rest.index(after: space)...]
        guard starts(rest, "msg=audit(") else { return .damaged }
        rest = rest.dropFirst(10)
        guard number(&rest, then: ".", digits: 1...11), number(&rest, then: ":", digits: 3...3),
            number(&rest, then: ")", digits: 1...10)
        else { return .damaged }
        return rest.first == UInt8(ascii: ":") ? .record : .damaged
    }

    private static func starts(_ text: Slice<UnsafeBufferPointer<UInt8>>, _ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { text.count >= $0.count && text.prefix($0.count).elementsEqual($0) }
    }

    /// Takes as many digits as may be there, and the mark behind them.
    private static func number(
        _ text: inout Slice<UnsafeBufferPointer<UInt8>>, then mark: Unicode.Scalar, digits: ClosedRange<Int>
    ) -> Bool {
        var count = 0
        while let byte = text.first, (0x30...0x39).contains(byte) {
            text = text.dropFirst()
            count += 1
        }
        guard digits.contains(count), text.first == UInt8(ascii: mark) else { return false }
        text = text.dropFirst()
        return true
    }
}

/// Cuts a stream of blocks into lines, across the blocks' borders, and hands over the lines that
/// are records. A line that never ends is given up after ``longest`` bytes and counted.
public struct LineSplitter {
    public struct Counters: Equatable, Sendable {
        public var records = 0
        public var damaged = 0
        public var foreign = 0
    }

    /// Far above the longest record (MAX_AUDIT_MESSAGE_LENGTH 8970 plus what ENRICHED appends).
    static let longest = 1 << 17

    public private(set) var counters = Counters()
    private var carry: [UInt8] = []
    private var skipping = false

    public init() {}

    /// - Parameter record: gets each record with its newline.
    public mutating func push(
        _ block: UnsafeBufferPointer<UInt8>, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        cut(UnsafeRawBufferPointer(block)) { line, _ in Self.judge(line, record) }
    }

    /// The end of the input: a last line without a newline is judged too.
    public mutating func finish(_ record: (UnsafeBufferPointer<UInt8>) -> Void) {
        cutRest { line, _ in Self.judge(line, record) }
    }

    /// - Parameter judge: gets each line with its newline, and whether its bytes stay as they are for as long
    ///   as those of the block do; says what it is.
    @inline(__always)
    mutating func cut(
        _ block: UnsafeRawBufferPointer, _ judge: (UnsafeRawBufferPointer, Bool) -> LineGate.Kind
    ) {
        guard var at = block.baseAddress else { return }
        let end = at + block.count
        // The C library looks at 32 or 64 bytes at once; no loop here would.
        if skipping || !carry.isEmpty, let found = memchr(at, 0x0A, end - at) {
            let next = UnsafeRawPointer(found) + 1
            if !skipping {
                carry.append(contentsOf: UnsafeRawBufferPointer(start: at, count: next - at))
                cutCarried(judge)
            }
            skipping = false
            at = next
        }
        if skipping { return }
        if carry.isEmpty {
            while let found = memchr(at, 0x0A, end - at) {
                let next = UnsafeRawPointer(found) + 1
                count(UnsafeRawBufferPointer(start: at, count: next - at), judge, stays: true)
                at = next
            }
        }
        carry.append(contentsOf: UnsafeRawBufferPointer(start: at, count: end - at))
        if carry.count > Self.longest {
            counters.damaged += 1
            carry.removeAll(keepingCapacity: false)
            skipping = true
        }
    }

    mutating func cutRest(_ judge: (UnsafeRawBufferPointer, Bool) -> LineGate.Kind) {
        skipping = false
        guard !carry.isEmpty else { return }
        carry.append(0x0A)
        cutCarried(judge)
    }

    private mutating func cutCarried(_ judge: (UnsafeRawBufferPointer, Bool) -> LineGate.Kind) {
        let line = carry
        carry.removeAll(keepingCapacity: true)
        line.withUnsafeBytes { count($0, judge, stays: false) }
    }

    @inline(__always)
    private mutating func count(
        _ line: UnsafeRawBufferPointer, _ judge: (UnsafeRawBufferPointer, Bool) -> LineGate.Kind, stays: Bool
    ) {
        if line.count - 1 > Self.longest {
            counters.damaged += 1
            return
        }
        switch judge(line, stays) {
        case .record: counters.records += 1
        case .damaged: counters.damaged += 1
        case .foreign: counters.foreign += 1
        case .blank: break
        }
    }

    /// - Parameter record: gets the line if it is a record, without a carriage return before its newline,
    ///   which the parser would take for a part of the last field.
    static func judge(
        _ line: UnsafeRawBufferPointer, _ record: (UnsafeBufferPointer<UInt8>) -> Void
    ) -> LineGate.Kind {
        let line = line.bindMemory(to: UInt8.self)
        let text = UnsafeBufferPointer(rebasing: line.dropLast())
        let kind = LineGate.judge(text)
        guard kind == .record else { return kind }
        if text.last == 0x0D {
            (Array(text.dropLast()) + [0x0A]).withUnsafeBufferPointer { record($0) }
        } else {
            record(line)
        }
        return kind
    }
}
