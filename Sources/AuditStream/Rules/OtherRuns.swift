import Glibc

/// The sockaudits of a host change its rules one after the other, and each knows whether it is alone: the last
/// to leave switches auditing off again, whatever rules the others have in at that moment.
///
/// Both are locks on a file of root's in /run, which go with the process, however it ends (fcntl(2), F_SETLK).
/// The last to leave takes the file away. Where it cannot be made, all goes on without.
struct OtherRuns: ~Copyable {
    static let path = "/run/sockaudit.lock"

    private enum Part: off_t {
        /// Held by the one that changes rules now.
        case turn = 0
        /// Shared by all that need auditing on.
        case presence = 1
    }

    private var fd: Int32 = -1

    deinit { end() }

    /// Waits until no other is changing rules. One that is stopped in the middle holds nobody up for good:
    /// after three seconds it goes on all the same.
    mutating func enter() {
        for _ in 0..<300 {
            if fd < 0 {
                // C reads the path during the call alone.
                fd = unsafe open(Self.path, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o600)
                if fd < 0 { return }
            }
            if lock(.turn, F_WRLCK) {
                if isCurrent { return }
                // Another that left has taken the file away while we waited.
                close(fd)
                fd = -1
            } else {
                usleep(10_000)
            }
        }
    }

    /// Tells the others, until ``leave()``, that auditing is needed.
    func stay() { _ = lock(.presence, F_RDLCK) }

    /// Others need auditing on. To be asked while it is our turn.
    var areThere: Bool {
        var other = request(.presence, F_WRLCK)
        // C fills it in during the call alone.
        guard fd >= 0, unsafe fcntl(fd, F_GETLK, &other) == 0 else { return false }
        return other.l_type != Int16(F_UNLCK)
    }

    /// The next may change rules; we stay.
    func endTurn() { _ = lock(.turn, F_UNLCK) }

    /// Ends turn and presence.
    mutating func leave() {
        end()
        fd = -1
    }

    private func end() {
        guard fd >= 0 else { return }
        // C reads the path during the call alone.
        if isCurrent && lock(.turn, F_WRLCK) && !areThere { unsafe unlink(Self.path) }
        close(fd)
    }

    private func lock(_ part: Part, _ type: Int32) -> Bool {
        var wanted = request(part, type)
        // C reads it during the call alone.
        return unsafe fd >= 0 && fcntl(fd, F_SETLK, &wanted) == 0
    }

    private func request(_ part: Part, _ type: Int32) -> flock {
        var wanted = flock()
        wanted.l_type = Int16(type)
        wanted.l_whence = Int16(SEEK_SET)
        wanted.l_start = part.rawValue
        wanted.l_len = 1
        return wanted
    }

    /// The file that we have open is the one that others open.
    private var isCurrent: Bool {
        var ours = stat()
        var theirs = stat()
        // C fills them in during the calls alone.
        return unsafe fstat(fd, &ours) == 0 && lstat(Self.path, &theirs) == 0
            && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev
    }
}
