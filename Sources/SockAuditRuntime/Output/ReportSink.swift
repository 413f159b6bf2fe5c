import AuditStream
import Glibc
import SockAuditCore

/// The report file: what it says of the run, its tables, and a hash of all that at the end.
///
/// A disk that is full must cost no more than the tables that found no room: a table is there whole or
/// not at all, and the next one is tried again.
public struct ReportSink: ~Copyable {
    /// The calls that can fail when a disk is full; tests put others in their place.
    struct Calls {
        var write: (Int32, UnsafeRawBufferPointer) -> Int = { Glibc.write($0, $1.baseAddress, $1.count) }
        var sync: (Int32) -> Int32 = { fsync($0) }
        var truncate: (Int32, Int) -> Int32 = { ftruncate($0, $1) }
    }

    private var descriptor: Int32
    private let path: String
    private let form: ReportFrame.Form
    private let messages: Messages
    private let calls: Calls
    private var end = ReportEnd()
    private var hash = SHA256()
    /// The head of this file is written.
    private var hasHead = false
    private var isContinued = false
    /// Where our last byte stands; nil before the first.
    private var size: off_t?
    /// Tables of the run that could not be written, whichever file they were for.
    private var gaps = 0
    /// What every table says from then on.
    public var gap: Reason? {
        gaps == 0
            ? nil
            : Reason(
                .reportGap, count: gaps,
                "\(missing) from the report: \(SystemText.error(lastError))")
    }
    private var missing: String { gaps == 1 ? "1 table is missing" : "\(gaps) tables are missing" }
    private var isFailing = false
    private var lastError: Int32 = 0

    public init(path: String, form: ReportFrame.Form, messages: Messages) throws(AuditError) {
        try self.init(path: path, form: form, messages: messages, calls: Calls())
    }

    init(
        path: String, form: ReportFrame.Form, messages: Messages, calls: Calls
    ) throws(AuditError) {
        self.path = path
        self.form = form
        self.messages = messages
        self.calls = calls
        let fd = try Self.open(path)
        do { try Self.lock(fd, path) } catch {
            close(fd)
            throw error
        }
        descriptor = fd
    }

    deinit { close(descriptor) }

    /// Something stands in the file already.
    var holdsText: Bool {
        var info = stat()
        return fstat(descriptor, &info) == 0 && info.st_size > 0
    }

    // MARK: the file

    /// Makes the file, or opens one that is ours: a regular file of our user under one name only, so that
    /// no one who can write to the folder makes us write elsewhere.
    static func open(_ path: String) throws(AuditError) -> Int32 {
        let always = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        var fd = Glibc.open(path, always | O_CREAT | O_EXCL, 0o600)
        if fd < 0 && errno == EEXIST { fd = Glibc.open(path, always) }
        guard fd >= 0 else {
            throw AuditError(
                .outputFailed, errno: errno,
                "The report \(path) cannot be written; check that its folder exists, is writable, and that it is no symbolic link."
            )
        }
        var info = stat()
        guard fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_uid == geteuid(),
            info.st_nlink == 1, info.st_mode & S_IWOTH == 0
        else {
            close(fd)
            throw AuditError(
                .outputFailed,
                "The report \(path) is not ours: it must be a regular file that belongs to us, that not everyone can write to, and that has no second name (hard link); name another."
            )
        }
        return fd
    }

    /// Two runs in one file would tear each other's part.
    private static func lock(_ fd: Int32, _ path: String) throws(AuditError) {
        // Other errors are those of file systems that know no locks.
        guard flock(fd, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        throw AuditError(
            .outputFailed, "Another sockaudit writes to the report \(path); name another file.")
    }

    /// HUP: the file was moved away; its part is closed, and the run goes on in a new one of the old name.
    ///
    /// - Parameter open: who opens it: a process that gave up its privileges cannot.
    public mutating func reopen(_ open: (String) throws(AuditError) -> Int32) throws(AuditError) {
        let fresh = try open(path)
        if Self.areSame(fresh, descriptor) {
            close(fresh)
            return
        }
        do { try Self.lock(fresh, path) } catch {
            close(fresh)
            throw error
        }
        end.continues = true
        if hasHead { seal(after: "") }
        close(descriptor)
        descriptor = fresh
        beginAnew()
    }

    private mutating func beginAnew() {
        isContinued = isContinued || hasHead
        (end, hash, hasHead, size) = (ReportEnd(), SHA256(), false, nil)
    }

    private static func areSame(_ a: Int32, _ b: Int32) -> Bool {
        var (one, two) = (stat(), stat())
        guard fstat(a, &one) == 0, fstat(b, &two) == 0 else { return false }
        return one.st_dev == two.st_dev && one.st_ino == two.st_ino
    }

    // MARK: tables

    /// - Parameters:
    ///   - text: the table, rendered.
    ///   - head: what the file is to say of the run.
    /// - Throws: when the last table could not be written.
    mutating func write(
        _ text: String, of snapshot: Snapshot, head: ReportHead
    ) throws(AuditError) {
        noticeCut()
        var head = head
        head.isContinued = isContinued
        let first = hasHead ? "" : ReportFrame.head(head, form)
        var after = end
        after.take(snapshot, isWritten: true)
        let isWritten: Bool
        if snapshot.head.final {
            (after, end) = (end, after)
            isWritten = seal(after: first + text)
            if !isWritten { end = after }
        } else {
            isWritten = append(first + text)
            if isWritten { end = after }
        }
        if isWritten {
            hasHead = true
            if isFailing {
                messages.error("The report \(path) is written again; \(missing) from it.")
            }
            isFailing = false
            return
        }
        gaps += 1
        end.take(snapshot, isWritten: false)
        if snapshot.head.final {
            // A part without its last table is still worth a last line.
            if hasHead { seal(after: "") }
            throw AuditError(
                .outputFailed, errno: lastError,
                "The last table could not be written to \(path); free space or name another file.")
        }
        if !isFailing {
            messages.error(
                "The table could not be written to \(path) (\(SystemText.error(lastError))); it is left out, and the next one is tried again."
            )
        }
        isFailing = true
    }

    @discardableResult
    private mutating func seal(after text: String) -> Bool {
        let whole = text + ReportFrame.end(end, form)
        var sealed = hash
        sealed.update(Array(whole.utf8))
        return append(whole + ReportFrame.seal(sealed.hex, form))
    }

    /// Someone emptied the file (logrotate's copytruncate): what we remember of it is gone.
    private mutating func noticeCut() {
        var info = stat()
        guard let size, fstat(descriptor, &info) == 0, info.st_size < size else { return }
        messages.error("Someone cut the report \(path); it begins anew.")
        beginAnew()
    }

    /// Writes all of it, to the disk, or nothing.
    private mutating func append(_ text: String) -> Bool {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            lastError = errno
            return false
        }
        let bytes = Array(text.utf8)
        var sent = 0
        var failure: Int32 = 0
        while sent < bytes.count && failure == 0 {
            let count = bytes.withUnsafeBytes {
                calls.write(descriptor, UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            if count > 0 {
                sent += count
            } else if count == 0 || errno != EINTR {
                failure = count == 0 ? EIO : errno
            }
        }
        // Some file systems find out only now that there is no room.
        if failure == 0 && calls.sync(descriptor) != 0 { failure = errno }
        guard failure != 0 else {
            hash.update(bytes)
            size = info.st_size + off_t(sent)
            return true
        }
        lastError = failure
        if sent > 0, calls.truncate(descriptor, info.st_size) != 0 {
            // What stands there stands there; at least the next line begins as one.
            hash.update(Array(bytes[..<sent]))
            let newline: [UInt8] = [0x0A]
            if newline.withUnsafeBytes({ calls.write(descriptor, $0) }) == 1 { hash.update(newline) }
        }
        return false
    }
}
