import AuditStream
import SockAuditCore

/// The one way through: record text -> events -> order -> ledger.
public final class EventPipeline {
    /// Reads the records; nil with `--decoder auparse`, where ``parser`` does.
    private var lane: FastLane?
    private var parser: ParserReader?
    private let decoder: EventDecoder
    public let ledger: SocketLedger
    private let live: Bool
    private let wantsScripts: Bool
    private var windows: [NameID: ReorderWindow] = [:]
    /// Which serials have come, of a live stream.
    public private(set) var gaps = SerialGaps()

    /// First and newest stamps of events (ms); the newest tells how far the stream has been read.
    public private(set) var firstStamp: Int64?
    public private(set) var newestStamp: Int64 = .min

    /// Bytes of single lines since events were last taken on.
    private var pushed = 0
    private static let block = 65_536

    /// Events of a live stream that may wait for one of which a record was lost.
    private static let mostWaiting = 1_000

    public init(
        ledger: SocketLedger, ownPid: Int32, wantsScripts: Bool, live: Bool,
        decoder kind: WatchSettings.Decoder = .auto
    ) throws(AuditError) {
        self.ledger = ledger
        self.live = live
        self.wantsScripts = wantsScripts
        decoder = EventDecoder(names: ledger.names, ownPid: ownPid, wantsScripts: wantsScripts)
        switch kind {
        case .auto: lane = try FastLane(decoder: decoder, live: live)
        case .auparse: parser = try ParserReader(decoder: decoder)
        }
    }

    /// What others, and we, did to the audit configuration since the last time.
    public func takeChanges() -> [ConfigChange] { decoder.takeChanges() }

    public var counters: EventDecoder.Counters { lane?.counters ?? decoder.counters }

    /// A block of a log; `splitter` keeps what it is cut from to the next one.
    public func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        lane?.push(block: block, &splitter)
        parser?.push(block: block, &splitter)
        collect()
    }

    /// The end of a log.
    public func finish(_ splitter: inout LineSplitter) {
        lane?.finish(&splitter)
        parser?.finish(&splitter)
        pump()
    }

    /// A record as a line of a log, newline included.
    public func push(line: UnsafeBufferPointer<UInt8>) {
        lane?.push(record: line)
        parser?.push(record: line)
        pushed += line.count
        // What was decoded must not pile up until somebody calls pump().
        if pushed >= Self.block {
            pushed = 0
            collect()
        }
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public func push(type: UInt16, message: UnsafeRawBufferPointer) {
        if let serial = RecordType.serial(message) { gaps.saw(serial) }
        guard RecordType.isRead(type, titles: wantsScripts) else { return }
        lane?.push(type: type, message: message)
        parser?.push(type: type, message: message)
    }

    /// Counts the serials that have been missing for too long. Call after reading.
    public func settleGaps(at now: Int64) { gaps.settle(at: now) }

    /// Brings what was read so far to the windows.
    public func pump() {
        lane?.pump()
        if live, let waiting = lane?.waiting, waiting > Self.mostWaiting { lane?.flush() }
        parser?.pump()
        collect()
    }

    /// Call once a second: events that wait for a last record are completed.
    public func age() {
        lane?.age()
        parser?.age()
        collect()
    }

    /// Call some times a second: events that have waited for their turn since the last call go on.
    public func ageOrder() {
        for node in windows.keys { windows[node]?.age { emit($0, node) } }
    }

    /// Events wait for their turn: ``ageOrder()`` has something to do.
    public var isWaiting: Bool { windows.values.contains { $0.depth > 0 } }

    /// Takes in everything that came, in order: before a table, and at the end.
    public func settleOrder() {
        pump()
        lane?.flush()
        parser?.flush()
        collect()
        for node in windows.keys { windows[node]?.flush { emit($0, node) } }
    }

    private func collect() {
        lane?.take { order($0) }
        parser?.take { order($0) }
    }

    private func order(_ events: [AuditEvent]) {
        var index = 0
        while index < events.count {
            // A run of one node's: its window is looked up once, and changed where nobody else sees it.
            let node = events[index].node
            var window = windows.removeValue(forKey: node) ?? ReorderWindow(detectsRestart: !live)
            while index < events.count, events[index].node == node {
                let event = events[index]
                newestStamp = max(newestStamp, event.stamp)
                firstStamp = firstStamp.map { min($0, event.stamp) } ?? event.stamp
                window.push(event) { emit($0, node) }
                index += 1
            }
            windows[node] = window
        }
    }

    private func emit(_ output: ReorderWindow.Output, _ node: NameID) {
        switch output {
        case .event(let event): ledger.apply(event)
        case .restart: ledger.rebooted(node: node)
        }
    }
}
