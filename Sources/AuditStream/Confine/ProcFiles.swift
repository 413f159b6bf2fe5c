import CAudit
import Glibc

/// Opens files to read them: by ourselves, or by the keeper's hand where we no longer can.
public enum ProcFiles {
    // Set and used by the one thread that reads records and makes tables.
    nonisolated(unsafe) private static var desk: Int32 = -1
    nonisolated(unsafe) private static var named: [String] = []
    nonisolated(unsafe) private static var serial: UInt32 = 0
    /// Opened before they are wanted; errno below zero where that failed.
    nonisolated(unsafe) private static var ready: [ProcFile: Int32] = [:]
    /// What came without being opened: see ``ProcFile/isSent``.
    nonisolated(unsafe) private static var texts: [ProcFile: ArraySlice<UInt8>] = [:]

    /// How long (s) the keeper may take: it may be putting in many rules just now.
    private static let patience = 20

    /// From now on the keeper opens them. One thread only.
    /// - Parameters:
    ///   - socket: to the keeper's ``ProcFileDesk``.
    ///   - names: what the keeper knows as ``ProcFile/Kind/named``, in its order.
    public static func ask(through socket: Int32, named names: [String]) {
        unsafe (desk, named) = (socket, names)
    }

    /// It is the keeper who opens.
    public static var areAsked: Bool { unsafe desk >= 0 }

    /// As open(2) to read; -1 with errno. The caller closes it.
    public static func open(_ path: String) -> Int32 {
        guard unsafe desk >= 0 else { return unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC) }
        let file: ProcFile
        if let known = ProcFile(path: path) {
            file = known
            // One thread.
        } else if let index = unsafe named.firstIndex(of: path) {
            file = ProcFile(.named, pid: Int32(index))
        } else {
            errno = EACCES
            return -1
        }
        // One thread.
        if unsafe ready[file] == nil { request([file]) }
        let answer = unsafe ready.removeValue(forKey: file) ?? -EIO
        if answer >= 0 { return answer }
        errno = -answer
        return -1
    }

    /// How a file of those that the keeper reads itself begins; nil when it cannot be read.
    public static func text(_ file: ProcFile) -> ArraySlice<UInt8>? {
        if unsafe texts[file] == nil && ready[file] == nil { request([file]) }
        unsafe ready[file] = nil
        return unsafe texts.removeValue(forKey: file)
    }

    /// Has files opened that will be wanted soon: to ask for each by itself takes two changes of the process on
    /// a processor, which on a busy host is what a table of thousands of processes waits for. Each is for one
    /// ``open(_:)``; ``drop()`` must follow.
    ///
    /// - Parameter paths: of /proc; looked at only where it is the keeper who opens.
    /// - Returns: whether something was asked for.
    @discardableResult
    public static func prefetch(_ paths: @autoclosure () -> [String]) -> Bool {
        guard unsafe desk >= 0 else { return false }
        var files = paths().compactMap { ProcFile(path: $0) }.filter {
            unsafe ready[$0] == nil && texts[$0] == nil
        }[...]
        if files.isEmpty { return false }
        while !files.isEmpty {
            request(Array(files.prefix(ProcFile.batch)))
            files = files.dropFirst(ProcFile.batch)
        }
        return true
    }

    /// Lets go of what was opened in advance and was not wanted.
    public static func drop() {
        for fd in unsafe ready.values where fd >= 0 { close(fd) }
        unsafe ready.removeAll(keepingCapacity: true)
        unsafe texts.removeAll(keepingCapacity: true)
    }

    /// Puts them in ``ready``.
    private static func request(_ files: [ProcFile]) {
        let desk = unsafe desk
        unsafe serial &+= 1
        let serial = unsafe serial
        let question = ProcFile.request(files, serial)
        let sent = unsafe question.withUnsafeBytes { raw in
            // Read by the kernel before it returns.
            SystemText.retrying { unsafe sockaudit_send(desk, raw.baseAddress, raw.count, -1, 0) }
        }
        guard sent == question.count else { return fail(files, errno) }
        var answer = [UInt8](repeating: 0, count: ProcFile.longestAnswer)
        var passed = [Int32](repeating: -1, count: ProcFile.batch)
        while true {
            var arrived = passed.count
            // The bytes stay for the call.
            let count = unsafe answer.withUnsafeMutableBytes { raw in
                // Both are written by the kernel before it returns, and have room for a whole batch.
                SystemText.retrying {
                    unsafe sockaudit_take_batch(desk, raw.baseAddress, raw.count, &passed, &arrived, 0)
                }
            }
            var fds = passed[..<arrived]
            guard count >= 4 + 4 * files.count, ProcFile.word(answer[..<4]) == serial else {
                for fd in fds { close(fd) }
                if count > 0 { continue }
                let code = count == 0 ? EPIPE : errno
                // Thousands of requests that each waited as long would be hours.
                if code == EAGAIN { shutdown(desk, Int32(SHUT_RDWR)) }
                return fail(files, code)
            }
            var rest = answer[(4 + 4 * files.count)..<count]
            for (index, file) in files.enumerated() {
                let code = Int32(bitPattern: ProcFile.word(answer[(4 + 4 * index)..<(8 + 4 * index)]))
                // One thread.
                if code < 0 {
                    let text = rest.prefix(Int(-code))
                    unsafe texts[file] = text
                    rest = rest.dropFirst(text.count)
                } else if code > 0 {
                    // One thread.
                    unsafe ready[file] = -code
                } else if let fd = fds.popFirst() {
                    unsafe ready[file] = fd
                } else if files.count == 1 {
                    // Fewer than were sent: we have no room for more descriptors. Of many each is tried alone.
                    unsafe ready[file] = -EMFILE
                }
            }
            return
        }
    }

    private static func fail(_ files: [ProcFile], _ code: Int32) {
        // One thread.
        for file in files { unsafe ready[file] = -code }
    }

    /// Both ends of what they speak through: ours, which waits no longer than it must, and the keeper's.
    public static func pair() throws(AuditError) -> (ours: Int32, theirs: Int32) {
        let ends = try MessageSocket.bare()
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        // C reads or fills what it is given, and keeps nothing of it.
        unsafe setsockopt(
            ends.0, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return (ours: ends.0, theirs: ends.1)
    }
}
