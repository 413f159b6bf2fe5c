import SockAuditCore

/// An independent reading of a log of x86_64 records: a few lines of text work and a plain table
/// of descriptors per process. It shares no code with the product.
struct ReplayCounter {
    struct Record {
        var serial: Int
        var stamp: Double
        var number: Int
        var ok: Bool
        var exit: Int
        var arguments: [UInt64]
        var pid: Int
    }

    private(set) var figures: [Int: ReplayFigures] = [:]
    private var held: [Int: [UInt64: (family: SocketFamily, leaves: Bool)]] = [:]

    /// - Parameters:
    ///   - from: what was opened before the first record that is stamped then or later is not counted.
    ///   - to: what is stamped later is left out. Both in seconds.
    init(_ lines: [String], from: Double = 0, to: Double = .infinity) {
        let records = lines.compactMap(Self.parse).sorted { $0.serial < $1.serial }
        var isInside = false
        for record in records where record.stamp <= to {
            if !isInside && record.stamp >= from {
                isInside = true
                figures = [:]
                held = [:]
            }
            if record.ok { apply(record) }
        }
        if !isInside {
            figures = [:]
            held = [:]
        }
        for (pid, sockets) in held {
            for (_, socket) in sockets { figures[pid, default: .init()].open.add(socket.family) }
        }
    }

    static func parse(_ line: String) -> Record? {
        guard line.hasPrefix("type=SYSCALL ") else { return nil }
        var fields: [Substring: Substring] = [:]
        for word in line.split(separator: " ") {
            let sides = word.split(separator: "=", maxSplits: 1)
            if sides.count == 2 && fields[sides[0]] == nil { fields[sides[0]] = sides[1] }
        }
        guard let stamp = fields["msg"]?.split(separator: ":").last(where: { !$0.isEmpty })?.dropLast(),
            let serial = Int(stamp), let number = fields["syscall"].flatMap({ Int($0) }),
            let pid = fields["pid"].flatMap({ Int($0) })
        else { return nil }
        let arguments = ["a0", "a1", "a2", "a3"].map { name in
            fields[name[...]].flatMap { UInt64($0, radix: 16) } ?? 0
        }
        return Record(
            serial: serial, stamp: Double(line.split(separator: "(")[1].prefix { $0 != ":" }) ?? 0,
            number: number, ok: fields["success"].map { $0 == "yes" } ?? true,
            exit: fields["exit"].flatMap { Int($0) } ?? 0, arguments: arguments, pid: pid)
    }

    private mutating func apply(_ r: Record) {
        let a = r.arguments
        switch r.number {
        case 41:
            let inet = a[0] == 2 || a[0] == 10
            var family = SocketFamily.other
            if inet && a[1] & 0xF == 1 && (a[2] == 0 || a[2] == 6) { family = .tcp }
            if inet && a[1] & 0xF == 2 && (a[2] == 0 || a[2] == 17) { family = .udp }
            figures[r.pid, default: .init()].opened.add(family)
            held[r.pid, default: [:]][UInt64(r.exit)] = (family, a[1] & 0x80000 != 0)
        case 3: close(r.pid, a[0]...a[0])
        case 436 where a[2] & 4 == 0: close(r.pid, a[0]...a[1])
        case 436:
            for fd in held[r.pid, default: [:]].keys where (a[0]...a[1]).contains(fd) {
                mark(r.pid, fd, true)
            }
        case 33, 292: if a[0] != a[1] { release(r.pid) { fd, _ in fd == a[1] } }
        case 72 where a[1] == 2: mark(r.pid, a[0], a[2] & 1 != 0)
        case 16 where a[1] == 0x5451: mark(r.pid, a[0], true)
        case 16 where a[1] == 0x5450: mark(r.pid, a[0], false)
        case 59, 322: release(r.pid) { _, leaves in leaves }
        case 231: release(r.pid) { _, _ in true }
        default: break
        }
    }

    private mutating func mark(_ pid: Int, _ fd: UInt64, _ leaves: Bool) { held[pid]?[fd]?.leaves = leaves }

    private mutating func close(_ pid: Int, _ range: ClosedRange<UInt64>) {
        for (fd, socket) in held[pid] ?? [:] where range.contains(fd) {
            figures[pid]?.closed.add(socket.family)
            held[pid]?[fd] = nil
        }
    }

    private mutating func release(_ pid: Int, _ goes: (UInt64, Bool) -> Bool) {
        for (fd, socket) in held[pid] ?? [:] where goes(fd, socket.leaves) {
            figures[pid]?.released.add(socket.family)
            held[pid]?[fd] = nil
        }
    }
}
