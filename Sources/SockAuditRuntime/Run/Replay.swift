import AuditStream
import Glibc
import SockAuditCore

/// The table from old records: no rules, no root, no /proc.
public enum Replay {
    /// - Returns: the exit code.
    public static func run(_ settings: WatchSettings) throws(AuditError) -> Int32 {
        let messages = Messages(quiet: settings.quiet)
        var files = try InputSet.files(settings.inputs)
        for (path, kept) in InputSet.removeRepeated(&files) {
            messages.note(
                path == kept
                    ? "the input \(path) is named twice and read once."
                    : "the input \(path) is the same file as \(kept) and is read once.")
        }
        try checkReadable(files)
        if let window = window(settings) { messages.note("counting \(window).") }
        let signals = try Signals()
        let followed = settings.follow ? try ReplayFollow(files: &files, settings) : nil
        let reader = try ReplayReader(settings: settings, stop: signals.descriptor, messages)
        defer { reader.end() }
        if !settings.quiet, !settings.follow, let screen = ReplayProgress.Screen.standardError() {
            reader.showProgress(of: files, on: screen)
        }
        if settings.every != nil && files.count > 1 && files.allSatisfy({ $0.size != nil }) {
            reader.readSideBySide(files, signals)
        } else {
            for file in files where reader.wants(file) {
                do {
                    try reader.read(file, signals)
                } catch {
                    reader.failed(error)
                }
            }
        }
        if let followed { return try followed.run(reader, signals) }
        return try reader.finish()
    }

    /// What `--from` and `--to` were understood to be.
    private static func window(_ settings: WatchSettings) -> String? {
        func text(_ moment: Int64) -> String {
            TimeText.dateAndTime(moment, offset: settings.utc ? 0 : Clock.utcOffset(at: moment))
        }
        let parts = [settings.from.map { "from \(text($0))" }, settings.to.map { "to \(text($0))" }]
        let known = parts.compactMap(\.self)
        return known.isEmpty ? nil : known.joined(separator: " ")
    }

    /// Says at once that a named file is not there, before hours are spent on the others.
    private static func checkReadable(_ files: [InputSet.File]) throws(AuditError) {
        for file in files where file.path != "-" && access(file.path, R_OK) != 0 {
            throw AuditError(
                .inputFailed, errno: errno,
                "The input \(file.path) cannot be read; check the path and its permissions.")
        }
    }
}
