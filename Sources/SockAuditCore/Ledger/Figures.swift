/// Counts of sockets that came another way than socket(): one account per origin.
public struct OtherCounts: Equatable, Sendable {
    /// Came and went, by origin, split by family.
    public private(set) var opened: [FamilyCounts]
    public private(set) var closed: [FamilyCounts]

    public init() {
        opened = []
        closed = []
    }

    public var isBlank: Bool { opened.isEmpty }

    public func opened(_ origin: Origin) -> FamilyCounts {
        opened.isEmpty ? FamilyCounts() : opened[Int(origin.rawValue)]
    }

    public func closed(_ origin: Origin) -> FamilyCounts {
        closed.isEmpty ? FamilyCounts() : closed[Int(origin.rawValue)]
    }

    public func open(_ origin: Origin) -> FamilyCounts { opened(origin) - closed(origin) }

    /// All origins together.
    public var open: FamilyCounts {
        Origin.allCases.reduce(into: FamilyCounts()) { $0 += open($1) }
    }

    mutating func came(_ origin: Origin, _ family: SocketFamily) {
        makeRoom()
        opened[Int(origin.rawValue)][family] += 1
    }

    mutating func went(_ origin: Origin, _ family: SocketFamily) {
        makeRoom()
        closed[Int(origin.rawValue)][family] += 1
    }

    mutating func map(_ change: (FamilyCounts) -> FamilyCounts) {
        opened = opened.map(change)
        closed = closed.map(change)
    }

    /// A departure that was none.
    mutating func returned(_ origin: Origin, _ family: SocketFamily) {
        makeRoom()
        closed[Int(origin.rawValue)][family] -= 1
    }

    private mutating func makeRoom() {
        guard opened.isEmpty else { return }
        opened = Array(repeating: FamilyCounts(), count: Origin.allCases.count)
        closed = opened
    }

    public static func += (a: inout OtherCounts, b: OtherCounts) {
        guard !b.isBlank else { return }
        a.makeRoom()
        for index in a.opened.indices {
            a.opened[index] += b.opened[index]
            a.closed[index] += b.closed[index]
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
