import CAudit
import Glibc

/// Opens files to read them: by ourselves, or by the keeper's hand where we no longer can.
public enum ProcFiles {
    // Set once, by the thread that makes all requests.
    nonisolated(unsafe) private static var desk: Int32 = -1
    nonisolated(unsafe) private static var named: [String] = []
    nonisolated(unsafe) private static var serial: UInt32 = 0

    /// How long (ms) the keeper may take: it may be putting in many rules just now.
    private static let patience: Int32 = 20_000

    /// From now on the keeper opens them. One thread only.
    /// - Parameters:
    ///   - socket: to the keeper's ``ProcFileDesk``.
    ///   - names: what the keeper knows as ``ProcFile/Kind/named``, in its order.
    public static func ask(through socket: Int32, named names: [String]) {
        unsafe (desk, named) = (socket, names)
    }

    /// As open(2) to read; -1 with errno. The caller closes it.
    public static func open(_ path: String) -> Int32 {
        let desk = unsafe desk
        guard desk >= 0 else { return Glibc.open(path, O_RDONLY | O_CLOEXEC) }
        let file: ProcFile
        if let known = ProcFile(path: path) {
            file = known
        } else if let index = unsafe named.firstIndex(of: path) {
            file = ProcFile(.named, pid: Int32(index))
        } else {
            errno = EACCES
            return -1
        }
        return request(file, desk)
    }

    private static func request(_ file: ProcFile, _ desk: Int32) -> Int32 {
        unsafe serial &+= 1
        let serial = unsafe serial
        let question = file.request(serial)
        let sent = unsafe question.withUnsafeBytes { raw in
            // Read by the kernel before it returns.
            SystemText.retrying { unsafe sockaudit_send(desk, raw.baseAddress, raw.count, -1, 0) }
        }
        guard sent == question.count else { return -1 }
        var answer = [UInt8](repeating: 0, count: 8)
        while true {
            var passed: Int32 = -1
            let count = unsafe answer.withUnsafeMutableBytes { raw in
                // Written by the kernel before it returns.
                SystemText.retrying { unsafe sockaudit_take(desk, raw.baseAddress, raw.count, &passed, 0) }
            }
            // Whoever has stopped the keeper gets an answer from its other questions; a late one of its to
            // this one is left out.
            guard count == 8 else {
                // Thousands of requests that wait as long would be hours.
                if count < 0 && errno == EAGAIN { shutdown(desk, Int32(SHUT_RDWR)) }
                return -1
            }
            guard ProcFile.word(answer[..<4]) == serial else {
                if passed >= 0 { close(passed) }
                continue
            }
            if passed < 0 { errno = Int32(bitPattern: ProcFile.word(answer[4...])) }
            return passed
        }
    }

    /// Both ends of what they speak through: ours, which waits no longer than it must, and the keeper's.
    public static func pair() throws(AuditError) -> (ours: Int32, theirs: Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw AuditError(.socketFailed, errno: errno, "No pair of sockets for the keeper could be made.")
        }
        var limit = timeval(tv_sec: Int(patience) / 1_000, tv_usec: 0)
        unsafe setsockopt(
            ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return (ends[0], ends[1])
    }
}

/// The keeper's end: gives out files of a fixed list, opened to read, and no others.
public struct ProcFileDesk: ~Copyable {
    public let descriptor: Int32
    private let proc: Int32
    /// Files that were named before the first record was read.
    public var named: [String] = []

    /// So many requests are answered in a row; then whoever keeps the desk looks at the rest of its work.
    private static let turn = 64

    public init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        proc = Glibc.open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        close(descriptor)
        if proc >= 0 { close(proc) }
    }

    /// Answers what is asked now, and never waits: who asks and does not listen gets no answer.
    /// - Returns: false when nobody will ask any more.
    public func serve() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 32)
        for _ in 0..<Self.turn {
            var passed: Int32 = -1
            let count = unsafe bytes.withUnsafeMutableBytes { raw in
                // Written by the kernel before it returns.
                SystemText.retrying {
                    unsafe sockaudit_take(descriptor, raw.baseAddress, raw.count, &passed, Int32(MSG_DONTWAIT))
                }
            }
            if passed >= 0 { close(passed) }
            guard count > 0 else { return count < 0 && errno == EAGAIN }
            guard let (file, serial) = ProcFile.parse(request: Array(bytes[..<count])) else { continue }
            let fd = open(file)
            let answer = ProcFile.bytes(serial) + ProcFile.bytes(fd < 0 ? UInt32(bitPattern: errno) : 0)
            _ = unsafe answer.withUnsafeBytes { raw in
                // Read by the kernel before it returns.
                unsafe sockaudit_send(descriptor, raw.baseAddress, raw.count, fd, Int32(MSG_DONTWAIT))
            }
            if fd >= 0 { close(fd) }
        }
        return true
    }

    /// -1 with errno.
    func open(_ file: ProcFile) -> Int32 {
        if file.kind == .named { return openNamed(Int(file.pid)) }
        guard let path = file.relativePath else {
            errno = EACCES
            return -1
        }
        // Numbers and names of folders: there is no link on the way that could lead out of /proc.
        return openat(proc, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    }

    private func openNamed(_ index: Int) -> Int32 {
        guard named.indices.contains(index) else {
            errno = EACCES
            return -1
        }
        let fd = Glibc.open(named[index], O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        var info = stat()
        guard fd >= 0, unsafe fstat(fd, &info) != 0 || info.st_mode & S_IFMT != S_IFREG else { return fd }
        close(fd)
        errno = EACCES
        return -1
    }
}
