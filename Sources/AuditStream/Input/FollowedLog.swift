import Glibc
import SockAuditCore

/// A log that grows, read as it does: through rotations (the file is renamed and a new one begins) and
/// through truncations (it is emptied, or copied and emptied). Each byte is given out once.
///
/// Looks instead of being told (inotify): it works on every file system, and what happened between two
/// looks must be made out anyway.
public final class FollowedLog {
    public enum Step: Equatable, Sendable {
        case bytes(Int)
        /// What comes next is another file's: a last line without a newline is whole.
        case newFile
        /// There is nothing more now.
        case nothing
    }

    private struct Position {
        var descriptor: Int32
        var offset: off_t = 0
        /// The bytes before the offset: they change when the file was written anew.
        var tail: [UInt8] = []
    }

    public let path: String
    private var current: Position?
    /// What is to be read before the file of that name: it was rotated away between two looks.
    private var waiting: [Position] = []
    /// The beginnings of all that was read, or was there before us: names and inodes are used again.
    private var seen: Set<[UInt8]> = []
    /// Times that logs were rotated so fast that some may be gone.
    public private(set) var gaps = 0

    /// A record with its stamp and serial fits, so two files never begin alike.
    private static let identity = 256
    private static let tailLength = 64

    /// - Throws: when the file cannot be read, is compressed, or is no file.
    public init(path: String) throws(AuditError) {
        self.path = path
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        var info = stat()
        guard fd >= 0, unsafe fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            let code = errno
            if fd >= 0 { close(fd) }
            throw AuditError(
                .inputFailed, errno: fd >= 0 ? 0 : code,
                "The log \(Escaping.visible(path)) cannot be followed; name a file that can be read, a folder or -."
            )
        }
        let head = Self.read(fd, at: 0, count: Self.identity)
        guard Compression.of(head) == nil else {
            close(fd)
            throw AuditError(
                .inputFailed,
                "The log \(Escaping.visible(path)) is compressed; only a plain one can be followed.")
        }
        current = Position(descriptor: fd)
        for sibling in siblings() { if let id = Self.identity(ofFile: sibling) { seen.insert(id) } }
    }

    deinit { for position in waiting + [current].compactMap(\.self) { close(position.descriptor) } }

    /// What has come since the last call.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(AuditError) -> Step {
        guard var position = current else { return reopen() ? .newFile : .nothing }
        let size = Self.size(position.descriptor)
        if size < position.offset || !position.tail.isEmpty && isRewritten(position) {
            // The copy goes on where we were.
            return unsafe rewind(position) ? try read(into: buffer) : .newFile
        }
        // Asked first: who writes to a new file has written all that it wrote to the old one.
        let hasSuccessor = hasSuccessor(position)
        let count = SystemText.retrying {
            unsafe pread(position.descriptor, buffer.baseAddress, buffer.count, position.offset)
        }
        guard count >= 0 else {
            throw AuditError(.inputFailed, errno: errno, "Reading the log \(Escaping.visible(path)) failed.")
        }
        if count > 0 {
            position.offset += off_t(count)
            // As many bytes as were read into the buffer.
            let fresh = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count]).suffix(Self.tailLength)
            position.tail = unsafe Array((position.tail + fresh).suffix(Self.tailLength))
            current = position
            let isFirst = position.offset == off_t(count)
            // As many bytes as were read into the buffer.
            return unsafe .bytes(isFirst ? ByteOrderMark.remove(from: buffer, count) : count)
        }
        if waiting.isEmpty {
            guard hasSuccessor else { return .nothing }
            findUnread(behind: position)
        }
        leave(position)
        current = nil
        if waiting.isEmpty { return reopen() ? .newFile : .nothing }
        current = waiting.removeFirst()
        return .newFile
    }

    /// Another file has the name, and something is in it: of an empty one the writer may not know yet.
    private func hasSuccessor(_ position: Position) -> Bool {
        var ours = stat()
        var named = stat()
        // C fills the struct that it is given.
        return unsafe fstat(position.descriptor, &ours) == 0 && stat(path, &named) == 0 && named.st_size > 0
            && (named.st_ino != ours.st_ino || named.st_dev != ours.st_dev)
    }

    /// Logs that were begun and rotated away since we looked last.
    private func findUnread(behind position: Position) {
        if let id = Self.identity(of: position.descriptor) { seen.insert(id) }
        waiting = unseen()
        var info = stat()
        // C fills the struct that it is given.
        let isGone = unsafe fstat(position.descriptor, &info) == 0 && info.st_nlink == 0
        // Removed as the oldest of its set, which may have happened to others as well.
        if isGone && !waiting.isEmpty { gaps += 1 }
    }

    private func leave(_ position: Position) {
        if let id = Self.identity(of: position.descriptor) { seen.insert(id) }
        close(position.descriptor)
    }

    /// - Returns: whether there is a file of the name.
    private func reopen() -> Bool {
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return false }
        current = Position(descriptor: fd)
        return true
    }

    // MARK: emptied

    private func isRewritten(_ position: Position) -> Bool {
        let start = position.offset - off_t(position.tail.count)
        return Self.read(position.descriptor, at: start, count: position.tail.count) != position.tail
    }

    /// The file was emptied, and perhaps has grown past where we were. Where it was copied before, the rest
    /// of the copy comes first.
    /// - Returns: whether there is such a copy.
    private func rewind(_ position: Position) -> Bool {
        var fresh = position
        fresh.offset = 0
        fresh.tail = []
        guard let copy = copy(of: position) else {
            current = fresh
            return false
        }
        if let id = Self.identity(of: copy.descriptor) { seen.insert(id) }
        current = copy
        // It may have been copied and emptied more than once.
        waiting = unseen() + [fresh] + waiting
        return true
    }

    /// A file beside ours that has the same bytes before the place at which we are, at the same place.
    private func copy(of position: Position) -> Position? {
        guard !position.tail.isEmpty else { return nil }
        for sibling in siblings().reversed() {
            // C reads the path during the call alone.
            let fd = unsafe open(sibling, O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else { continue }
            var found = position
            found.descriptor = fd
            // A few bytes stand in many logs; in one that was read before they mean nothing.
            let isNew = Self.identity(of: fd).map { !seen.contains($0) } ?? false
            if isNew && Self.size(fd) >= position.offset && !isRewritten(found) { return found }
            close(fd)
        }
        return nil
    }

    // MARK: what stands beside it

    /// Other files of the set: audit.log.1, audit.log-20261123, oldest first.
    private func siblings() -> [String] {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[...$0]) } ?? "./"
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        // Of this function alone, and closed at its end.
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var found: [(path: String, changed: Int64)] = []
        while let entry = unsafe readdir(directory) {
            let other = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard other.count > name.count, other.hasPrefix(name),
                ".-_".contains(other.dropFirst(name.count).prefix(1))
            else { continue }
            var info = stat()
            // C fills the struct that it is given.
            guard unsafe stat(folder + other, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            let changed = Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec)
            found.append((folder + other, changed))
        }
        return found.sorted { ($0.changed, $1.path) < ($1.changed, $0.path) }.map(\.path)
    }

    /// Files of the set that nobody has read.
    private func unseen() -> [Position] {
        siblings().compactMap { sibling in
            let fd = unsafe open(sibling, O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else { return nil }
            guard let id = Self.identity(of: fd), Compression.of(id) == nil, seen.insert(id).inserted else {
                close(fd)
                return nil
            }
            return Position(descriptor: fd)
        }
    }

    private static func identity(ofFile path: String) -> [UInt8]? {
        // C reads the path during the call alone.
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        return identity(of: fd)
    }

    /// Nil of an empty file: there are many alike.
    private static func identity(of descriptor: Int32) -> [UInt8]? {
        let head = read(descriptor, at: 0, count: identity)
        return head.isEmpty ? nil : head
    }

    private static func size(_ descriptor: Int32) -> off_t {
        var info = stat()
        // C fills the struct that it is given.
        return unsafe fstat(descriptor, &info) == 0 ? info.st_size : 0
    }

    private static func read(_ descriptor: Int32, at offset: off_t, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // No more than the buffer holds.
        let found = SystemText.retrying { unsafe pread(descriptor, &bytes, count, offset) }
        return Array(bytes.prefix(max(0, found)))
    }
}
