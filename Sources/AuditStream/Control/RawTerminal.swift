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

    /// To be made while descriptors can be opened.
    public init() {
        keyboard = Self.opened(STDIN_FILENO, O_RDONLY) ?? -1
        _ = Self.group
        // Whoever reads a terminal, or changes it, while another job has it is stopped, with our rules in.
        signal(SIGTTIN, SIG_IGN)
        signal(SIGTTOU, SIG_IGN)
    }

    /// Somebody can press keys.
    public var hasKeyboard: Bool { keyboard >= 0 }

    /// To poll for keys; -1 while they are not for us.
    public var polled: Int32 { before != nil ? keyboard : -1 }

    private static let group = getpgrp()

    /// The terminal is ours, not another job's.
    public static var isForeground: Bool {
        let owner = tcgetpgrp(STDOUT_FILENO)
        // Of a terminal that is not our controlling one nobody can tell.
        return owner < 0 || owner == group
    }

    /// What keys are not to have: to wait for a whole line, and to be shown.
    static let taken = tcflag_t(ICANON | ECHO)

    /// Takes it over. Again after somebody else may have changed it.
    public mutating func enter() {
        guard keyboard >= 0 else { return }
        var now = termios()
        // C reads and fills the settings that it is given, here and below.
        guard unsafe tcgetattr(keyboard, &now) == 0 else { return }
        if before == nil { before = now }
        now.c_lflag &= ~Self.taken
        // Not fewer: who reads after we were stopped would take nothing for the end of its input, as a shell does.
        Self.set(&now, VMIN, 1)
        Self.set(&now, VTIME, 0)
        unsafe tcsetattr(keyboard, TCSANOW, &now)
    }

    /// Puts it back. Never waits for what has been written: that may be for ever.
    public mutating func leave() {
        guard var old = before else { return }
        before = nil
        // C reads the settings that it is given.
        unsafe tcsetattr(keyboard, TCSANOW, &old)
    }

    deinit {
        // C reads the settings that it is given.
        if var old = before { unsafe tcsetattr(keyboard, TCSANOW, &old) }
        if keyboard >= 0 { close(keyboard) }
    }

    /// What was pressed, without waiting.
    public func read() -> [UInt8] {
        guard polled >= 0, Self.isForeground else { return [] }
        var bytes = [UInt8](repeating: 0, count: 256)
        // No more than the size of what is filled.
        let count = SystemText.retrying { unsafe Glibc.read(keyboard, &bytes, bytes.count) }
        return Array(bytes.prefix(max(0, count)))
    }

    private static func set(_ settings: inout termios, _ index: Int32, _ value: cc_t) {
        // An array of C, which Swift sees as a tuple.
        unsafe withUnsafeMutableBytes(of: &settings.c_cc) { unsafe $0[Int(index)] = value }
    }

    /// The terminal that a descriptor leads to, opened once more so that reading and writing never wait: set on
    /// the descriptor itself that would hold for everyone who shares it, the shell too.
    ///
    /// - Returns: nil where it is no terminal, or is not ours to open.
    public static func opened(_ descriptor: Int32, _ mode: Int32 = O_WRONLY) -> Int32? {
        guard isatty(descriptor) == 1 else { return nil }
        let fd = unsafe open("/proc/self/fd/\(descriptor)", mode | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        return fd >= 0 ? fd : nil
    }
}
