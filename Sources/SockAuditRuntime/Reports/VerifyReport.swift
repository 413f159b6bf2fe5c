import AuditStream
import SockAuditCore

/// `sockaudit verify`: whether report files are as they were written.
public enum VerifyReport {
    private static let block = 262_144

    /// - Returns: the exit code: done, or doubtful when a run is changed, has no last line, or when something
    ///   else is there.
    public static func run(_ paths: [String], say: (String) -> Void) throws(AuditError) -> Int32 {
        var isRight = true
        for path in paths {
            var check = ReportCheck()
            // A block stays for the call that it is handed to.
            try unsafe ReportFile.read(path, block: block) { unsafe check.push($0) }
            check.finish()
            let name = Escaping.visible(path)
            for line in lines(check) { say("\(name): \(line)") }
            isRight = isRight && check.isRight
        }
        return isRight ? ExitStatus.done : ExitStatus.doubtful
    }

    static func lines(_ check: ReportCheck) -> [String] {
        var lines = check.runs.enumerated().map { index, run in
            let what =
                switch run.finding {
                case .right: "right, SHA-256 \(run.hash)"
                case .wrong: "WRONG, it was changed: what stands there has the SHA-256 \(run.hash)"
                case .unsealed: "no seal: the run goes on, was killed, or the file was cut"
                }
            return "run \(index + 1), \(run.bytes) bytes from line \(run.line) on: \(what)"
        }
        if let line = check.strangeLine {
            lines.append("\(check.strange) bytes are part of no run, the first in line \(line)")
        }
        if lines.isEmpty { lines.append("no report is in it") }
        return lines
    }
}

/// A report file read from its beginning to its end, compressed ones (logrotate) too.
enum ReportFile {
    static func read(
        _ path: String, block: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(AuditError) {
        let file = try InputFile(path: path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: block, alignment: 16)
        // Of this function alone.
        defer { unsafe buffer.deallocate() }
        while true {
            let count = try unsafe file.read(into: buffer)
            if count == 0 { break }
            unsafe body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        try file.finish()
    }
}
