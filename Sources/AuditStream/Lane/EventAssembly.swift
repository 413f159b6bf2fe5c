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
}

/// Puts records together to events as libauparse does (au_auparse_next_event, auparse/auparse.c), for
/// what counts as one event, and in which order they come out, is what it makes of them.
///
/// An event is given out when nothing more is waited for and no older one is still waiting.
@safe struct EventAssembly: ~Copyable {
    private struct Key {
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

    /// By place. Raw memory: every record touches one of them, and an array asks each time whether it is
    /// shared.
    private(set) var events: UnsafeMutablePointer<AssembledEvent>
    private var places = EventAssembly.few
    /// By place, for a few of them: records as lines of a log. For an odd event all that matter, for another
    /// its SYSCALL record, once a later event's has come.
    private var lines: [Int: [UInt8]] = [:]
    /// All that are not given out, oldest first, from `head` to before `tail`. Raw for the same reason.
    private var order: UnsafeMutablePointer<Key>
    private var room = 4 * EventAssembly.few
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
        unsafe events = .allocate(capacity: places)
        unsafe events.initialize(repeating: AssembledEvent(), count: places)
        unsafe order = .allocate(capacity: room)
    }

    deinit {
        unsafe events.deallocate()
        unsafe order.deallocate()
    }

    /// Events that are not given out.
    var depth: Int { tail - head }

    /// The place of the event that waits for records and has this stamp.
    @inline(__always)
    func find(_ stamp: Int64, _ serial: UInt64, _ node: NameID) -> Int? {
        guard head < tail else { return nil }
        let last = unsafe order[tail - 1]
        if last.stamp < stamp || (last.stamp == stamp && last.serial < serial) { return nil }
        return search(stamp, serial, node)
    }

    private func search(_ stamp: Int64, _ serial: UInt64, _ node: NameID) -> Int? {
        var index = lowerBound(Key(stamp: stamp, serial: serial, place: -1))
        while index < tail, unsafe order[index].stamp == stamp, unsafe order[index].serial == serial {
            let place = unsafe Int(order[index].place)
            if unsafe events[place].state == .building && events[place].event.node == node { return place }
            index += 1
        }
        return nil
    }

    /// Those that are not given out.
    func forEach(_ body: (AuditEvent) -> Void) {
        for index in head..<tail { unsafe body(events[Int(order[index].place)].event) }
    }

    @inline(__always)
    func isBuilding(_ place: Int) -> Bool { unsafe events[place].state == .building }

    /// - Returns: the new event's place.
    @inline(__always)
    mutating func begin(_ stamp: Int64, seconds: Int64, _ serial: UInt64, _ node: NameID) -> Int {
        let place = takePlace()
        let event = unsafe events + place
        unsafe event.pointee.state = .building
        unsafe event.pointee.outcome = .nothing
        unsafe event.pointee.isCall = false
        unsafe event.pointee.hasTitle = false
        unsafe event.pointee.isFollowed = false
        unsafe event.pointee.isOurs = false
        unsafe event.pointee.isOdd = false
        unsafe event.pointee.awaited = 0
        unsafe event.pointee.hasLines = false
        unsafe event.pointee.seconds = seconds
        unsafe event.pointee.event.node = node
        unsafe event.pointee.event.stamp = stamp
        unsafe event.pointee.event.serial = serial
        deadline = min(deadline, seconds + patience)
        let key = Key(stamp: stamp, serial: serial, place: Int32(truncatingIfNeeded: place))
        if tail == room { makeRoom() }
        if head < tail, unsafe key < order[tail - 1] {
            let index = lowerBound(key)
            unsafe (order + index + 1).update(from: order + index, count: tail - index)
            unsafe order[index] = key
        } else {
            unsafe order[tail] = key
        }
        tail += 1
        return place
    }

    private mutating func makeRoom() {
        let count = tail - head
        if head < room / 2 {
            let more = UnsafeMutablePointer<Key>.allocate(capacity: room * 2)
            unsafe more.update(from: order + head, count: count)
            unsafe order.deallocate()
            unsafe order = more
            room *= 2
        } else {
            unsafe order.update(from: order + head, count: count)
        }
        head = 0
        tail = count
    }

    @inline(__always)
    mutating func end(_ place: Int) {
        unsafe events[place].state = .complete
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
            let place = unsafe Int(order[index].place)
            guard unsafe events[place].state == .building else { continue }
            let began = unsafe events[place].seconds
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
        let place = unsafe Int(order[head].place)
        guard unsafe events[place].state == .complete else { return nil }
        unsafe events[place].state = .none
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
        if places < 64 {
            let place = places
            grow()
            free = ~0 << UInt64(place + 1) & (places < 64 ? 1 << UInt64(places) - 1 : .max)
            return place
        }
        for index in moreFree.indices where moreFree[index] != 0 {
            let bit = moreFree[index].trailingZeroBitCount
            moreFree[index] &= moreFree[index] - 1
            return (index + 1) * 64 + bit
        }
        let place = places
        grow()
        moreFree += Array(repeating: UInt64.max, count: place / 64)
        moreFree[place / 64 - 1] -= 1
        return place
    }

    private mutating func grow() {
        let more = UnsafeMutablePointer<AssembledEvent>.allocate(capacity: places * 2)
        unsafe more.initialize(repeating: AssembledEvent(), count: places * 2)
        unsafe more.update(from: events, count: places)
        unsafe events.deallocate()
        unsafe events = more
        places *= 2
    }

    // MARK: text

    mutating func keep(_ text: UnsafeRawBufferPointer, of place: Int) {
        unsafe lines[place, default: []].append(contentsOf: text)
        unsafe events[place].hasLines = true
    }

    mutating func takeLines(of place: Int) -> [UInt8] {
        unsafe events[place].hasLines = false
        return lines.removeValue(forKey: place) ?? []
    }

    private func lowerBound(_ key: Key) -> Int {
        var low = head
        var high = tail
        while low < high {
            let middle = (low + high) >> 1
            if unsafe order[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
