import AuditStream
import Glibc
import SockAuditCore

/// A file that is replaced whole: written beside the old one under another name, and renamed over it. Who
/// reads it finds the old one or the new one, never half of one.
struct WholeFile: ~Copyable {
    /// Who may read it.
    enum Readers: UInt8 {
        /// A report tells of every process of the host: its owner only.
        case owner
        /// node exporter runs as a user of its own.
        case all

        var mode: mode_t { self == .owner ? 0o600 : 0o644 }
        /// The format that has such readers (``WatchSettings/Format/readers``).
        var form: ReportFrame.Form { self == .owner ? .html : .comments }
    }

    private let path: String
    private let readers: Readers
    /// The folder, and the name in it that is being written; the folder's path may lead elsewhere meanwhile.
    private var written: (folder: Int32, name: String)?

    init(path: String, readers: Readers) {
        self.path = path
        self.readers = readers
    }

    deinit {
        guard let written else { return }
        // C reads the path during the call alone.
        unsafe unlinkat(written.folder, written.name, 0)
        close(written.folder)
    }

    /// Says before the run begins what would go wrong at its first table.
    mutating func check() throws(AuditError) {
        close(try fresh())
        defer { discard() }
        if let written, let refusal = refusal(in: written.folder) { throw refusal }
    }

    /// An empty file beside the report. The last one that was not published goes.
    mutating func fresh() throws(AuditError) -> Int32 {
        discard()
        let folder = unsafe open(parts.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw refused(errno) }
        // A name that nobody can guess, and so not be there before us; node exporter reads *.prom only.
        for _ in 0..<Self.attempts {
            let name = ".\(parts.name.prefix(200)).\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
            // C reads the path during the call alone.
            let fd = unsafe openat(folder, name, flags, readers.mode)
            if fd < 0 && errno == EEXIST { continue }
            guard fd >= 0 else {
                let code = errno
                close(folder)
                throw refused(code)
            }
            // Whatever the umask is.
            fchmod(fd, readers.mode)
            written = (folder, name)
            return fd
        }
        close(folder)
        throw refused(EEXIST)
    }

    private static let attempts = 10

    /// The file takes the report's place.
    mutating func publish() throws(AuditError) {
        guard let (folder, name) = written else { throw refused(ENOENT) }
        // Never over what is no report of ours: somebody may have put it there since the last table.
        if let refusal = refusal(in: folder) {
            discard()
            throw refusal
        }
        // C reads the path during the call alone.
        guard unsafe renameat(folder, name, folder, parts.name) == 0 else {
            let code = errno
            discard()
            throw refused(code)
        }
        close(folder)
        written = nil
    }

    private mutating func discard() {
        guard let (folder, name) = written else { return }
        // C reads the path during the call alone.
        unsafe unlinkat(folder, name, 0)
        close(folder)
        written = nil
    }

    private var parts: (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    private func refusal(in folder: Int32) -> AuditError? {
        OwnReport.refusal(toReplace: parts.name, in: folder, readers.form, path: path)
    }

    private func refused(_ code: Int32) -> AuditError {
        AuditError(
            .outputFailed, errno: code,
            "The report \(Escaping.visible(path)) cannot be replaced; check that its folder exists, is writable, and that it is a plain file."
        )
    }

    /// Writes all of it, and to the disk: what is renamed over the old report must not be empty after a crash.
    static func fill(_ fd: Int32, _ text: String, path: String) throws(AuditError) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            // No more than the buffer holds.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                SystemText.retrying {
                    unsafe write(fd, buffer.baseAddress.map { unsafe $0 + sent }, buffer.count - sent)
                }
            }
            guard count > 0 else { throw failed(path) }
            sent += count
        }
        // Pipes and some file systems have nothing to bring to a disk.
        guard SystemText.retrying({ fsync(fd) }) == 0 || errno == EINVAL else { throw failed(path) }
    }

    private static func failed(_ path: String) -> AuditError {
        AuditError(
            .outputFailed, errno: errno,
            "The table could not be written to \(Escaping.visible(path)), the last one stays there; free space or name another file."
        )
    }
}

/// Who can make files in the report's folder: we, or the keeper where we gave up our privileges.
protocol ReportFolder: ~Copyable {
    mutating func fresh() throws(AuditError) -> Int32
    mutating func publish() throws(AuditError)
}

extension WholeFile: ReportFolder {}
