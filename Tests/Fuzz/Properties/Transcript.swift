import AuditStream
import SockAuditCore

@testable import AuditStream

/// All that one decoder made of its input, so that it can be held against what the other made of it.
struct Transcript: Equatable {
    enum Decoder: CaseIterable { case lane, auparse }

    var events: [String] = []
    var counters = EventDecoder.Counters()
    var lines = LineSplitter.Counters()
    var changes: [ConfigChange] = []

    init() {}

    /// Of a log.
    /// - Parameters:
    ///   - block: how many bytes are read at a time.
    ///   - ownPid: whose events are left out, as in a live run.
    init(
        _ log: ArraySlice<UInt8>, _ kind: Decoder, scripts: Bool, block: Int, ownPid: Int32
    ) throws(AuditError) {
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: scripts)
        var splitter = LineSplitter()
        var found: [AuditEvent] = []
        func read(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
            for start in stride(from: log.startIndex, to: log.endIndex, by: block) {
                // Memory of its own: reading beyond it is what the sanitizer sees.
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

    /// Two decoders number names by when they met them.
    static func texts(_ events: [AuditEvent], _ names: NameTable) -> [String] {
        events.map { event in
            var bare = event
            (bare.node, bare.comm, bare.exe, bare.script) = (.none, .none, .none, .none)
            return "\([event.node, event.comm, event.exe, event.script].map { names[$0] }) \(bare)"
        }
    }

    /// - Returns: in which way two differ; nil where they do not.
    func difference(_ other: Transcript) -> String? {
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
