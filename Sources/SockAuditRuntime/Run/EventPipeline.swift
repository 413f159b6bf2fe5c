import AuditStream
import SockAuditCore

/// The one way through: record text -> libauparse -> events -> order -> ledger.
public final class EventPipeline {
    private let feed: AuparseFeed
    private let decoder: EventDecoder
    public let ledger: SocketLedger
    private let live: Bool
    private let wantsScripts: Bool
    private var windows: [NameID: ReorderWindow] = [:]
    /// Which serials have come, of a live stream.
    public private(set) var gaps = SerialGaps()
    /// Lines that wait to be fed together.
    private var text: [UInt8] = []
    /// Calls that were given to libauparse since it was last emptied, and how many events had come out then.
    private var begun = 0
    private var answered = 0
    private var prefixes: [UInt16: [UInt8]] = [:]

    /// First and newest stamps of events (ms); the newest tells how far the stream has been read.
    public private(set) var firstStamp: Int64?
    public private(set) var newestStamp: Int64 = .min

    /// Asked before each event goes to the ledger, in the order in which they go; what it refuses is left
    /// out. It may use the ledger, but not this pipeline.
    public var admits: ((AuditEvent) -> Bool)?

    /// Events that may wait in libauparse.
    private static let mostWaiting = 1_000
    /// Bytes that are collected before libauparse is called.
    private static let block = 65_536

    public init(ledger: SocketLedger, ownPid: Int32, wantsScripts: Bool, live: Bool) throws(AuditError) {
        self.ledger = ledger
        self.live = live
        self.wantsScripts = wantsScripts
        decoder = EventDecoder(names: ledger.names, ownPid: ownPid, wantsScripts: wantsScripts)
        feed = try AuparseFeed(decoder: decoder)
    }

    /// What others, and we, did to the audit configuration since the last time.
    public func takeChanges() -> [ConfigChange] { decoder.takeChanges() }

    public var counters: EventDecoder.Counters { decoder.counters }

    /// A record as a line of a log, newline included.
    public func push(line: UnsafeBufferPointer<UInt8>) {
        text.append(contentsOf: line)
        if text.count >= Self.block { pump() }
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public func push(type: UInt16, message: UnsafeRawBufferPointer) {
        if let serial = RecordType.serial(message) { gaps.saw(serial) }
        guard RecordType.isRead(type, titles: wantsScripts) else { return }
        if RecordType.isCall(type) { begun += 1 }
        text.append(contentsOf: prefix(type))
        var end = message.count
        while end > 0, message[end - 1] == 0 || message[end - 1] == 0x0A { end -= 1 }
        text.append(contentsOf: UnsafeRawBufferPointer(rebasing: message[..<end]))
        text.append(0x0A)
        if text.count >= Self.block { pump() }
    }

    /// Counts the serials that have been missing for too long. Call after reading.
    public func settleGaps(at now: Int64) { gaps.settle(at: now) }

    /// Gives what was collected to libauparse, and its events to the windows.
    public func pump() {
        if !text.isEmpty {
            text.withUnsafeBytes { feed.feed($0) }
            text.removeAll(keepingCapacity: true)
        }
        // libauparse gives no event out while an older one waits for a record, and looks at all that
        // wait for each line: one lost record would make it slower and slower for two seconds.
        if begun - (counters.events - answered) > Self.mostWaiting { empty() }
        collect()
    }

    /// Call once a second: events that wait for a last record are completed.
    public func age() {
        pump()
        feed.age()
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
        empty()
        collect()
        for node in windows.keys { windows[node]?.flush { emit($0, node) } }
    }

    private func empty() {
        feed.flush()
        begun = 0
        answered = counters.events
    }

    private func collect() {
        decoder.take { event in
            newestStamp = max(newestStamp, event.stamp)
            firstStamp = firstStamp.map { min($0, event.stamp) } ?? event.stamp
            let node = event.node
            windows[node, default: ReorderWindow(detectsRestart: !live)].push(event) { emit($0, node) }
        }
    }

    private func emit(_ output: ReorderWindow.Output, _ node: NameID) {
        switch output {
        case .event(let event): if admits?(event) ?? true { ledger.apply(event) }
        case .restart: ledger.rebooted(node: node)
        }
    }

    private func prefix(_ type: UInt16) -> [UInt8] {
        if let known = prefixes[type] { return known }
        let made = Array("type=\(RecordType.name(type)) msg=".utf8)
        prefixes[type] = made
        return made
    }
}
