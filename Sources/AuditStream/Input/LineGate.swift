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
        var rest = unsafe line[...]
        while let last = unsafe rest.last, last == 0x0D || last == 0x20 { unsafe rest = rest.dropLast() }
        if unsafe rest.isEmpty || starts(rest, "----") || starts(rest, "time->") { return .blank }
        if unsafe starts(rest, "node=") {
            guard let space = unsafe rest.firstIndex(of: 0x20) else { return .damaged }
            unsafe rest = rest[rest.index(after: space)...]
            if unsafe !starts(rest, "type=") { return .damaged }
        }
        guard unsafe starts(rest, "type=") else { return .foreign }
        unsafe rest = rest.dropFirst(5)
        guard let space = unsafe rest.firstIndex(of: 0x20), unsafe space > rest.startIndex else {
            return .damaged
        }
        unsafe rest = rest[rest.index(after: space)...]
        guard unsafe starts(rest, "msg=audit(") else { return .damaged }
        unsafe rest = rest.dropFirst(10)
        guard unsafe number(&rest, then: ".", digits: 1...11), unsafe number(&rest, then: ":", digits: 3...3),
            unsafe number(&rest, then: ")", digits: 1...10)
        else { return .damaged }
        return unsafe rest.first == UInt8(ascii: ":") ? .record : .damaged
    }

    private static func starts(_ text: Slice<UnsafeBufferPointer<UInt8>>, _ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { unsafe text.count >= $0.count && text.prefix($0.count).elementsEqual($0) }
    }

    /// Takes as many digits as may be there, and the mark behind them.
    private static func number(
        _ text: inout Slice<UnsafeBufferPointer<UInt8>>, then mark: Unicode.Scalar, digits: ClosedRange<Int>
    ) -> Bool {
        var count = 0
        while let byte = unsafe text.first, (0x30...0x39).contains(byte) {
            unsafe text = text.dropFirst()
            count += 1
        }
        guard digits.contains(count), unsafe text.first == UInt8(ascii: mark) else { return false }
        unsafe text = text.dropFirst()
        return true
    }
}
