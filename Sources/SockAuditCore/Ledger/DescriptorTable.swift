/// Why a socket left the table.
enum Departure {
    case closed, released
}

/// The live sockets of one process, by fd, and the accounts of what has come and gone.
///
/// Two threads' records can be written in another order than the calls happened: `socket()=5`
/// before the `close(5)` that freed 5 (domain.md). The table models it with *ghosts*: a socket
/// that another call's result shows to be gone counts as released at once, and when its close
/// arrives after all (entered no later than ``lateCloseMilliseconds`` after the replacing call)
/// it becomes a close. The sum SocketTOT = CloseTOT + Released + StillOPEN holds after every step.
struct DescriptorTable {
    /// A close belongs to the socket that was replaced when it was entered at most this long after
    /// the replacing call: both may have been preempted on the way to their record.
    static let lateCloseMilliseconds: Int64 = 1_000

    private(set) var live = KeyTable<Int32, Descriptor>()
    private var ghosts = Ghosts()
    /// Sockets closed soon after they were opened, until the next look into /proc: see `resurrect`.
    private var brief = KeyTable<Int32, Descriptor>()
    /// Those of them that were closed before the present look began: only these it can speak of.
    private var sealed = KeyTable<Int32, Descriptor>()

    /// The process has, or had, more than one thread.
    var threaded = false
    /// Closes that may have been another file's: threads used the number within one clock tick, and
    /// before /proc could tell the socket went in a way that leaves no trace. So CloseTOT may be too
    /// high, and Released too low, by at most this.
    private(set) var unsure = 0
    /// Sockets from socket() that were found gone in /proc, and whose close no record told.
    private(set) var drift = 0

    /// Numbers closed since the present look began; nil between looks. What the look saw there is old.
    private var closedDuringLook: Set<Int32>?

    private(set) var opened = FamilyCounts()
    private(set) var closed = FamilyCounts()
    private(set) var released = FamilyCounts()
    private(set) var open = FamilyCounts()
    /// Sockets that came another way, by origin: how many came, went, and are there.
    private(set) var others = OtherCounts()

    var isEmpty: Bool { live.isEmpty }
    /// How many numbers of sockets that are gone are remembered.
    var remembered: Int { ghosts.count + brief.count + sealed.count }
    /// Nothing was ever counted: such a process needs no row.
    var isBlank: Bool { opened.isZero && others.isBlank }

    // MARK: what the calls do

    mutating func open(fd: Int32, _ descriptor: Descriptor) {
        forgetBrief(fd)
        if let holder = live[fd] {
            // One thread's records never say that a number was given twice.
            if holder.isCloseWaitedFor { threaded = true }
            supersede(fd, latest: descriptor.stamp + Self.lateCloseMilliseconds)
        }
        live[fd] = descriptor
        if descriptor.origin == .socket {
            opened[descriptor.family] += 1
            open[descriptor.family] += 1
        } else {
            others.came(descriptor.origin, descriptor.family)
        }
    }

    mutating func close(fd: Int32, stamp: Int64, serial: UInt64) {
        closedDuringLook?.insert(fd)
        guard let holder = live[fd] else {
            _ = settleGhost(fd, stamp: stamp)
            // Whichever of the two closes was the socket's, one of them was.
            forgetBrief(fd)
            return
        }
        if stamp <= holder.stamp, let ghost = settleGhost(fd, stamp: stamp) {
            // In one tick either socket may be meant; the other's close is still to come, and may
            // bear any stamp from the first one's opening on.
            if stamp == holder.stamp { live[fd]?.closableFrom = min(holder.closableFrom, ghost.opened) }
            return
        }
        // Entered before the socket was asked for: it closed the file that had the number before,
        // and only its record came late. (Beyond some seconds the clock was set back instead.)
        if stamp < holder.closableFrom && holder.closableFrom - stamp <= Self.clockStepMilliseconds { return }
        remove(fd, as: .closed)
        guard stamp - holder.stamp <= Self.briefMilliseconds else { return }
        var gone = holder
        gone.closedInTick = stamp <= holder.stamp
        gone.closedAtOnce = serial < holder.serial &+ Self.overlap
        brief[fd] = gone
    }

    /// A socket that was closed in the tick of its opening, by a process with threads: the close may
    /// have been that of the file which had the number before, written late.
    private func isUnsure(_ gone: Descriptor) -> Bool {
        threaded && gone.closedInTick && gone.origin == .socket
    }

    private mutating func restore(_ fd: Int32, _ descriptor: Descriptor) {
        if descriptor.origin == .socket {
            closed[descriptor.family] -= 1
            open[descriptor.family] += 1
        } else {
            others.returned(descriptor.origin, descriptor.family)
        }
        live[fd] = descriptor
    }

    mutating func closeRange(_ range: ClosedRange<UInt32>, stamp: Int64, serial: UInt64) {
        // One call closes one holder of a number: a ghost only where nothing is live.
        let waiting =
            ghosts.isEmpty
            ? []
            : ghosts.numbers.filter {
                live[$0] == nil && range.contains(UInt32(bitPattern: $0))
            }
        for fd in fds(in: range) { close(fd: fd, stamp: stamp, serial: serial) }
        for fd in waiting { _ = settleGhost(fd, stamp: stamp) }
    }

    mutating func setCloseOnExec(_ range: ClosedRange<UInt32>, _ flag: Bool) {
        for fd in fds(in: range) { live[fd]?.closeOnExec = flag }
    }

    /// dup2 and dup3: the kernel replaces the target in one step, without a close.
    ///
    /// - Parameter lent: what `source` is where another process that shares the table opened it.
    mutating func duplicate(
        from source: Int32, lent: Descriptor? = nil, to target: Int32, over: Bool, closeOnExec: Bool,
        serial: UInt64,
        stamp: Int64, epoch: UInt32
    ) {
        if over && source == target { return }
        if over && brief[target].map(isUnsure) == true { unsure += 1 }
        forgetBrief(target)
        // A close that was entered before dup2 but is written after it freed the number for another
        // file, over which dup2 went.
        supersede(target, latest: over ? stamp - 1 : stamp + Self.lateCloseMilliseconds)
        guard let original = live[source] ?? lent else { return }
        var copy = original
        copy.origin = .dup
        copy.closeOnExec = closeOnExec
        copy.serial = serial
        copy.stamp = stamp
        copy.closableFrom = stamp
        copy.epoch = epoch
        open(fd: target, copy)
    }

    /// execve: descriptors with FD_CLOEXEC are gone.
    mutating func execute() {
        for (fd, descriptor) in live where descriptor.closeOnExec { remove(fd, as: .released) }
        for (fd, descriptor) in brief where descriptor.closeOnExec {
            if isUnsure(descriptor) { unsure += 1 }
            forgetBrief(fd)
        }
    }

    /// A socket that came and has gone again already.
    mutating func passed(_ origin: Origin, _ family: SocketFamily) {
        others.came(origin, family)
        others.went(origin, family)
    }

    /// Another process that shares this table closed the number, or put another file under it.
    mutating func lose(_ range: ClosedRange<UInt32>) {
        for fd in fds(in: range) {
            remove(fd, as: .released)
            forgetBrief(fd)
        }
    }

    /// The process ended. Closes of other threads may still be on their way.
    mutating func end(stamp: Int64) {
        for (_, gone) in live { count(gone, as: .released) }
        ghosts.add(all: live, latest: stamp)
        live.removeAll()
        unsure += brief.values.count(where: isUnsure)
        brief.removeAll()
    }

    // MARK: what /proc says

    /// The fd is gone, or no socket any more, and no record told.
    /// - Parameters:
    ///   - at: when /proc was read (ms): a close entered later is another socket's.
    ///   - drifts: nothing explains it; unless its close comes late after all.
    mutating func vanish(fd: Int32, at: Int64, drifts: Bool = false) {
        expel(fd, latest: at, drifts: drifts)
        if drifts { drift += 1 }
    }

    /// Who made the copy that `duplicate` put there, if it did.
    mutating func setThread(_ thread: NameID, fd: Int32, serial: UInt64) {
        if live[fd]?.serial == serial { live[fd]?.thread = thread }
    }

    mutating func setInode(_ inode: UInt64, fd: Int32) { live[fd]?.inode = inode }

    /// A socket that we hold for closed is there after all: the close that we took for its own
    /// was that of the file which had the number before (threads, written in the other order).
    mutating func resurrect(fd: Int32, inode: UInt64, kind: SocketKind) -> Bool {
        guard live[fd] == nil, var descriptor = sealed[fd], descriptor.closedAtOnce,
            descriptor.kind.mayBe(kind)
        else { return false }
        descriptor.inode = inode
        descriptor.resurrected = true
        restore(fd, descriptor)
        sealed[fd] = nil
        return true
    }

    /// A look into /proc begins.
    mutating func beginLook() {
        closedDuringLook = []
        if brief.isEmpty && sealed.isEmpty { return }
        sealed = brief
        brief.removeAll()
    }

    private mutating func forgetBrief(_ fd: Int32) {
        if !brief.isEmpty { brief[fd] = nil }
        if !sealed.isEmpty { sealed[fd] = nil }
    }

    func wasClosedDuringLook(_ fd: Int32) -> Bool { closedDuringLook?.contains(fd) ?? false }

    /// After a look into /proc: what was undecided before it is decided.
    mutating func settled(before now: Int64) {
        sealed.removeAll(keepingCapacity: false)
        closedDuringLook = nil
        if !ghosts.isEmpty { ghosts.settled(before: now) }
    }

    // MARK: parts

    /// A socket closed within this time of its opening (ms) may have been misjudged: two ticks of the
    /// coarse clock at 250 Hz. A longer time would take more descriptors that came in a message for it.
    private static let briefMilliseconds: Int64 = 8
    /// The two calls overlapped, so few records stand between theirs. (What comes in a message to a number
    /// that was used and closed just before looks the same, but for that.)
    private static let overlap: UInt64 = 5
    /// A stamp that is further back than this says that the clock was set, not that a record is late.
    private static let clockStepMilliseconds: Int64 = 5_000

    private func fds(in range: ClosedRange<UInt32>) -> [Int32] {
        if range.count <= live.count {
            return range.compactMap { fd in
                let signed = Int32(bitPattern: fd)
                return live[signed] == nil ? nil : signed
            }
        }
        return live.keys.filter { range.contains(UInt32(bitPattern: $0)) }
    }

    @discardableResult
    private mutating func remove(_ fd: Int32, as departure: Departure) -> Descriptor? {
        guard let gone = live.removeValue(forKey: fd) else { return nil }
        count(gone, as: departure)
        return gone
    }

    private mutating func count(_ gone: Descriptor, as departure: Departure) {
        if gone.origin == .socket {
            open[gone.family] -= 1
            switch departure {
            case .closed: closed[gone.family] += 1
            case .released: released[gone.family] += 1
            }
        } else {
            others.went(gone.origin, gone.family)
        }
    }

    /// The number is given to another file: what held it is gone, and its close may still be coming.
    private mutating func supersede(_ fd: Int32, latest: Int64) {
        guard let holder = live[fd] else { return }
        if holder.resurrected {
            // The socket that /proc showed was this one, and the close had been the old one's own.
            remove(fd, as: .closed)
        } else if holder.isCloseWaitedFor {
            expel(fd, latest: latest)
        } else {
            remove(fd, as: .released)
        }
    }

    private mutating func expel(_ fd: Int32, latest: Int64, drifts: Bool = false) {
        guard let gone = remove(fd, as: .released), gone.isCloseWaitedFor else { return }
        ghosts.add(fd, gone, latest: latest, drifts: drifts)
    }

    /// The close of a socket that was already counted as released; nil when there is none that it
    /// can be.
    private mutating func settleGhost(_ fd: Int32, stamp: Int64) -> Ghosts.Ghost? {
        guard !ghosts.isEmpty, let ghost = ghosts.take(fd, stamp: stamp) else { return nil }
        if ghost.drifts { drift -= 1 }
        if ghost.origin == .socket {
            released[ghost.family] -= 1
            closed[ghost.family] += 1
        }
        return ghost
    }
}
