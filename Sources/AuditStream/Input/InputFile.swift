import Glibc
import SockAuditCore

/// One opened input: a plain file, standard input, or what is in a compressed file.
public final class InputFile {
    public let path: String
    private let descriptor: Int32
    private var gzip: GzipStream?
    private var decompressor: Decompressor?
    /// Read to see what the input is, and not given out yet.
    private var head: [UInt8] = []
    /// What can be read only once shows what it is when it is read.
    private var isUndecided = false
    /// A named pipe looks as if it had ended until somebody has opened it for writing.
    private var awaitsWriter = false
    private var isAtStart = true
    /// The size of a file; nil where there is none to speak of (a pipe).
    public let size: Int64?
    private var taken: Int64 = 0

    /// - Parameter path: a file's path, or `-` for standard input.
    public convenience init(path: String) throws(AuditError) {
        // Without O_NONBLOCK a named pipe that nobody writes to yet would hold us up here, where no signal
        // is heard; afterwards poll tells when there is something to read.
        let fd = unsafe path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { throw Self.unreadable(path) }
        if path != "-" { _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) }
        try self.init(path: path, descriptor: fd)
    }

    /// - Parameter descriptor: the opened file, closed with this; it may have got another name since.
    init(path: String, descriptor fd: Int32) throws(AuditError) {
        self.path = path
        var info = stat()
        // C fills the struct that it is given.
        let isFile = unsafe fstat(fd, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
        size = isFile ? Int64(info.st_size) : nil
        descriptor = fd
        guard isFile else {
            if info.st_mode & S_IFMT == S_IFDIR {
                errno = EISDIR
                throw Self.unreadable(path)
            }
            isUndecided = true
            awaitsWriter = info.st_mode & S_IFMT == S_IFIFO
            return
        }
        var start = [UInt8](repeating: 0, count: Compression.longest)
        // No more than the buffer holds.
        let count = unsafe pread(fd, &start, start.count, lseek(fd, 0, SEEK_CUR))
        try decide(start.prefix(max(0, count)))
    }

    private static func unreadable(_ path: String) -> AuditError {
        AuditError(
            .inputFailed, errno: errno,
            "The input \(Escaping.visible(path)) cannot be read; check the path and its permissions.")
    }

    /// - Parameter start: the first bytes; a file is still at its beginning, of a pipe they are in `head`.
    private func decide(_ start: ArraySlice<UInt8>) throws(AuditError) {
        isUndecided = false
        guard let kind = Compression.of(start) else { return }
        if kind == .gzip {
            gzip = GzipStream(head: head)
            head = []
            guard gzip != nil else {
                throw AuditError(.inputFailed, "There is no memory to read \(Escaping.visible(path)).")
            }
            return
        }
        guard size != nil else {
            throw AuditError(
                .inputFailed,
                "The input \(Escaping.visible(path)) is compressed with \(kind.program) and cannot be read from a pipe; give the file's name, or `\(kind.program) -dc` before the pipe."
            )
        }
        // Its own descriptor: it lives as long as the program does.
        decompressor = try Decompressor(kind, file: fcntl(descriptor, F_DUPFD_CLOEXEC, 3), path: path)
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// - Returns: bytes read; 0 at the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(AuditError) -> Int {
        guard isAtStart else { return try unsafe readOn(into: buffer) }
        isAtStart = false
        var count = 0
        repeat {
            // The caller's buffer, or what is left of it.
            let more = try unsafe readOn(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            if more == 0 { break }
            count += more
            // The caller's buffer, or what is left of it.
        } while unsafe ByteOrderMark.mayFollow(buffer[..<count])
        let text = unsafe ByteOrderMark.remove(from: buffer, count)
        return unsafe text == 0 && count > 0 ? try readOn(into: buffer) : text
    }

    private func readOn(into buffer: UnsafeMutableRawBufferPointer) throws(AuditError) -> Int {
        if awaitsWriter {
            // At once where ``wait(or:milliseconds:)`` said that there is something.
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = SystemText.retrying { unsafe poll(&ready, 1, -1) }
            awaitsWriter = false
        }
        while isUndecided {
            let count = try readHead()
            if count == 0 || !Compression.isUndecided(head) { try decide(head[...]) }
        }
        if !head.isEmpty {
            let count = min(head.count, buffer.count)
            // No more than the buffer holds.
            unsafe buffer.copyBytes(from: head.prefix(count))
            head.removeFirst(count)
            return count
        }
        let (descriptor, path) = (descriptor, path)
        let source = decompressor?.output ?? descriptor
        var raw = 0
        func refill(_ room: UnsafeMutableRawBufferPointer) throws(AuditError) -> Int {
            // No more than the buffer holds.
            let count = SystemText.retrying { unsafe Glibc.read(source, room.baseAddress, room.count) }
            guard count >= 0 else {
                throw AuditError(
                    .inputFailed, errno: errno, "Reading the input \(Escaping.visible(path)) failed.")
            }
            raw += count
            return count
        }
        defer { taken += Int64(raw) }
        // The caller's buffer.
        if let count = try unsafe gzip?.read(into: buffer, refill) { return count }
        return try unsafe refill(buffer)
    }

    private func readHead() throws(AuditError) -> Int {
        var block = [UInt8](repeating: 0, count: 65_536)
        // No more than the buffer holds.
        let count = SystemText.retrying { unsafe Glibc.read(descriptor, &block, block.count) }
        guard count >= 0 else {
            throw AuditError(
                .inputFailed, errno: errno, "Reading the input \(Escaping.visible(path)) failed.")
        }
        head += block.prefix(count)
        taken += Int64(count)
        return count
    }

    /// How far the file has been read, in bytes of what is on disk.
    public var position: Int64 { decompressor?.position ?? taken }

    /// A gzip file: no other program unpacks it.
    var isUnpackedHere: Bool { gzip != nil }

    /// After the end: whether a compressed input was whole.
    public func finish() throws(AuditError) {
        let isWhole = decompressor?.finish() ?? !(gzip?.isDamaged ?? false)
        guard isWhole else {
            throw AuditError(
                .inputDamaged,
                "The compressed input \(Escaping.visible(path)) is damaged or cut; what came before the damage was read."
            )
        }
    }

    /// What a wait ended with.
    public enum Wake: Sendable { case readable, stopped, timeout }

    /// Waits until there is something to read (or the end of it).
    /// - Parameters:
    ///   - stop: readable when a signal asks us to end.
    ///   - milliseconds: how long at most; negative for as long as it takes.
    public func wait(or stop: Int32, milliseconds: Int32 = -1) throws(AuditError) -> Wake {
        let isReady = !head.isEmpty || gzip?.hasInput ?? false
        var waiting = [
            pollfd(fd: decompressor?.output ?? descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        ]
        // As many as are given.
        guard SystemText.retrying({ unsafe poll(&waiting, 2, isReady ? 0 : milliseconds) }) >= 0 else {
            throw AuditError(
                .inputFailed, errno: errno, "Waiting for the input \(Escaping.visible(path)) failed.")
        }
        if waiting[1].revents != 0 { return .stopped }
        return isReady || waiting[0].revents != 0 ? .readable : .timeout
    }
}
