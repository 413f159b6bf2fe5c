import AuditStream
import Glibc
import SockAuditCore

/// What the names in folders of /proc say, and what they lead to.
extension ProcScanner {
    /// fd to inode; nil with errno when the folder, or what is in it, cannot be read.
    static func sockets(_ folder: String, _ scan: inout ProcessScan) -> [Int32: UInt64]? {
        guard let directory = unsafe openFolder(folder) else { return nil }
        defer { unsafe closedir(directory) }
        // Collected first: a dictionary that grows with each entry is made several times.
        var found: [(Int32, UInt64)] = []
        found.reserveCapacity(32)
        // Who may list them may not be allowed to see what they are: that needs CAP_SYS_PTRACE.
        var isDenied = false
        let handle = unsafe dirfd(directory)
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { target in
            while let entry = unsafe readdir(directory) {
                unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                        guard let fd = unsafe Self.number(name) else { return }
                        scan.descriptors += 1
                        guard let base = target.baseAddress else { return }
                        // C reads the path during the call alone.
                        let count = unsafe readlinkat(handle, name, base, target.count)
                        guard count > 0 else {
                            if errno == EACCES { isDenied = true }
                            return
                        }
                        // As many bytes as were filled.
                        if let inode = unsafe Self.inode(target, count) {
                            found.append((fd, inode))
                        } else if unsafe Self.isRing(target, count) {
                            scan.usesRing = true
                        }
                    }
                }
            }
        }
        if isDenied {
            errno = EACCES
            return nil
        }
        var sockets = [Int32: UInt64](minimumCapacity: found.count)
        for (fd, inode) in found { sockets[fd] = inode }
        return sockets
    }

    private static func number(_ text: UnsafePointer<CChar>) -> Int32? {
        var value: Int32 = 0
        var index = 0
        // Up to its zero, and no further.
        while unsafe text[index] != 0 {
            let digit = unsafe Int32(text[index]) - 0x30
            guard (0...9).contains(digit), index < 9 else { return nil }
            value = value * 10 + digit
            index += 1
        }
        return index > 0 ? value : nil
    }

    /// `socket:[12345]`.
    private static func inode(_ text: UnsafeMutableBufferPointer<CChar>, _ count: Int) -> UInt64? {
        guard count > 9, let base = text.baseAddress, unsafe strncmp(base, "socket:[", 8) == 0 else {
            return nil
        }
        var value: UInt64 = 0
        for index in 8..<(count - 1) {
            // Below the count.
            let digit = unsafe UInt8(bitPattern: text[index]) &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    /// The socket that a descriptor is now; nil when it is none, or cannot be read.
    static func socketInode(_ pid: Int32, _ fd: Int32) -> UInt64? {
        guard var link = SmallFile.link("/proc/\(pid)/fd/\(fd)") else { return nil }
        return unsafe link.withUnsafeMutableBytes {
            unsafe inode($0.assumingMemoryBound(to: CChar.self), $0.count)
        }
    }

    private static func isRing(_ text: UnsafeMutableBufferPointer<CChar>, _ count: Int) -> Bool {
        guard count >= 21, let base = text.baseAddress else { return false }
        // There are so many bytes.
        return unsafe strncmp(base, "anon_inode:[io_uring]", 21) == 0
    }

    private static func openFolder(_ path: String) -> OpaquePointer? {
        let fd = ProcFiles.open(path)
        guard fd >= 0 else { return nil }
        // Opened, read and closed here.
        let directory = unsafe fdopendir(fd)
        if unsafe directory == nil { close(fd) }
        return unsafe directory
    }

    /// The numbers that a folder of /proc is named after.
    static func list(_ folder: String) -> [Int32] {
        guard let directory = unsafe openFolder(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var found: [Int32] = []
        while let entry = unsafe readdir(directory) {
            unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    if let n = unsafe number($0) { found.append(n) }
                }
            }
        }
        return found
    }
}
