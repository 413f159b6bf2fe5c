/// Sockets of one process that counted as released without a close, and whose close may be on its way.
struct Ghosts {
    struct Ghost {
        var family: SocketFamily
        var origin: Origin
        /// A close that entered after this (ms) cannot be the ghost's.
        var latest: Int64
        /// When it was opened (ms).
        var opened: Int64
        /// It was counted as drift.
        var drifts = false
    }

    /// Of one number: so many closes are never on their way at once, and without a bound a loop of dup2
    /// would slow us down.
    private static let most = 16
    /// So many numbers are kept before those of long ago are looked for.
    private static let many = 1_024

    private var table = KeyTable<Int32, [Ghost]>()
    private var cleanedAt = Ghosts.many
    /// What the process held when it ended: the very table, for there may be a hundred thousand.
    private var fallen = KeyTable<Int32, Descriptor>()
    private var fallenLatest: Int64 = .min

    var isEmpty: Bool { table.isEmpty && fallen.isEmpty }
    /// How many numbers are remembered.
    var count: Int { table.count + fallen.count }

    /// The numbers that have one.
    var numbers: [Int32] { table.keys + fallen.keys.filter { !table.contains($0) } }

    mutating func add(_ fd: Int32, _ gone: Descriptor, latest: Int64, drifts: Bool = false) {
        if table.count >= cleanedAt {
            settled(before: latest)
            cleanedAt = max(Self.many, table.count * 2)
        }
        var list = table[fd] ?? []
        if list.count >= Self.most { list.removeFirst() }
        list.append(Self.ghost(gone, latest, drifts: drifts))
        table[fd] = list
    }

    /// All at once: the process ended.
    mutating func add(all live: KeyTable<Int32, Descriptor>, latest: Int64) {
        if live.isEmpty { return }
        if fallen.isEmpty {
            (fallen, fallenLatest) = (live, latest)
            return
        }
        for (fd, gone) in live where gone.isCloseWaitedFor {
            if let older = fallen.removeValue(forKey: fd), older.isCloseWaitedFor {
                add(fd, older, latest: fallenLatest)
            }
            add(fd, gone, latest: latest)
        }
    }

    /// The ghost that a close entered at this time belongs to, taken out; nil when there is none.
    mutating func take(_ fd: Int32, stamp: Int64) -> Ghost? {
        if var list = table[fd], let index = list.firstIndex(where: { stamp <= $0.latest }) {
            let ghost = list.remove(at: index)
            table[fd] = list.isEmpty ? nil : list
            return ghost
        }
        guard stamp <= fallenLatest, let gone = fallen[fd], gone.isCloseWaitedFor else { return nil }
        fallen[fd] = nil
        return Self.ghost(gone, fallenLatest)
    }

    /// Their closes will not come any more.
    mutating func settled(before now: Int64) {
        func isPast(_ latest: Int64) -> Bool { latest + 10 * DescriptorTable.lateCloseMilliseconds <= now }
        if !fallen.isEmpty && isPast(fallenLatest) { fallen.removeAll() }
        for (fd, list) in table {
            let kept = list.filter { !isPast($0.latest) }
            if kept.count < list.count { table[fd] = kept.isEmpty ? nil : kept }
        }
    }

    private static func ghost(_ gone: Descriptor, _ latest: Int64, drifts: Bool = false) -> Ghost {
        Ghost(
            family: gone.family, origin: gone.origin, latest: latest, opened: gone.closableFrom,
            drifts: drifts)
    }
}
