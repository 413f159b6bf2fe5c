@testable import SockAuditCore

/// What a real kernel keeps for one process, as plainly as it can be written, and what the five
/// figures are by their definition (interface.md): the truth that the ledger is measured against.
/// It shares no code with the ledger.
struct NaiveProcess {
    enum Way: Equatable { case socket, accept, socketpair, dup, inherited }

    /// An open file; nil `socket` for a plain one.
    struct OpenFile {
        var socket: (inode: UInt64, family: SocketFamily)?
        var way: Way
        var closeOnExec: Bool
        /// The call that opened it has returned: only then can a program know the number.
        var known = false
        /// A thread is about to close it.
        var claimed = false
    }

    struct Truth: Equatable {
        var opened = FamilyCounts()
        var closed = FamilyCounts()
        var released = FamilyCounts()
        var open = FamilyCounts()
    }

    let pid: Int32
    var ppid: Int32
    let startTicks: UInt64
    /// Start in milliseconds.
    let start: Int64
    var files: [Int32: OpenFile] = [:]
    var alive = true
    private(set) var ended: Int64 = 0
    /// It ended by exit_group, not by a signal.
    private(set) var leftRecord = false
    /// More than one thread is there.
    var threads = 1
    private(set) var opened = FamilyCounts()
    private(set) var closed = FamilyCounts()
    private(set) var released = FamilyCounts()

    init(pid: Int32, ppid: Int32, startTicks: UInt64, start: Int64, threads: Int) {
        self.pid = pid
        self.ppid = ppid
        self.startTicks = startTicks
        self.start = start
        self.threads = threads
    }

    var truth: Truth {
        var open = FamilyCounts()
        for file in files.values where file.way == .socket { if let s = file.socket { open[s.family] += 1 } }
        return Truth(opened: opened, closed: closed, released: released, open: open)
    }

    /// What /proc/PID/fd shows.
    var sockets: [Int32: UInt64] { files.compactMapValues { $0.socket?.inode } }

    /// POSIX: the lowest number that is free.
    func lowestFree(from first: Int32 = 3) -> Int32 {
        var fd = first
        while files[fd] != nil { fd += 1 }
        return fd
    }

    mutating func put(_ fd: Int32, _ file: OpenFile) {
        files[fd] = file
        if file.way == .socket, let socket = file.socket { opened[socket.family] += 1 }
    }

    /// - Returns: false for EBADF.
    mutating func close(_ fd: Int32) -> Bool {
        guard let file = files.removeValue(forKey: fd) else { return false }
        if file.way == .socket, let socket = file.socket { closed[socket.family] += 1 }
        return true
    }

    mutating func release(_ fd: Int32) {
        guard let file = files.removeValue(forKey: fd) else { return }
        if file.way == .socket, let socket = file.socket { released[socket.family] += 1 }
    }

    mutating func dup(_ from: Int32, to target: Int32, closeOnExec: Bool) {
        guard var file = files[from] else { return }
        release(target)
        file.closeOnExec = closeOnExec
        file.way = .dup
        file.known = false
        file.claimed = false
        put(target, file)
    }

    mutating func execute() {
        for (fd, file) in files where file.closeOnExec { release(fd) }
    }

    mutating func end(at now: Int64, leavesRecord: Bool) {
        alive = false
        ended = now
        leftRecord = leavesRecord
        for fd in files.keys { release(fd) }
    }
}
