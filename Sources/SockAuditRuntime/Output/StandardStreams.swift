import Glibc

/// Standard input, output and error.
public enum StandardStreams {
    /// Opens those that we were started without (`>&-`, some init systems): the next descriptor that is
    /// made would get such a number, and the tables would go into a socket of ours.
    public static func open() {
        var fd: Int32
        repeat { fd = unsafe Glibc.open("/dev/null", O_RDWR) } while fd >= 0 && fd <= STDERR_FILENO
        if fd >= 0 { close(fd) }
    }
}
