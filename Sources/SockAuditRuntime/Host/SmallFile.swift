import AuditStream
import Glibc

/// Whole small files (those of /proc and /sys), read in one go.
enum SmallFile {
    /// - Returns: the bytes, cut at `limit`; nil when it cannot be opened or read, with errno set.
    static func read(_ path: String, limit: Int = 65_536) -> [UInt8]? {
        let fd = ProcFiles.open(path)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: min(limit, 4_096))
        var used = 0
        while used < limit {
            if used == bytes.count { bytes += [UInt8](repeating: 0, count: min(bytes.count, limit - used)) }
            // No more than the buffer holds.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                SystemText.retrying {
                    unsafe Glibc.read(fd, buffer.baseAddress.map { unsafe $0 + used }, buffer.count - used)
                }
            }
            if count < 0 { return nil }
            if count == 0 { break }
            used += count
        }
        return Array(bytes.prefix(used))
    }

    static func line(_ path: String) -> String {
        let bytes = read(path, limit: 4_096) ?? []
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// Where a symbolic link points; nil with errno when it cannot be read.
    static func link(_ path: String) -> [UInt8]? {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let count = unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), buffer.count)
            return unsafe count < 0 ? nil : Array(buffer.prefix(count))
        }
    }
}

/// Which file a path leads to, links followed: two paths to one file are equal.
struct FileIdentity: Equatable {
    private let device: UInt
    private let inode: UInt

    /// nil where nothing is there.
    init?(_ path: String) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        device = UInt(info.st_dev)
        inode = UInt(info.st_ino)
    }
}
