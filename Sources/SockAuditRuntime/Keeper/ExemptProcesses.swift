import AuditStream
import Glibc

/// The processes that the guard left out, each with a descriptor that becomes readable at its end
/// (pidfd_open(2)): its number may then be another's, who is innocent.
struct ExemptProcesses: ~Copyable {
    private var watched: [Int32: Int32] = [:]
    /// Those that were gone before they could be watched.
    private var missed: Set<Int32> = []

    deinit { for fd in watched.values { close(fd) } }

    /// From now on these, and no others.
    mutating func watch(_ pids: [Int32]) {
        for (pid, fd) in watched where !pids.contains(pid) {
            close(fd)
            watched[pid] = nil
        }
        for pid in pids where watched[pid] == nil {
            let fd = ProcessEnd.descriptor(pid)
            // A kernel without pidfds: the monitor's tables see the end.
            if fd >= 0 { watched[pid] = fd } else if errno == ESRCH { missed.insert(pid) }
        }
    }

    mutating func clear() { watch([]) }

    /// Someone had gone before: ``ended(_:)`` is to be asked at once.
    var hasMissed: Bool { !missed.isEmpty }

    var polled: [pollfd] { watched.values.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) } }

    /// - Parameter answers: what poll(2) said of ``polled``.
    mutating func ended(_ answers: ArraySlice<pollfd>) -> Set<Int32> {
        let ready = Set(answers.lazy.filter { $0.revents != 0 }.map(\.fd))
        defer { missed = [] }
        return missed.union(watched.filter { ready.contains($0.value) }.keys)
    }
}
