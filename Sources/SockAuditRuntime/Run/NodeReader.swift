import AuditStream
import SockAuditCore

/// The decoders of one node's records. libauparse, and the lane that is held to it, takes an event for whole
/// when any record is two seconds younger: hosts in a merged log have clocks and queues of their own.
final class NodeReader {
    /// Reads the records; nil with `--decoder auparse`, where ``parser`` does.
    private var lane: FastLane?
    private var parser: ParserReader?
    let decoder: EventDecoder

    init(
        names: NameTable, ownPid: Int32, wantsScripts: Bool, live: Bool, _ kind: WatchSettings.Decoder,
        _ tables: LaneTables?
    ) throws(AuditError) {
        decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: wantsScripts)
        switch kind {
        case .auto: lane = try FastLane(decoder: decoder, live: live, tables: tables)
        case .auparse: parser = try ParserReader(decoder: decoder)
        }
    }

    var counters: EventDecoder.Counters { lane?.counters ?? decoder.counters }
    var waiting: Int { lane?.waiting ?? 0 }

    /// From now on lines that name a node are kept for ``takeDiverted()``.
    func divertNodes() {
        lane?.divertsNodes = true
        parser?.divertsNodes = true
    }

    func takeDiverted() -> [UInt8] { lane?.takeDiverted() ?? parser?.takeDiverted() ?? [] }

    func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        // Handed on for the call.
        unsafe lane?.push(block: block, &splitter)
        unsafe parser?.push(block: block, &splitter)
    }

    func finish(_ splitter: inout LineSplitter) {
        lane?.finish(&splitter)
        parser?.finish(&splitter)
    }

    func push(line: UnsafeBufferPointer<UInt8>) {
        // Handed on for the call.
        unsafe lane?.push(record: line)
        unsafe parser?.push(record: line)
    }

    func push(type: UInt16, message: UnsafeRawBufferPointer) {
        // Handed on for the call.
        unsafe lane?.push(type: type, message: message)
        unsafe parser?.push(type: type, message: message)
    }

    func pump(keeping most: Int) {
        lane?.pump()
        if let waiting = lane?.waiting, waiting > most { lane?.flush() }
        parser?.pump()
    }

    func age() {
        lane?.age()
        parser?.age()
    }

    func flush() {
        lane?.flush()
        parser?.flush()
    }

    /// See ``NameTable/sweep(_:)``.
    func markNames(_ mark: (NameID) -> Void) {
        lane?.markNames(mark)
        decoder.markNames(mark)
    }

    func forgetNames() {
        lane?.forgetNames()
        decoder.forgetNames()
    }

    func take(_ body: ([AuditEvent]) -> Void) {
        lane?.take(body)
        parser?.take(body)
    }
}

extension EventDecoder.Counters {
    static func += (a: inout Self, b: Self) {
        a.events += b.events
        a.malformed += b.malformed
        a.foreign += b.foreign
        a.torn += b.torn
    }
}
