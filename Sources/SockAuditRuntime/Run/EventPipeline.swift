import AuditStream
import SockAuditCore

/// The one way through: record text -> events -> order -> ledger.
public final class EventPipeline {
    /// Of records that name no node, and all of a live stream.
    private let main: NodeReader
    /// Of those that name one, by `node=NAME `.
    private var nodes: [[UInt8]: NodeReader] = [:]
    private let makeNode: () throws(AuditError) -> NodeReader
    private var lastNode: (name: [UInt8], reader: NodeReader)
    public let ledger: SocketLedger
    private let live: Bool
    private let wantsScripts: Bool
    private var windows: [NameID: ReorderWindow] = [:]
    /// Which serials have come, of a live stream.
    public private(set) var gaps = SerialGaps()

    /// Of a live stream: how the clock on the wall was set since the start.
    public private(set) var shifts = ClockShifts()
    private var even: Int64 = 0

    /// First and newest stamps of events (ms); the newest tells how far the stream has been read.
    public private(set) var firstStamp: Int64?
    public private(set) var newestStamp: Int64 = .min

    /// Asked before each event goes to the ledger, in the order in which they go; what it refuses is left
    /// out. It may use the ledger, but not this pipeline.
    public var admits: ((AuditEvent) -> Bool)?
    /// Where the present interval ends (ms): before a node's event of a later one goes on, the others let out
    /// what is older.
    public var border: () -> Int64 = { .max }
    /// Bytes of single lines since events were last taken on.
    private var pushed = 0
    private static let block = 65_536

    /// Events of a live stream that may wait for one of which a record was lost.
    private static let mostWaiting = 1_000

    /// - Parameter ends: of a live stream, whether events' last records (EOE) are in it, as auditd hands
    ///   them on.
    public init(
        ledger: SocketLedger, ownPid: Int32, wantsScripts: Bool, live: Bool, ends: Bool = false,
        decoder kind: WatchSettings.Decoder = .auto
    ) throws(AuditError) {
        self.ledger = ledger
        self.live = live
        self.wantsScripts = wantsScripts
        let names = ledger.names
        let tables = kind == .auto ? try LaneTables(names: names) : nil
        makeNode = { () throws(AuditError) in
            try NodeReader(
                names: names, ownPid: ownPid, wantsScripts: wantsScripts, live: live && !ends, kind, tables)
        }
        main = try makeNode()
        lastNode = ([], main)
        if !live { main.divertNodes() }
    }

    /// What others, and we, did to the audit configuration since the last time.
    public func takeChanges() -> [ConfigChange] {
        nodes.values.reduce(main.decoder.takeChanges()) { $0 + $1.decoder.takeChanges() }
    }

    public var counters: EventDecoder.Counters {
        nodes.values.reduce(into: main.counters) { $0 += $1.counters }
    }

    /// A block of a log; `splitter` keeps what it is cut from to the next one.
    public func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        unsafe main.push(block: block, &splitter)
        readDiverted()
        collect()
    }

    /// The end of a log.
    public func finish(_ splitter: inout LineSplitter) {
        main.finish(&splitter)
        readDiverted()
        pump()
    }

    private func readDiverted() {
        let lines = main.takeDiverted()
        if lines.isEmpty { return }
        // Between the ends of the array, which stays for the call.
        unsafe lines.withUnsafeBufferPointer { bytes in
            var start = 0
            while start < bytes.count {
                // Between the ends of the array, which stays for the call.
                let end = unsafe bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
                unsafe read(UnsafeBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    /// More hosts than any fleet has are damage: they share one.
    private static let mostNodes = 4_096

    private func reader(_ name: [UInt8]) -> NodeReader {
        if let known = nodes[name] { return known }
        guard nodes.count < Self.mostNodes, let made = try? makeNode() else { return main }
        nodes[name] = made
        return made
    }

    /// A record as a line of a log, newline included.
    public func push(line: UnsafeBufferPointer<UInt8>) {
        unsafe read(line)
        pushed += line.count
        // What was decoded must not pile up until somebody calls pump().
        if pushed >= Self.block {
            pushed = 0
            collect()
        }
    }

    private func read(_ line: UnsafeBufferPointer<UInt8>) {
        // The line that the caller holds.
        guard unsafe line.first == UInt8(ascii: "n"), unsafe line.starts(with: "node=".utf8) else {
            return unsafe main.push(line: line)
        }
        if unsafe lastNode.name.isEmpty || !line.starts(with: lastNode.name) {
            let name = unsafe line.prefix { $0 != 0x20 } + [0x20]
            lastNode = (name, reader(name))
        }
        // The line that the caller holds.
        unsafe lastNode.reader.push(line: line)
    }

    /// A message of the kernel: its text lacks the `type=` that a log line has.
    public func push(type: UInt16, message: UnsafeRawBufferPointer) {
        if let serial = unsafe RecordType.serial(message) { gaps.saw(serial) }
        guard RecordType.isRead(type, titles: wantsScripts) else { return }
        unsafe main.push(type: type, message: message)
    }

    /// Of a live stream, whose stamps are those of this host's clock: what that shows. Call it when records have
    /// been read, and before they are brought on.
    public func sawClock(_ clock: Clock) {
        let before = clock.even()
        let wall = Clock.wall()
        even = clock.even()
        shifts.saw(wall: wall, before: before, after: even)
    }

    /// A record of a live stream that was pushed as a line has this serial.
    public func sawSerial(_ serial: UInt64) { gaps.saw(serial) }

    /// Counts the serials that have been missing for too long. Call after reading.
    public func settleGaps(at now: Int64) { gaps.settle(at: now) }

    /// Brings what was read so far to the windows.
    public func pump() {
        forEach { $0.pump(keeping: live ? Self.mostWaiting : .max) }
        collect()
    }

    /// Call once a second: events that wait for a last record are completed.
    public func age() {
        forEach { $0.age() }
        collect()
    }

    /// Call some times a second: events that have waited for their turn since the last call go on.
    public func ageOrder() {
        for node in windows.keys {
            // Taken out: see ``release(before:)``.
            guard var window = windows.removeValue(forKey: node) else { continue }
            window.age { emit($0, node) }
            windows[node] = window
        }
    }

    /// Events wait for their turn: ``ageOrder()`` has something to do.
    public var isWaiting: Bool { windows.values.contains { $0.depth > 0 } }

    /// Takes in everything that came, in order: before a table, and at the end.
    public func settleOrder() {
        pump()
        forEach { $0.flush() }
        collect()
        release(before: .max)
    }

    /// Lets out what waits and was entered before a time (ms), the oldest first, whosever it is: by its own
    /// serials alone a quiet node's event may wait for hours, and be counted with what others did then.
    private func release(before limit: Int64) {
        var waiting = windows.compactMap { node, window in window.oldest.map { (stamp: $0, node: node) } }
            .filter { $0.stamp < limit }
        // The last is the oldest.
        waiting.sort { ($0.stamp, $0.node.index) > ($1.stamp, $1.node.index) }
        while let (_, node) = waiting.popLast() {
            let next = min(limit, waiting.last?.stamp ?? limit)
            // One at a time, and not while its window is held: what comes may end an interval.
            repeat {
                guard let event = windows[node]?.takeOldest() else { break }
                emit(.event(event), node)
            } while (windows[node]?.oldest).map { $0 < next } ?? false
            guard let stamp = windows[node]?.oldest, stamp < limit else { continue }
            let place = waiting.firstIndex { $0.stamp <= stamp } ?? waiting.count
            waiting.insert((stamp, node), at: place)
        }
    }

    private func collect() {
        defer { if ledger.names.isFull { sweepNames() } }
        if nodes.isEmpty { return main.take { order($0) } }
        // Each gives out on its own after so many bytes: all must have come equally far, or one node's events
        // of the next interval end the interval of another's.
        forEach { $0.pump(keeping: .max) }
        var lists: [[AuditEvent]] = []
        forEach { $0.take { lists.append($0) } }
        order(Self.merged(lists))
    }

    /// Of a host whose processes call themselves anything only the names that are borne are kept. Everything
    /// that was decoded has been taken on.
    private func sweepNames() {
        ledger.names.sweep { mark in
            ledger.markNames(mark)
            for (node, window) in windows {
                mark(node)
                window.forEach { $0.markNames(mark) }
            }
            forEach { $0.markNames(mark) }
        }
        forEach { $0.forgetNames() }
    }

    /// Tables by time need the events of several nodes in the order of time; each node's own order stays.
    private static func merged(_ lists: [[AuditEvent]]) -> [AuditEvent] {
        if lists.count < 2 { return lists.first ?? [] }
        var keyed: [(key: Int64, place: Int, event: AuditEvent)] = []
        keyed.reserveCapacity(lists.reduce(0) { $0 + $1.count })
        for list in lists {
            var newest = Int64.min
            for event in list {
                newest = max(newest, event.stamp)
                keyed.append((newest, keyed.count, event))
            }
        }
        keyed.sort { ($0.key, $0.place) < ($1.key, $1.place) }
        return keyed.map(\.event)
    }

    private func forEach(_ body: (NodeReader) -> Void) {
        body(main)
        for node in nodes.values { body(node) }
    }

    private func order(_ events: [AuditEvent]) {
        var index = 0
        while index < events.count {
            // A run of one node's: its window is looked up once, and changed where nobody else sees it.
            let node = events[index].node
            var window = windows.removeValue(forKey: node) ?? ReorderWindow(detectsRestart: !live)
            while index < events.count, events[index].node == node {
                var event = events[index]
                if live && node == .none { event.stamp = shifts.even(event.stamp, now: even) }
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
        case .event(let event):
            if !windows.isEmpty, event.stamp >= border() { release(before: event.stamp) }
            if admits?(event) ?? true { ledger.apply(event) }
        case .restart: ledger.rebooted(node: node)
        }
    }
}
