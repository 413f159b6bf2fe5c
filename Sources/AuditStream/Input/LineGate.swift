import SockAuditCore

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

    public static func judge(_ line: some BidirectionalCollection<UInt8>) -> Kind {
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
        guard let space = rest.firstIndex(of: 0x20), space > rest.startIndex else {
            return .damaged
        }
        rest = rest[rest.index(after: space)...]
        guard starts(rest, "msg=audit(") else { return .damaged }
        rest = rest.dropFirst(10)
        guard number(&rest, then: ".", digits: 1...11), number(&rest, then: ":", digits: 3...3),
            number(&rest, then: ")", digits: 1...10)
        else { return .damaged }
        return rest.first == UInt8(ascii: ":") ? .record : .damaged
    }

    private static func starts(_ text: some Collection<UInt8>, _ prefix: StaticString) -> Bool {
        text.starts(with: prefix.bytes)
    }

    /// Takes as many digits as may be there, and the mark behind them.
    private static func number<Text: Collection<UInt8>>(
        _ text: inout Text, then mark: Unicode.Scalar, digits: ClosedRange<Int>
    ) -> Bool where Text.SubSequence == Text {
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
