/// What is kept of a process that has ended and of which no record can come any more.
struct EndedProcess {
    let node: NameID
    let pid: Int32
    let start: Int64
    let ended: Int64
    let comm: NameID
    let exe: NameID
    let unit: NameID
    let uid: UInt32
    let auid: UInt32
    let session: UInt32
    let drift: Int
    let unsure: Int
    private var acceptedGrowth: Int
    private(set) var figures: Figures

    init(_ account: ProcessAccount) {
        node = account.node
        pid = account.pid
        start = account.start
        ended = account.ended ?? account.lastStamp
        comm = account.comm
        exe = account.exe
        unit = account.unit
        uid = account.uid
        auid = account.auid
        session = account.session
        drift = account.drift
        unsure = account.descriptors.unsure
        acceptedGrowth = account.accepted.grown
        figures = account.figures
    }

    func row(_ names: NameTable) -> Row {
        var row = Row()
        row.node = names[node]
        row.pid = pid
        row.start = start
        row.name = names[comm]
        row.exe = names[exe]
        row.unit = names[unit]
        row.uid = uid
        row.auid = auid
        row.session = session
        row.duration = Double(max(0, ended - start)) / 1_000
        row.state = .exited
        row.drift = drift
        row.acceptedGrowth = acceptedGrowth
        row.figures = figures
        return row
    }

    mutating func startInterval() {
        figures.socketLast = FamilyCounts()
        figures.closeLast = FamilyCounts()
        acceptedGrowth = 0
    }
}

/// The newest of what comes, up to a bound.
struct Newest<Element> {
    private var items: ContiguousArray<Element> = []
    /// The oldest, once all places are taken.
    private var oldest = 0

    var count: Int { items.count }

    /// - Returns: what had to go for it.
    mutating func add(_ item: Element, most: Int) -> Element? {
        guard most > 0 else { return item }
        if items.count < most {
            items.append(item)
            return nil
        }
        let gone = items[oldest]
        items[oldest] = item
        oldest = (oldest + 1) % items.count
        return gone
    }

    /// Oldest first.
    func forEach(_ body: (Element) -> Void) {
        for index in items.indices { body(items[(oldest + index) % items.count]) }
    }

    mutating func change(_ body: (inout Element) -> Void) {
        for index in items.indices { body(&items[index]) }
    }

    mutating func removeAll(where isGone: (Element) -> Bool) {
        var kept: ContiguousArray<Element> = []
        forEach { if !isGone($0) { kept.append($0) } }
        items = kept
        oldest = 0
    }
}
