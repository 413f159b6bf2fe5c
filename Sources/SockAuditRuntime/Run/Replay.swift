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
                    ? "the input \(Escaping.visible(path)) is named twice and read once."
                    : "the input \(Escaping.visible(path)) is the same file as \(Escaping.visible(kept)) and is read once."
            )
        }
        for (path, kept) in InputSet.removePacked(&files) {
            messages.note(
                "the input \(Escaping.visible(path)) is the same log as \(Escaping.visible(kept)), which is read."
            )
        }
        try checkReadable(files)
        if let report = settings.report { try check(report, isNoneOf: files) }
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

    /// Says at once that a named file is not there, before hours are spent on the others. A daemon renames its
    /// logs at any time: what is open is there, and a name that a folder does not have any more costs that one.
    private static func checkReadable(_ files: [InputSet.File]) throws(AuditError) {
        for file in files where unsafe file.path != "-" && !file.isHeld && access(file.path, R_OK) != 0 {
            if file.isFound && errno != EACCES { continue }
            throw AuditError(
                .inputFailed, errno: errno,
                "The input \(Escaping.visible(file.path)) cannot be read; check the path and its permissions."
            )
        }
    }

    /// Tables behind the records would be read as records, and a page in their place would be all there is.
    private static func check(_ report: String, isNoneOf files: [InputSet.File]) throws(AuditError) {
        var found = stat()
        guard unsafe stat(report, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return }
        for file in files {
            var info = stat()
            // C fills the struct that it is given.
            let code = unsafe file.path == "-" ? fstat(STDIN_FILENO, &info) : stat(file.path, &info)
            if code == 0, info.st_dev == found.st_dev, info.st_ino == found.st_ino {
                throw AuditError(
                    .outputFailed,
                    "The report \(Escaping.visible(report)) is one of the inputs; name another file for it.")
            }
        }
    }
}
