import SockAuditCore

extension WatchSettings.Format {
    private static let endings: [(String, Self)] = [
        (".txt", .text), (".json", .json), (".jsonl", .json), (".csv", .csv), (".html", .html),
        (".prom", .prometheus),
    ]

    /// What a report's name says of its format; nil where it says nothing.
    public init?(endingOf path: String) {
        guard let match = Self.endings.first(where: { path.hasSuffix($0.0) }) else { return nil }
        self = match.1
    }

    /// Each table stands for the whole run: the file is replaced, not appended to.
    var isWhole: Bool { self == .html || self == .prometheus }

    /// What stands around the tables. Comments would be rows of a CSV.
    var frame: ReportFrame.Form {
        switch self {
        case .json: .json
        case .csv: .bare
        default: .comments
        }
    }

    /// Who may read a report that is replaced.
    var readers: WholeFile.Readers { self == .prometheus ? .all : .owner }
}
