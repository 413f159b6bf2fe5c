import Glibc
import SockAuditCore

/// The files that `--input` names, oldest first.
public enum InputSet {
    /// One of them.
    public struct File: Equatable, Sendable {
        public var path: String
        /// The stamp of its first record (ms); nil where none was found near its beginning.
        public var first: Int64?
        /// The newest among the first ones: a file may begin with a late record, of a host whose clock or queue
        /// is behind.
        var head: Int64?
        /// In bytes on disk; nil where it has none (a pipe).
        public var size: Int64?
        /// A running daemon renames its logs while we read: what was found is what is read.
        var held: HeldFile?

        /// Found in a folder that was named, and not named itself.
        public var isFound = false

        /// Of a file or named pipe: one may be named twice, also by way of its folder or a link.
        var identity: Identity?

        struct Identity: Hashable {
            var device: dev_t
            var inode: ino_t
        }

        /// It is open, whatever has become of its name.
        public var isHeld: Bool { held != nil }

        /// Opens it at its beginning.
        public func open() throws(AuditError) -> InputFile {
            guard let held, let descriptor = held.take() else { return try InputFile(path: path) }
            return try InputFile(path: path, descriptor: descriptor)
        }

        public static func == (a: File, b: File) -> Bool {
            (a.path, a.first, a.size) == (b.path, b.first, b.size)
        }
    }

    /// Folders are replaced by the audit logs in them (audit.log, audit.log.1, audit.log.2.gz ...), and
    /// all is put in the order of the stamps inside: `audit.log*` comes from the shell newest first.
    public static func files(_ paths: [String]) throws(AuditError) -> [File] {
        var files: [File] = []
        for path in paths {
            if path == "-" || !isFolder(path) {
                files.append(file(path))
                continue
            }
            let found = try logs(in: path)
            guard !found.isEmpty else {
                throw AuditError(
                    .inputFailed,
                    "The folder \(Escaping.visible(path)) holds no audit logs (audit.log, audit.log.1, ...); name the files themselves."
                )
            }
            files += found
        }
        // Nobody knows what will come from standard input.
        return paths.contains("-") ? files : ordered(files)
    }

    /// Takes out what stands there for the second time: its calls would count twice.
    /// - Returns: the paths that were taken out, and under which each stays.
    public static func removeRepeated(_ files: inout [File]) -> [(path: String, kept: String)] {
        var first: [File.Identity: String] = [:]
        var repeated: [(path: String, kept: String)] = []
        files.removeAll { file in
            guard let identity = file.identity else { return false }
            guard let kept = first[identity] else {
                first[identity] = file.path
                return false
            }
            repeated.append((file.path, kept))
            return true
        }
        return repeated
    }

    /// Takes out compressed files beside which the same log stands uncompressed: logrotate's program is at work, and
    /// the calls would count twice. One that begins with another record is another log.
    /// - Returns: the paths that were taken out, and which stays of each.
    public static func removePacked(_ files: inout [File]) -> [(path: String, kept: String)] {
        let plain = Dictionary(files.map { ($0.path, $0) }) { first, _ in first }
        var removed: [(path: String, kept: String)] = []
        for file in files {
            guard let ending = endings.first(where: file.path.hasSuffix), file.size != nil,
                let other = plain[String(file.path.dropLast(ending.count))]
            else { continue }
            if other.size == nil {
                // Compressed between two looks.
                if other.isFound { removed.append((other.path, file.path)) }
            } else if file.first == nil || file.first == other.first {
                removed.append((file.path, other.path))
            }
        }
        let paths = Set(removed.map(\.path))
        files.removeAll { paths.contains($0.path) }
        return removed
    }

    private static let endings = [".gz", ".xz", ".zst", ".bz2"]

    /// By stamp; a file that has none stays behind the one that it follows.
    private static func ordered(_ files: [File]) -> [File] {
        var last = files.lazy.compactMap(\.head).first ?? 0
        var keys: [Int64] = []
        for file in files {
            last = file.head ?? last
            keys.append(last)
        }
        return files.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { files[$0] }
    }

    private static func isFolder(_ path: String) -> Bool {
        var info = stat()
        // C fills the struct that it is given.
        return unsafe stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    private static func logs(in folder: String) throws(AuditError) -> [File] {
        // Of this function alone, and closed at its end.
        guard let directory = unsafe opendir(folder) else {
            throw AuditError(
                .inputFailed, errno: errno, "The folder \(folder) cannot be read; check its permissions.")
        }
        // Of this function alone, and closed at its end.
        defer { unsafe closedir(directory) }
        var found: [(path: String, number: Int)] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.contains(".log"), !name.hasPrefix(".") else { continue }
            let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
            if isLog(path) { found.append((path, rotation(name))) }
        }
        // A file without a stamp stands where its rotation number puts it, highest oldest.
        found.sort { a, b in a.number != b.number ? a.number > b.number : a.path < b.path }
        return found.map {
            var file = file($0.path)
            file.isFound = true
            return file
        }
    }

    /// What is no file is no log of a set: a named pipe would be waited for. What is a link to nothing, or was
    /// renamed just now, is one that cannot be read: the reading says so.
    private static func isLog(_ path: String) -> Bool {
        var info = stat()
        return unsafe stat(path, &info) != 0 || info.st_mode & S_IFMT == S_IFREG
    }

    /// audit.log.3.gz is 3, audit.log is 0.
    private static func rotation(_ name: String) -> Int {
        name.split(separator: ".").compactMap { Int($0) }.last ?? 0
    }

    private static func file(_ path: String) -> File {
        var info = stat()
        // C fills the struct that it is given.
        guard path != "-", unsafe stat(path, &info) == 0 else { return File(path: path) }
        let identity = File.Identity(device: info.st_dev, inode: info.st_ino)
        switch info.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFIFO: return File(path: path, identity: identity)
        default: return File(path: path)
        }
        // Held before it is looked into: both are of one file then. (With too many of them, by its name.)
        let held = HeldFile(path)
        let stamps = stamps(path)
        return File(
            path: path, first: stamps.first, head: stamps.newest, size: Int64(info.st_size), held: held,
            identity: identity)
    }

    /// The stamps of a file's first record and of the newest of the block that it is in, in milliseconds; nil
    /// when none is found at its start.
    private static func stamps(_ path: String) -> (first: Int64?, newest: Int64?) {
        guard let file = try? InputFile(path: path) else { return (nil, nil) }
        var splitter = LineSplitter()
        var first: Int64?
        var newest: Int64?
        func note(_ line: UnsafeBufferPointer<UInt8>) {
            // The block, and a line of it, for the call alone.
            guard let stamp = unsafe RecordStamp.milliseconds(line) else { return }
            first = first ?? stamp
            newest = max(newest ?? stamp, stamp)
        }
        var block = [UInt8](repeating: 0, count: 65_536)
        for _ in 0..<mostBlocks where first == nil {
            // The block, and a line of it, for the call alone.
            let count = try? unsafe block.withUnsafeMutableBytes { bytes throws(AuditError) in
                try unsafe file.read(into: bytes)
            }
            guard let count, count > 0 else { break }
            // As many bytes as were read.
            unsafe block[..<count].withUnsafeBufferPointer { bytes in
                unsafe splitter.push(bytes) { unsafe note($0) }
            }
        }
        // The block, and a line of it, for the call alone.
        if first == nil { unsafe splitter.finish { unsafe note($0) } }
        return (first, newest)
    }

    /// Of a general log a megabyte may pass before the first audit record.
    private static let mostBlocks = 16
}

/// A file that is open and waits to be read.
final class HeldFile: @unchecked Sendable {
    private let path: String
    private let descriptor: Int32

    /// - Returns: nil when it cannot be opened, where the reading will say why, or when as many are held as may be.
    init?(_ path: String) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return nil }
        guard descriptor < Self.most else {
            close(descriptor)
            return nil
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Each takes one of the process's descriptors (a thousand by default), and without one nothing can be read.
    private static var most: Int32 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
        return Int32(min(256, limit.rlim_cur / 2))
    }

    deinit { close(descriptor) }

    /// Another descriptor of it, at its beginning.
    func take() -> Int32? {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        if copy >= 0 { lseek(copy, 0, SEEK_SET) }
        return copy >= 0 ? copy : nil
    }
}
