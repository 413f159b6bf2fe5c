import SockAuditCore

/// One event while its records come in.
struct AssembledEvent {
    enum State: UInt8 {
        /// The place is free.
        case none
        case building, complete
    }

    /// What its SYSCALL record says.
    enum Outcome: UInt8 {
        /// Nothing that we follow, or there is none.
        case nothing
        /// Of an architecture that libaudit does not know.
        case foreign
        case malformed
        /// In ``AssembledEvent/event``.
        case operation
    }

    var state = State.none
    var outcome = Outcome.nothing
    var isCall = false
    var hasTitle = false
    /// A call that we follow, so that its PROCTITLE may name a script.
    var isFollowed = false
    /// Of this very process.
    var isOurs = false
    /// Records that it still waits for; see ``FastLane/awaited(_:)``.
    var awaited: UInt8 = 0
    /// libauparse is to read it, from ``EventAssembly/lines``.
    var isOdd = false
    var seconds: Int64 = 0
    /// There is text of it in ``EventAssembly/lines``.
    var hasLines = false
    var event = AuditEvent(serial: 0, stamp: 0, pid: 0, operation: .exitThread)

    @inline(__always)
    mutating func begin(_ stamp: Int64, seconds: Int64, _ serial: UInt64, _ node: NameID) {
        state = .building
        outcome = .nothing
        isCall = false
        hasTitle = false
        isFollowed = false
        isOurs = false
        isOdd = false
        awaited = 0
        hasLines = false
        self.seconds = seconds
        event.node = node
        event.stamp = stamp
        event.serial = serial
    }

    /// What the SYSCALL record says.
    @inline(__always)
    mutating func take(_ scan: CallScan) {
        isFollowed = true
        switch OperationBuilder.build(scan.call, scan.fields) {
        case .nothing: outcome = .nothing
        case .malformed: outcome = .malformed
        case .operation(let operation):
            let caller = scan.caller
            outcome = .operation
            event.pid = scan.pid
            event.ppid = scan.ppid
            event.uid = caller.uid
            event.auid = caller.auid
            event.session = caller.session
            event.comm = caller.comm
            event.exe = caller.exe
            event.script = .none
            event.operation = operation
            event.kind = scan.call == .socket ? OperationBuilder.kind(scan.call, scan.fields) : .unknown
        }
    }
}

/// Puts records together to events as libauparse does (au_auparse_next_event, auparse/auparse.c), for
/// what counts as one event, and in which order they come out, is what it makes of them.
///
/// An event is given out when nothing more is waited for and no older one is still waiting.
struct EventAssembly: ~Copyable {
    // Not private: Slots stands in another file, and the compiler (6.3.1) loses a private type on the way there.
    struct Key {
        var stamp: Int64
        var serial: UInt64
        /// The place of the event. libauparse takes the lowest that is free, and of two events with one
        /// stamp it gives out the one in the lower.
        var place: Int32

        @inline(__always)
        static func < (a: Key, b: Key) -> Bool {
            if a.stamp != b.stamp { return a.stamp < b.stamp }
            if a.serial != b.serial { return a.serial < b.serial }
            return a.place < b.place
        }
    }

    /// By place.
    var events = Slots(AssembledEvent(), count: EventAssembly.few)
    /// By place, for a few of them: records as lines of a log. For an odd event all that matter, for another
    /// its SYSCALL record, once a later event's has come.
    private var lines: [Int: [UInt8]] = [:]
    /// All that are not given out, oldest first, from `head` to before `tail`.
    private var order = Slots(Key(stamp: 0, serial: 0, place: 0), count: 4 * EventAssembly.few)
    private var head = 0
    private var tail = 0
    /// A bit for each place that is free, lowest place first: the first 64, and the others.
    private var free: UInt64 = 1 << EventAssembly.few - 1
    private var moreFree: [UInt64] = []
    private var complete = 0
    /// The second at which the first of those that wait for records may have waited for too long.
    private var deadline: Int64 = .max
    private let patience: Int64
    /// At first: there is one of this for each node of a merged log. Less than 64, and a power of two.
    private static let few = 8

    /// - Parameter patience: seconds after which an event that waits is given out as it is.
    init(patience: Int64) {
        self.patience = patience
    }

    /// Events that are not given out.
    var depth: Int { tail - head }

    /// The place of the event that waits for records and has this stamp.
    @inline(__always)
    func find(_ stamp: Int64, _ serial: UInt64, _ node: NameID) -> Int? {
        guard head < tail else { return nil }
        let last = order[tail - 1]
        if last.stamp < stamp || (last.stamp == stamp && last.serial < serial) { return nil }
        return search(stamp, serial, node)
    }

    private func search(_ stamp: Int64, _ serial: UInt64, _ node: NameID) -> Int? {
        var index = lowerBound(Key(stamp: stamp, serial: serial, place: -1))
        while index < tail, order[index].stamp == stamp, order[index].serial == serial {
            let place = Int(order[index].place)
            if events[place].state == .building && events[place].event.node == node { return place }
            index += 1
        }
        return nil
    }

    /// Those that are not given out.
    func forEach(_ body: (AuditEvent) -> Void) {
        for index in head..<tail { body(events[Int(order[index].place)].event) }
    }

    /// - Parameter place: one that ``begin(_:seconds:_:_:)`` or ``find(_:_:_:)`` gave out.
    @inline(__always)
    func isBuilding(_ place: Int) -> Bool {
        // There was such a place, and there are never fewer.
        unsafe events[unchecked: place].state == .building
    }

    /// - Returns: the new event's place.
    @inline(__always)
    mutating func begin(_ stamp: Int64, seconds: Int64, _ serial: UInt64, _ node: NameID) -> Int {
        let place = takePlace()
        events[place].begin(stamp, seconds: seconds, serial, node)
        deadline = min(deadline, seconds + patience)
        let key = Key(stamp: stamp, serial: serial, place: Int32(truncatingIfNeeded: place))
        if tail == order.count { makeRoom() }
        if head < tail, key < order[tail - 1] {
            let index = lowerBound(key)
            order.copy(index..<tail, to: index + 1)
            order[index] = key
        } else {
            order[tail] = key
        }
        tail += 1
        return place
    }

    private mutating func makeRoom() {
        if head < order.count / 2 { order.double(Key(stamp: 0, serial: 0, place: 0)) }
        order.copy(head..<tail, to: 0)
        tail -= head
        head = 0
    }

    @inline(__always)
    mutating func end(_ place: Int) {
        events[place].state = .complete
        complete += 1
    }

    /// Events that have waited for too long when a record of this time has come, or all.
    @inline(__always)
    mutating func age(_ seconds: Int64) {
        if deadline <= seconds { endOld(seconds) }
    }

    mutating func endAll() { endOld(.max) }

    private mutating func endOld(_ seconds: Int64) {
        deadline = .max
        for index in head..<tail {
            let place = Int(order[index].place)
            guard events[place].state == .building else { continue }
            let began = events[place].seconds
            guard seconds == .max || began + patience <= seconds else {
                // The rest is younger.
                deadline = began + patience
                break
            }
            end(place)
        }
    }

    /// The place of the next event to be given out; the caller takes it from there before it calls
    /// anything else, and its place is free.
    @inline(__always)
    mutating func next() -> Int? {
        guard complete > 0 else { return nil }
        let place = Int(order[head].place)
        guard events[place].state == .complete else { return nil }
        events[place].state = .none
        if place < 64 {
            free |= 1 << UInt64(place)
        } else {
            moreFree[place / 64 - 1] |= 1 << UInt64(place & 63)
        }
        complete -= 1
        head += 1
        return place
    }

    @inline(__always)
    private mutating func takePlace() -> Int {
        if free == 0 { return takeHighPlace() }
        let place = free.trailingZeroBitCount
        free &= free - 1
        return place
    }

    private mutating func takeHighPlace() -> Int {
        if events.count < 64 {
            let place = events.count
            events.double(AssembledEvent())
            free = ~0 << UInt64(place + 1) & (events.count < 64 ? 1 << UInt64(events.count) - 1 : .max)
            return place
        }
        for index in moreFree.indices where moreFree[index] != 0 {
            let bit = moreFree[index].trailingZeroBitCount
            moreFree[index] &= moreFree[index] - 1
            return (index + 1) * 64 + bit
        }
        let place = events.count
        events.double(AssembledEvent())
        moreFree += Array(repeating: UInt64.max, count: place / 64)
        moreFree[place / 64 - 1] -= 1
        return place
    }

    // MARK: text

    mutating func keep(_ text: UnsafeRawBufferPointer, of place: Int) {
        // Copied; it lies where the caller says.
        unsafe lines[place, default: []].append(contentsOf: text)
        events[place].hasLines = true
    }

    mutating func takeLines(of place: Int) -> [UInt8] {
        events[place].hasLines = false
        return lines.removeValue(forKey: place) ?? []
    }

    private func lowerBound(_ key: Key) -> Int {
        var low = head
        var high = tail
        while low < high {
            let middle = (low + high) >> 1
            if order[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
