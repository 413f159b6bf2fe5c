import AuditStream
import Glibc
import SockAuditCore

/// `sockaudit self-test`: the child that does what ``SelfTestWork`` says while somebody watches it.
///
/// Standard output gets `ready`, then, after a byte on standard input, the counts; after a second
/// byte it ends. The end of standard input stands for both: whoever started it is gone.
public enum SelfTestProgram {
    static let ready = "ready"

    public static func run() -> Int32 {
        // A signal for a reader that is gone would look like a fault of the kernel.
        signal(SIGPIPE, SIG_IGN)
        let why = why32()
        guard let start = ProcScanner.stat(getpid())?.startTicks, say("\(ready) pid=\(getpid())"), waited()
        else { return 0 }
        let counts = SelfTestWork.run(pid: getpid(), startTicks: start, why32: why)
        guard say(counts.line) else { return 0 }
        _ = waited()
        return 0
    }

    /// A process of its own, for it ends with SIGSEGV where the kernel takes no 32-bit calls. The
    /// signal is caught, so that neither a core nor a record of it is left.
    public static func probe() -> Int32 {
        signal(SIGSEGV) { _ in _exit(1) }
        return ForeignCalls.call("getpid") > 0 ? 0 : 1
    }

    private static func why32() -> String {
        guard ForeignCalls.mayExist else { return "64-bit programs of this machine have no 32-bit calls" }
        return OwnProgram.takes32BitCalls() == true ? "" : "the kernel takes no 32-bit calls"
    }

    private static func say(_ line: String) -> Bool {
        let bytes = Array((line + "\n").utf8)
        // No more than the buffer holds.
        return unsafe bytes.withUnsafeBytes { buffer in
            SystemText.retrying { unsafe write(STDOUT_FILENO, buffer.baseAddress, buffer.count) }
        } == bytes.count
    }

    private static func waited() -> Bool {
        var byte: UInt8 = 0
        // No more than the buffer holds.
        return SystemText.retrying { unsafe read(STDIN_FILENO, &byte, 1) } == 1
    }
}
