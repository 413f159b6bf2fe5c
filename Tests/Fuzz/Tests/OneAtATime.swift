import Glibc

/// libauparse keeps state of its own outside its parsers, so two of them must not run at once; the
/// product has one thread for them, the tests run in parallel (and this target's beside others').
///
/// A lock on the test program's own file: there is nothing else that all test targets share, and
/// nothing is left behind.
enum OneAtATime {
    static func run<T>(_ body: () throws -> T) rethrows -> T {
        let fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        while flock(fd, LOCK_EX) != 0 && errno == EINTR {}
        defer { close(fd) }
        return try body()
    }
}
