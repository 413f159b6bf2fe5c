import CAudit
import Glibc
import SockAuditCore

/// Records in, events out, as ``AuparseFeed`` and ``EventDecoder`` do it, and to the same figures: what
/// looks as the kernel writes it is read here, all else by libauparse.
///
/// Records that cannot concern us only count with their event. An event of which anything is odd is
/// given to libauparse whole, when its turn comes.
public struct FastLane: ~Copyable {
    let decoder: EventDecoder
    let feed: AuparseFeed
    /// Kept alive for the caches in ``scan`` and ``scripts``.
    private let tables: LaneTables
    let probe: ParserProbe
    let ownPid: Int32
    let wantsScripts: Bool
    /// No EOE comes; see ``takeLive(_:)``.
    let live: Bool
    var head: RecordHead
    var scan: CallScan
    let scripts: ScriptCache
    var titles = TitleWatch()
    var assembly: EventAssembly
    /// The event that the last record belonged to; -1 where there is none.
    var last = -1
    var recent = RecentCall()
    /// The lines of the last messages of the kernel, see ``push(type:message:)``.
    var callText = MessageText()
    var otherText = MessageText()
    /// Lines that name a node are not read but kept here, for a lane of that node's own.
    public var divertsNodes = false
    var diverted: [UInt8] = []
    /// Bytes since events were last given out; see ``count(_:)``.
    var fed = 0
    static let block = 65_536
    /// Since the last ``take(_:)``.
    var ready: [AuditEvent] = []
    /// What passed through here; the decoder counts the odd ones.
    var passed = EventDecoder.Counters()

    /// The last SYSCALL record, so that it need not be copied: its event is hardly ever an odd one.
    @safe struct RecentCall {
        var place = -1
        var stamp: Int64 = 0
        var serial: UInt64 = 0
        // Empty: nothing is read.
        var text = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// - Parameters:
    ///   - decoder: what libauparse reads goes through it.
    ///   - live: messages of the kernel come, and no EOE among them.
    ///   - tables: of the same names, shared with other lanes of this thread; nil for its own.
    public init(
        decoder: EventDecoder, live: Bool = false, tables: LaneTables? = nil
    ) throws(AuditError) {
        // What can fail comes first: a struct like this one cannot be given up half made.
        let feed = try AuparseFeed(decoder: decoder)
        let shared: LaneTables
        if let tables { shared = tables } else { shared = try LaneTables(names: decoder.names) }
        let probe = shared.probe
        self.decoder = decoder
        self.feed = feed
        self.tables = shared
        self.probe = probe
        self.live = live
        ownPid = decoder.ownPid
        wantsScripts = decoder.wantsScripts
        decoder.countsTitles = false
        head = RecordHead(shared.roles, names: decoder.names)
        scan = CallScan(shared.callers)
        scripts = shared.scripts
        assembly = EventAssembly(patience: shared.patience)
    }

    public var counters: EventDecoder.Counters {
        var sum = passed
        sum.events += decoder.counters.events
        sum.malformed += decoder.counters.malformed
        sum.foreign += decoder.counters.foreign
        sum.torn += titles.torn
        return sum
    }

    /// Events that wait for a record, or for an older event.
    public var waiting: Int { assembly.depth }

    /// Hands over what was decoded since the last time, in the order of the stream.
    public mutating func take(_ body: ([AuditEvent]) -> Void) {
        if ready.isEmpty { return }
        body(ready)
        ready.removeAll(keepingCapacity: true)
    }

    /// Hands over the lines that name a node.
    public mutating func takeDiverted() -> [UInt8] {
        if diverted.isEmpty { return [] }
        defer { diverted = [] }
        return diverted
    }

    // MARK: turns

    /// Gives out what is ready, as libauparse does whenever it is fed.
    public mutating func pump() {
        fed = 0
        keepRecent()
        release()
    }

    /// Gives out what has waited for too long by the clock; call once a second.
    public mutating func age() {
        keepRecent()
        assembly.age(Int64(time(nil)))
        release()
    }

    /// Gives out all that waits, complete or not.
    public mutating func flush() {
        keepRecent()
        release()
        assembly.endAll()
        release()
    }

    @inline(__always)
    mutating func release() {
        while let place = assembly.next() { give(place) }
    }

    /// What ``EventDecoder/decode(_:)`` does at the end of an event.
    @inline(__always)
    private mutating func give(_ place: Int) {
        if assembly.events[place].isCall && ownPid == 0 { countTitle(place) }
        if assembly.events[place].hasLines {
            let lines = assembly.takeLines(of: place)
            if assembly.events[place].isOdd { return giveOdd(lines) }
        }
        if assembly.events[place].isOurs { return }
        passed.events += 1
        switch assembly.events[place].outcome {
        case .nothing: break
        case .foreign: passed.foreign += 1
        case .malformed: passed.malformed += 1
        case .operation: ready.append(assembly.events[place].event)
        }
    }

    private mutating func giveOdd(_ lines: [UInt8]) {
        // The array stays for the call.
        unsafe lines.withUnsafeBytes { unsafe feed.feed($0) }
        feed.flush()
        // In between, so that the order stays.
        decoder.takeAll { ready += $0 }
    }

    @inline(__always)
    private mutating func countTitle(_ place: Int) {
        // libauparse does not tell the node of an event at the time 0.
        let node = assembly.events[place].seconds == 0 ? .none : assembly.events[place].event.node
        titles.saw(node, hasTitle: assembly.events[place].hasTitle)
    }

    // MARK: what is kept of lines

    /// The bytes of the last line are about to change: what may still be asked for is copied.
    mutating func keepRecent() {
        guard recent.place >= 0 else { return }
        if isRecent(recent.place) { unsafe assembly.keep(recent.text, of: recent.place) }
        recent.place = -1
    }

    @inline(__always)
    private func isRecent(_ place: Int) -> Bool {
        return recent.place == place && assembly.events[place].state == .building
            && assembly.events[place].isCall
            && !assembly.events[place].isOdd && assembly.events[place].event.stamp == recent.stamp
            && assembly.events[place].event.serial == recent.serial
    }

    func isOdd(_ place: Int) -> Bool { assembly.events[place].isOdd }

    /// libauparse is to read this event: with the record of its call, if that has come.
    mutating func makeOdd(_ place: Int) {
        guard !assembly.events[place].isOdd else { return }
        if isRecent(place) { keepRecent() }
        assembly.events[place].isOdd = true
    }
}
