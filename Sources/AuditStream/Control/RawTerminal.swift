import CAudit
import Glibc

/// A terminal that keys are read from and a screen is drawn on: its one owner, who puts it back as it was,
/// whatever happens.
///
/// Keys come as they are pressed and are not echoed; Ctrl-C, Ctrl-Z and Ctrl-\ stay signals, and newlines stay
/// what they are. Sources: termios(3), tty_ioctl(4), credentials(7).
public struct RawTerminal: ~Copyable {
    /// Where keys come from; -1 where that is no terminal.
    private let keyboard: Int32
    private var before: termios?

    public init() {
        keyboard = isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : -1
        // Whoever reads a terminal, or changes it, while another job has it is stopped, with our rules in.
        signal(SIGTTIN, SIG_IGN)
        signal(SIGTTOU, SIG_IGN)
    }

    /// Somebody can press keys.
    public var hasKeyboard: Bool { keyboard >= 0 }

    /// To poll for keys; -1 while they are not for us.
    public var polled: Int32 { before != nil ? keyboard : -1 }

    /// The terminal is ours, not another job's.
    public static var isForeground: Bool {
        let owner = tcgetpgrp(STDOUT_FILENO)
        // Of a terminal that is not our controlling one nobody can tell.
        return owner < 0 || owner == getpgrp()
    }

    /// Takes it over. Again after somebody else may have changed it.
    public mutating func enter() {
        guard keyboard >= 0 else { return }
        var now = termios()
        guard tcgetattr(keyboard, &now) == 0 else { return }
        if before == nil { before = now }
        now.c_lflag &= ~tcflag_t(ICANON | ECHO)
        // A read gives what there is, and never waits.
        Self.set(&now, VMIN, 0)
        Self.set(&now, VTIME, 0)
        tcsetattr(keyboard, TCSANOW, &now)
    }

    /// Puts it back. Never waits for what has been written: that may be for ever.
    public mutating func leave() {
        guard var old = before else { return }
        before = nil
        tcsetattr(keyboard, TCSANOW, &old)
    }

    deinit {
        guard var old = before else { return }
        tcsetattr(keyboard, TCSANOW, &old)
    }

    /// What was pressed, without waiting.
    public func read() -> [UInt8] {
        guard polled >= 0, Self.isForeground else { return [] }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = SystemText.retrying { Glibc.read(keyboard, &bytes, bytes.count) }
        return Array(bytes.prefix(max(0, count)))
    }

    private static func set(_ settings: inout termios, _ index: Int32, _ value: cc_t) {
        // An array of C, which Swift sees as a tuple.
        withUnsafeMutableBytes(of: &settings.c_cc) { $0[Int(index)] = value }
    }

    /// The terminal that a descriptor leads to, opened once more so that writing to it never waits: set on the
    /// descriptor itself that would hold for everyone who shares it, the shell too.
    ///
    /// - Returns: nil where it is no terminal, or is not ours to open.
    public static func opened(_ descriptor: Int32) -> Int32? {
        guard isatty(descriptor) == 1 else { return nil }
        let fd = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        return fd >= 0 ? fd : nil
    }
}
