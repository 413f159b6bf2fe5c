/// Counts of sockets that came another way than socket(): one account per origin.
public struct OtherCounts: Equatable, Sendable {
    private struct Count {
        var origin: Origin
        var opened = FamilyCounts()
        var closed = FamilyCounts()
    }

    /// Of those origins that there were, in their order: most processes know none, or one.
    private var counts: [Count] = []

    public init() {}

    public var isBlank: Bool { counts.isEmpty }

    private func count(_ origin: Origin) -> Count {
        counts.first { $0.origin == origin } ?? Count(origin: origin)
    }

    public func opened(_ origin: Origin) -> FamilyCounts { count(origin).opened }
    public func closed(_ origin: Origin) -> FamilyCounts { count(origin).closed }
    public func open(_ origin: Origin) -> FamilyCounts { opened(origin) - closed(origin) }

    public static func == (a: OtherCounts, b: OtherCounts) -> Bool {
        Origin.allCases.allSatisfy { a.opened($0) == b.opened($0) && a.closed($0) == b.closed($0) }
    }

    /// All origins together.
    public var open: FamilyCounts {
        Origin.allCases.reduce(into: FamilyCounts()) { $0 += open($1) }
    }

    mutating func came(_ origin: Origin, _ family: SocketFamily) {
        counts[place(origin)].opened[family] += 1
    }

    mutating func went(_ origin: Origin, _ family: SocketFamily) {
        counts[place(origin)].closed[family] += 1
    }

    /// A departure that was none.
    mutating func returned(_ origin: Origin, _ family: SocketFamily) {
        counts[place(origin)].closed[family] -= 1
    }

    mutating func map(_ change: (FamilyCounts) -> FamilyCounts) {
        for index in counts.indices {
            counts[index].opened = change(counts[index].opened)
            counts[index].closed = change(counts[index].closed)
        }
    }

    /// Where an origin's counts are, made when there are none.
    private mutating func place(_ origin: Origin) -> Int {
        let index = counts.firstIndex { $0.origin.rawValue >= origin.rawValue } ?? counts.count
        if index == counts.count || counts[index].origin != origin {
            counts.insert(Count(origin: origin), at: index)
        }
        return index
    }

    public static func += (a: inout OtherCounts, b: OtherCounts) {
        for other in b.counts {
            let index = a.place(other.origin)
            a.counts[index].opened += other.opened
            a.counts[index].closed += other.closed
        }
    }
}

/// The five figures of interface.md and what belongs to them, for one process or a sum of them.
public struct Figures: Equatable, Sendable {
    /// Successful socket() calls, since the start and in the last interval.
    public var socketTotal = FamilyCounts()
    public var socketLast = FamilyCounts()
    /// Explicit closes of sockets from socket(), since the start and in the last interval.
    public var closeTotal = FamilyCounts()
    public var closeLast = FamilyCounts()
    /// Gone without a close: exit, exec, dup2 over them, found gone in /proc.
    public var released = FamilyCounts()
    public var stillOpen = FamilyCounts()
    public var others = OtherCounts()

    public init() {}

    /// SocketTOT = CloseTOT + Released + StillOPEN, for each family.
    public var sumsHold: Bool {
        socketTotal == closeTotal + released + stillOpen && stillOpen.tcp >= 0 && stillOpen.udp >= 0
            && stillOpen.other >= 0
    }

    public static func += (a: inout Figures, b: Figures) {
        a.socketTotal += b.socketTotal
        a.socketLast += b.socketLast
        a.closeTotal += b.closeTotal
        a.closeLast += b.closeLast
        a.released += b.released
        a.stillOpen += b.stillOpen
        a.others += b.others
    }
}
