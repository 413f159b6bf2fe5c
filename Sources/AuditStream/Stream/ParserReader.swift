import SockAuditCore

/// Records to libauparse, all of them, and its events out: what ``FastLane`` is held to.
public struct ParserReader: ~Copyable {
    private let feed: AuparseFeed
    private let decoder: EventDecoder
    /// Lines that wait to be fed together.
    private var text: [UInt8] = []
    /// Calls that were given to libauparse since it was last emptied, and how many events had come out then.
    private var begun = 0
    private var answered = 0
    private var prefixes: [UInt16: [UInt8]] = [:]
    /// See ``FastLane/divertsNodes``.
    public var divertsNodes = false
    private var diverted: [UInt8] = []

    /// Events that may wait in libauparse.
    private static let mostWaiting = 1_000
    /// Bytes that are collected before libauparse is called.
    private static let block = 65_536

    public init(decoder: EventDecoder) throws(AuditError) {
        self.decoder = decoder
        feed = try AuparseFeed(decoder: decoder)
    }

    /// Hands over what was decoded since the last time, in the order of the stream.
    public func take(_ body: ([AuditEvent]) -> Void) { decoder.takeAll(body) }

    public mutating func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        // The caller holds the bytes.
        unsafe splitter.push(block) { unsafe divert($0) }
    }

    private mutating func divert(_ line: UnsafeBufferPointer<UInt8>) {
        // The caller holds the bytes.
        if unsafe divertsNodes && line.starts(with: "node=".utf8) {
            unsafe diverted += line
        } else {
            unsafe push(record: line)
        }
    }

    /// Hands over the lines that name a node.
    public mutating func takeDiverted() -> [UInt8] {
        defer { diverted = [] }
        return diverted
    }

    public mutating func finish(_ splitter: inout LineSplitter) {
        // The caller holds the bytes.
        unsafe splitter.finish { unsafe divert($0) }
    }

    /// A record as a line of a log, newline included.
    public mutating func push(record line: UnsafeBufferPointer<UInt8>) {
        unsafe text.append(contentsOf: line)
        if text.count >= Self.block { pump() }
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public mutating func push(type: UInt16, message: UnsafeRawBufferPointer) {
        if RecordType.isCall(type) { begun += 1 }
        text.append(contentsOf: prefix(type))
        var end = message.count
        // Below the message's count.
        while end > 0, unsafe message[end - 1] == 0 || message[end - 1] == 0x0A { end -= 1 }
        unsafe text.append(contentsOf: UnsafeRawBufferPointer(rebasing: message[..<end]))
        text.append(0x0A)
        if text.count >= Self.block { pump() }
    }

    /// Gives libauparse what was collected.
    public mutating func pump() {
        if !text.isEmpty {
            unsafe text.withUnsafeBytes { unsafe feed.feed($0) }
            text.removeAll(keepingCapacity: true)
        }
        // libauparse gives no event out while an older one waits for a record, and looks at all that
        // wait for each line: one lost record would make it slower and slower for two seconds.
        if begun - (decoder.counters.events - answered) > Self.mostWaiting { flush() }
    }

    /// Completes events that have waited for their last record for too long.
    public mutating func age() {
        pump()
        feed.age()
    }

    /// Completes all that waits.
    public mutating func flush() {
        feed.flush()
        begun = 0
        answered = decoder.counters.events
    }

    private mutating func prefix(_ type: UInt16) -> [UInt8] {
        if let known = prefixes[type] { return known }
        let made = Array("type=\(RecordType.name(type)) msg=".utf8)
        prefixes[type] = made
        return made
    }
}
