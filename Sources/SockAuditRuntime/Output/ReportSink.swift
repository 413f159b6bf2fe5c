import AuditStream
import Glibc
import SockAuditCore

/// The report file: what it says of the run, its tables, and a hash of all that at the end.
///
/// A disk that is full must cost no more than the tables that found no room: a table is there whole or
/// not at all, and the next one is tried again.
public struct ReportSink: ~Copyable {
    /// The calls that can fail when a disk is full; tests put others in their place.
    @safe struct Calls {
        var write: (Int32, UnsafeRawBufferPointer) -> Int = {
            unsafe Glibc.write($0, $1.baseAddress, $1.count)
        }
        var sync: (Int32) -> Int32 = { fsync($0) }
        var truncate: (Int32, Int) -> Int32 = { ftruncate($0, $1) }
    }

    private var descriptor: Int32
    private let path: String
    private var form: ReportFrame.Form
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
    private var missing: String { Counted.text(gaps, "table is missing", "tables are missing") }
    private var isFailing = false
    private var lastError: Int32 = 0

    public init(path: String, form: ReportFrame.Form, messages: Messages) throws(AuditError) {
        try self.init(path: path, form: form, messages: messages, calls: Calls())
    }

    /// - Parameters:
    ///   - opened: the file, where someone else had to open it.
    ///   - isContinued: the run began in another file.
    init(
        path: String, form: ReportFrame.Form, messages: Messages, calls: Calls = Calls(),
        opened: Int32? = nil, isContinued: Bool = false
    ) throws(AuditError) {
        self.path = path
        self.form = form
        self.messages = messages
        self.calls = calls
        self.isContinued = isContinued
        let fd: Int32
        if let opened { fd = opened } else { fd = try Self.open(path) }
        do { try Self.lock(fd, path) } catch {
            close(fd)
            throw error
        }
        descriptor = fd
    }

    deinit { close(descriptor) }

    /// What stands in the file is of another form: the run began in that.
    private var isOtherForm = false

    /// Something stands in the file already that the next table of this form goes on.
    var holdsText: Bool {
        var info = stat()
        return unsafe !isOtherForm && fstat(descriptor, &info) == 0 && info.st_size > 0
    }

    // MARK: the file

    /// Makes the file, or opens one that is ours (``OwnReport``).
    static func open(_ path: String) throws(AuditError) -> Int32 {
        // Read is the last byte only: whether a line is to be ended first.
        let always = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        var fd = unsafe Glibc.open(path, always | O_CREAT | O_EXCL, 0o600)
        if fd < 0 && errno == EEXIST { fd = unsafe Glibc.open(path, always) }
        guard fd >= 0 else {
            throw AuditError(
                .outputFailed, errno: errno,
                "The report \(Escaping.visible(path)) cannot be written; check that its folder exists, is writable, and that it is no symbolic link."
            )
        }
        var info = stat()
        // C fills the struct that it is given.
        guard unsafe fstat(fd, &info) == 0, OwnReport.isOurs(info) else {
            close(fd)
            throw OwnReport.notOurs(path)
        }
        return fd
    }

    /// Two runs in one file would tear each other's part.
    private static func lock(_ fd: Int32, _ path: String) throws(AuditError) {
        // Other errors are those of file systems that know no locks.
        guard flock(fd, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        throw AuditError(
            .outputFailed,
            "Another sockaudit writes to the report \(Escaping.visible(path)); name another file.")
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
        leave()
        close(descriptor)
        descriptor = fresh
        beginAnew()
    }

    /// The next table begins a part of its own, with a head of its own, in the same file.
    mutating func beginPart() {
        leave()
        beginAnew()
    }

    /// The run goes on in the same file in another form. The lock stays: whoever opens the file a second time
    /// and locks that waits for us.
    mutating func change(to form: ReportFrame.Form) {
        beginPart()
        isOtherForm = true
        self.form = form
    }

    /// The run goes on elsewhere: its part here gets its last line.
    mutating func leave() {
        end.continues = true
        if hasHead { seal(after: "") }
    }

    private mutating func beginAnew() {
        isContinued = isContinued || hasHead
        (end, hash, hasHead, size) = (ReportEnd(), SHA256(), false, nil)
    }

    private static func areSame(_ a: Int32, _ b: Int32) -> Bool {
        var (one, two) = (stat(), stat())
        // C fills the struct that it is given.
        guard unsafe fstat(a, &one) == 0, unsafe fstat(b, &two) == 0 else { return false }
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
            isOtherForm = false
            if isFailing {
                messages.error("The report \(Escaping.visible(path)) is written again; \(missing) from it.")
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
                "The last table could not be written to \(Escaping.visible(path)); free space or name another file."
            )
        }
        if !isFailing {
            messages.error(
                "The table could not be written to \(Escaping.visible(path)) (\(SystemText.error(lastError))); it is left out, and the next one is tried again."
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
        guard let size, unsafe fstat(descriptor, &info) == 0, info.st_size < size else { return }
        messages.error("Someone cut the report \(Escaping.visible(path)); it begins anew.")
        beginAnew()
    }

    /// Writes all of it, to the disk, or nothing.
    private mutating func append(_ text: String) -> Bool {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else {
            lastError = errno
            return false
        }
        // A run that was killed, or a crash, may have left half of a line: our first one must be a line of
        // its own, or nobody knows that the run begins there.
        let torn: [UInt8] = !hasHead && endsTorn(info.st_size) ? [0x0A] : []
        let bytes = torn + Array(text.utf8)
        var sent = 0
        var failure: Int32 = 0
        while sent < bytes.count && failure == 0 {
            // No more than the buffer holds.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe calls.write(descriptor, UnsafeRawBufferPointer(rebasing: $0[sent...]))
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
            hash.update(Array(bytes[torn.count...]))
            size = info.st_size + off_t(sent)
            return true
        }
        lastError = failure
        if sent > 0, calls.truncate(descriptor, info.st_size) != 0 {
            // What stands there stands there; at least the next line begins as one.
            // (Before the head it is part of no run: the head comes whole the next time.)
            if hasHead { hash.update(Array(bytes[..<sent])) }
            let newline: [UInt8] = [0x0A]
            if unsafe newline.withUnsafeBytes({ unsafe calls.write(descriptor, $0) }) == 1 && hasHead {
                hash.update(newline)
            }
        }
        return false
    }

    /// The last byte that stands there is no newline.
    private func endsTorn(_ size: off_t) -> Bool {
        var last: UInt8 = 0x0A
        return unsafe size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != 0x0A
    }
}
