import SockAuditCore

/// What a self-test did, known because it did it: its row must say the same. Pure.
public struct SelfTestCounts: Equatable, Sendable {
    public var pid: Int32
    public var startTicks: UInt64
    public var socket = FamilyCounts()
    public var close = FamilyCounts()
    /// Gone by dup2 over them.
    public var released = FamilyCounts()
    /// Sockets of accept and socketpair.
    public var othersOpened = 0
    public var othersClosed = 0
    /// Successful socket() and close() calls on sockets by table: so many events there are of each.
    public var calls: [String: Int] = [:]
    /// What was left out: `b32`, `ipv6` and the like, and why.
    public var skipped: [String: String] = [:]

    public init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }

    public var stillOpen: FamilyCounts { socket - close - released }

    static let mark = "sockaudit-self-test/1"

    /// One line of `name=value`, for whoever watches.
    public var line: String {
        var words = [Self.mark, "pid=\(pid)", "start=\(startTicks)"]
        for (name, counts) in [("socket", socket), ("close", close), ("released", released)] {
            words += SocketFamily.allCases.map { "\(name).\($0.name)=\(counts[$0])" }
        }
        words += ["others.opened=\(othersOpened)", "others.closed=\(othersClosed)"]
        words += calls.sorted { $0.key < $1.key }.map { "calls.\($0.key)=\($0.value)" }
        words += skipped.sorted { $0.key < $1.key }.map {
            "skipped.\($0.key)=\(String($0.value.map { $0 == " " ? "-" : $0 }))"
        }
        return words.joined(separator: " ")
    }

    /// - Returns: nil for anything but a whole ``line``.
    public init?(line: String) {
        var words = line.split(separator: " ")[...]
        guard words.popFirst().map({ $0 == Self.mark }) == true else { return nil }
        var values: [Substring: Substring] = [:]
        for word in words {
            guard let sign = word.firstIndex(of: "=") else { return nil }
            values[word[..<sign]] = word[word.index(after: sign)...]
        }
        func number(_ name: String) -> Int? { values[name[...]].flatMap { Int($0) } }
        guard let pid = values["pid"].flatMap({ Int32($0) }),
            let start = values["start"].flatMap({ UInt64($0) }), let opened = number("others.opened"),
            let closed = number("others.closed")
        else { return nil }
        self.init(pid: pid, startTicks: start)
        for family in SocketFamily.allCases {
            guard let sockets = number("socket.\(family.name)"), let closes = number("close.\(family.name)"),
                let gone = number("released.\(family.name)")
            else { return nil }
            (socket[family], close[family], released[family]) = (sockets, closes, gone)
        }
        (othersOpened, othersClosed) = (opened, closed)
        for (name, value) in values {
            if name.hasPrefix("calls.") { calls[String(name.dropFirst(6))] = Int(value) }
            if name.hasPrefix("skipped.") { skipped[String(name.dropFirst(8))] = String(value) }
        }
    }
}
