import AuditStream
import SockAuditCore

/// `sockaudit diff`: the last tables of two JSON reports.
public enum CompareReports {
    private static let block = 262_144

    public static func compare(_ old: String, _ new: String, limit: Int?) throws(AuditError) -> ReportDiff {
        ReportDiff(old: try lastTable(old), new: try lastTable(new), limit: limit)
    }

    /// All lines are looked at, the last table is read. What is damaged before the last run begins, as a
    /// killed run leaves it, is none of that run's.
    static func lastTable(_ path: String) throws(AuditError) -> ReportTable {
        var last: [UInt8] = []
        var line: [UInt8] = []
        var number = 0
        var damaged: Int?
        func end() {
            number += 1
            if line == begin {
                damaged = nil
                last.removeAll(keepingCapacity: true)
            } else if line.starts(with: table) {
                swap(&last, &line)
            } else if !line.starts(with: frame) && damaged == nil {
                damaged = number
            }
            line.removeAll(keepingCapacity: true)
        }
        // A block stays for the call that it is handed to.
        try unsafe ReportFile.read(path, block: block) { bytes in
            var rest = unsafe bytes[...]
            while let newline = unsafe rest.firstIndex(of: 0x0A) {
                unsafe line += rest[..<newline]
                end()
                unsafe rest = rest[(newline + 1)...]
            }
            unsafe line += rest
        }
        // A line without its end was cut.
        if !line.isEmpty && damaged == nil { damaged = number + 1 }
        if let damaged {
            throw AuditError(
                .inputFailed,
                "Line \(damaged) of \(Escaping.visible(path)) is damaged, or of no JSON report; diff takes what --report FILE.jsonl wrote."
            )
        }
        guard !last.isEmpty else {
            throw AuditError(.inputFailed, "There is no table in the last run of \(Escaping.visible(path)).")
        }
        guard let found = ReportTable(line: last) else {
            throw AuditError(
                .inputFailed,
                "The last table of \(Escaping.visible(path)) is damaged; sockaudit verify says more.")
        }
        return found
    }

    private static let table = Array("{\"schema\":\"\(JSONLines.schema)\",".utf8)
    private static let begin = Array(ReportFrame.jsonHead.utf8)
    private static let frame = Array("{\"schema\":\"\(ReportFrame.schema)\",".utf8)
}
