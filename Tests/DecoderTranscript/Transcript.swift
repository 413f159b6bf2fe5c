import AuditStream
import SockAuditCore

/// All that one decoder made of its input, every event in order and every counter, so that it can be held against
/// what the other made of it.
///
/// libauparse keeps state of its own outside its parsers: whoever has several threads makes one at a time.
public struct Transcript: Equatable {
    public enum Decoder: CaseIterable, Sendable { case lane, auparse }

    public let events: [String]
    public let counters: EventDecoder.Counters
    public let lines: LineSplitter.Counters
    public let changes: [ConfigChange]

    /// Of a log.
    /// - Parameters:
    ///   - block: how many bytes are read at a time.
    ///   - ownPid: whose events are left out, as in a live run.
    public init(
        _ log: ArraySlice<UInt8>, _ kind: Decoder, scripts: Bool = false, block: Int = 1 << 18,
        ownPid: Int32 = 0
    ) throws(AuditError) {
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: scripts)
        var splitter = LineSplitter()
        var found: [AuditEvent] = []
        func read(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
            for start in stride(from: log.startIndex, to: log.endIndex, by: block) {
                // Memory of its own: reading beyond it is what a sanitizer sees.
                let piece = Array(log[start..<min(start + block, log.endIndex)])
                unsafe piece.withUnsafeBufferPointer { unsafe body($0) }
            }
        }
        switch kind {
        case .lane:
            var lane = try FastLane(decoder: decoder)
            // The decoders copy what they keep of a block.
            unsafe read { bytes in unsafe lane.push(block: bytes, &splitter) }
            lane.finish(&splitter)
            lane.flush()
            lane.take { found += $0 }
            counters = lane.counters
        case .auparse:
            var parser = try ParserReader(decoder: decoder)
            // The decoders copy what they keep of a block.
            unsafe read { bytes in unsafe parser.push(block: bytes, &splitter) }
            parser.finish(&splitter)
            parser.pump()
            parser.flush()
            parser.take { found += $0 }
            counters = decoder.counters
        }
        lines = splitter.counters
        changes = decoder.takeChanges()
        events = Self.texts(found, names)
    }

    /// Of the kernel's messages.
    public init(
        _ messages: [(type: UInt16, text: [UInt8])], _ kind: Decoder, scripts: Bool
    ) throws(AuditError) {
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: 102, wantsScripts: scripts)
        var found: [AuditEvent] = []
        switch kind {
        case .lane:
            var lane = try FastLane(decoder: decoder, live: true)
            // The decoders copy what they keep of a message.
            for message in messages {
                unsafe message.text.withUnsafeBytes { unsafe lane.push(type: message.type, message: $0) }
            }
            lane.flush()
            lane.take { found += $0 }
            counters = lane.counters
        case .auparse:
            var parser = try ParserReader(decoder: decoder)
            // The decoders copy what they keep of a message.
            for message in messages {
                unsafe message.text.withUnsafeBytes { unsafe parser.push(type: message.type, message: $0) }
            }
            parser.pump()
            parser.flush()
            parser.take { found += $0 }
            counters = decoder.counters
        }
        lines = LineSplitter().counters
        changes = decoder.takeChanges()
        events = Self.texts(found, names)
    }

    /// Two decoders number names by when they met them.
    private static func texts(_ events: [AuditEvent], _ names: NameTable) -> [String] {
        events.map { event in
            var bare = event
            (bare.node, bare.comm, bare.exe, bare.script) = (.none, .none, .none, .none)
            return "\([event.node, event.comm, event.exe, event.script].map { names[$0] }) \(bare)"
        }
    }

    /// - Returns: in which way that of libauparse differs from this, the lane's; nil where it does not.
    public func difference(_ other: Transcript) -> String? {
        if self == other { return nil }
        let at = zip(events, other.events).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let from = at ?? min(events.count, other.events.count)
        let shown = [self, other].map { side in
            "\(side.events.count) events, \(side.counters), \(side.lines), \(side.changes); event \(from): "
                + (side.events.dropFirst(from).first ?? "none")
        }
        return "the lane and libauparse disagree:\n  lane    \(shown[0])\n  auparse \(shown[1])"
    }
}
