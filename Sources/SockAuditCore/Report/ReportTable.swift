/// A table read back from a report, as far as it takes to compare two of them.
public struct ReportTable: Equatable, Sendable {
    public struct Key: Hashable, Sendable {
        public var node: [UInt8]
        public var name: [UInt8]

        public init(node: [UInt8], name: [UInt8]) {
            self.node = node
            self.name = name
        }
    }

    public struct Sums: Equatable, Sendable {
        public var stillOpen = FamilyCounts()
        public var socketTotal = FamilyCounts()
        public var closeTotal = FamilyCounts()

        public init() {}

        static func + (a: Sums, b: Sums) -> Sums {
            var sum = a
            sum.stillOpen += b.stillOpen
            sum.socketTotal += b.socketTotal
            sum.closeTotal += b.closeTotal
            return sum
        }
    }

    public var host = ""
    public var time = ""
    public var sequence = 0
    public var final = false
    public var verdict = ""
    /// Rows that `--top` left out: their names may be missing here.
    public var hidden = 0
    /// What was asked for; nil in reports of versions that did not say so.
    public var scope: Set<String>?
    public var groupBy: String?
    public var families: Set<String>?
    public var names: [Key: Sums] = [:]

    public init() {}

    /// - Parameter line: a line of schema `sockaudit.table/1`.
    /// - Returns: nil when it is damaged, figures that contradict each other included.
    public init?(line: [UInt8]) {
        guard let table = JSONValue.parse(line), table["schema"]?.text == JSONLines.schema,
            let host = table["host"]?.text, let time = table["time"]?.text,
            let verdict = table["verdict"]?.text,
            let sequence = table["sequence"]?.whole, case .bool(let final)? = table["final"],
            let rows = table["rows"]?.items
        else { return nil }
        self.host = host
        self.time = time
        self.verdict = verdict
        self.sequence = sequence
        self.final = final
        hidden = table["hidden_rows"]?.whole ?? 0
        scope = table["scope"]?.items.map { Set($0.compactMap(\.text)) }
        groupBy = table["group_by"]?.text
        families = table["families"]?.items.map { Set($0.compactMap(\.text)) }
        for row in rows {
            guard let key = Self.key(row), let sums = Self.sums(row) else { return nil }
            names[key] = names[key].map { $0 + sums } ?? sums
        }
    }

    private static func key(_ row: JSONValue) -> Key? {
        guard let node = bytes(row, "node"), var name = bytes(row, "name"), let pid = row["pid"]?.whole else {
            return nil
        }
        // The ended processes of a name, folded into one row.
        let ended = Array(" (ended)".utf8)
        if pid == 0, row["state"]?.text == "exited", name.count > ended.count,
            name.suffix(ended.count) == ended[...]
        {
            name.removeLast(ended.count)
        }
        return Key(node: node, name: name)
    }

    /// What ``Escaping/jsonMember(_:_:)`` made of bytes.
    private static func bytes(_ row: JSONValue, _ key: String) -> [UInt8]? {
        guard let text = row[key]?.text else { return nil }
        guard let hex = row[key + "_hex"] else { return Array(text.utf8) }
        return hex.text.flatMap(bytes)
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
            else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    private static func sums(_ row: JSONValue) -> Sums? {
        guard let opened = counts(row["socket_tot"]), let closed = counts(row["close_tot"]),
            let released = counts(row["released"]), let open = counts(row["still_open"])
        else { return nil }
        for family in SocketFamily.allCases {
            guard opened[family] == closed[family] + released[family] + open[family] else { return nil }
        }
        var sums = Sums()
        (sums.stillOpen, sums.socketTotal, sums.closeTotal) = (open, opened, closed)
        return sums
    }

    private static func counts(_ value: JSONValue?) -> FamilyCounts? {
        var counts = FamilyCounts()
        for family in SocketFamily.allCases {
            guard let count = value?[family.name]?.whole, (0...Int(UInt32.max)).contains(count) else {
                return nil
            }
            counts[family] = count
        }
        return value?["total"]?.whole == counts.total ? counts : nil
    }
}
