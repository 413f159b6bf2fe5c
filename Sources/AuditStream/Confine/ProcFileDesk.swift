import CAudit
import Glibc

/// The keeper's end of ``ProcFiles``: gives out files of a fixed list, opened to read, and no others.
public struct ProcFileDesk: ~Copyable {
    public let descriptor: Int32
    private let proc: Int32
    /// Files that were named before the first record was read.
    public var named: [String] = []

    /// So many requests are answered in a row; then whoever keeps the desk looks at the rest of its work.
    private static let turn = 8

    public init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        // C reads the text during the call alone.
        proc = unsafe Glibc.open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        close(descriptor)
        if proc >= 0 { close(proc) }
    }

    /// Answers what is asked now, and never waits: who asks and does not listen gets no answer.
    /// - Returns: false when nobody will ask any more.
    public func serve() -> Bool {
        // One byte more than a request has, so that what is longer is seen.
        var bytes = [UInt8](repeating: 0, count: 4 + 9 * ProcFile.batch + 1)
        for _ in 0..<Self.turn {
            var passed: Int32 = -1
            // The bytes stay for the call.
            let count = unsafe bytes.withUnsafeMutableBytes { raw in
                // Written by the kernel before it returns.
                SystemText.retrying {
                    unsafe sockaudit_take(
                        descriptor, raw.baseAddress, raw.count, &passed, Int32(MSG_DONTWAIT))
                }
            }
            if passed >= 0 { close(passed) }
            guard count > 0 else { return count < 0 && errno == EAGAIN }
            if let (files, serial) = ProcFile.parse(request: Array(bytes[..<count])) { answer(files, serial) }
        }
        return true
    }

    private func answer(_ files: [ProcFile?], _ serial: UInt32) {
        var words = ProcFile.bytes(serial)
        var opened: [Int32] = []
        defer { for fd in opened { close(fd) } }
        var texts: [UInt8] = []
        for file in files {
            let fd = open(file)
            if fd >= 0, file?.isSent == true {
                let before = texts.count
                texts += Self.read(fd)
                // Below zero: so many bytes follow behind the words.
                let count = texts.count - before
                words += ProcFile.bytes(UInt32(bitPattern: count > 0 ? Int32(-count) : ESRCH))
                continue
            }
            // 0: a descriptor comes with the answer.
            words += ProcFile.bytes(fd < 0 ? UInt32(bitPattern: errno) : 0)
            if fd >= 0 { opened.append(fd) }
        }
        words += texts
        // The bytes stay for the call.
        _ = unsafe words.withUnsafeBytes { raw in
            // Read by the kernel before it returns; there are no more than a batch.
            unsafe sockaudit_send_batch(
                descriptor, raw.baseAddress, raw.count, opened, opened.count, Int32(MSG_DONTWAIT))
        }
    }

    /// - Returns: how it begins; nothing when it cannot be read.
    private static func read(_ fd: Int32) -> [UInt8] {
        defer { close(fd) }
        return unsafe [UInt8](unsafeUninitializedCapacity: ProcFile.longestText) { buffer, count in
            // Written by the kernel before it returns.
            count = max(
                0, SystemText.retrying { unsafe Glibc.read(fd, buffer.baseAddress, buffer.count) })
        }
    }

    /// -1 with errno.
    func open(_ file: ProcFile?) -> Int32 {
        if let file, file.kind == .named { return openNamed(Int(file.pid)) }
        guard let path = file?.relativePath else {
            errno = EACCES
            return -1
        }
        // Numbers and names of folders: there is no link on the way that could lead out of /proc.
        return unsafe openat(proc, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    }

    private func openNamed(_ index: Int) -> Int32 {
        guard named.indices.contains(index) else {
            errno = EACCES
            return -1
        }
        // C reads the text during the call alone.
        let fd = unsafe Glibc.open(named[index], O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        var info = stat()
        // C reads or fills what it is given, and keeps nothing of it.
        guard fd >= 0, unsafe fstat(fd, &info) != 0 || info.st_mode & S_IFMT != S_IFREG else { return fd }
        close(fd)
        errno = EACCES
        return -1
    }
}
