import CAudit
import Glibc

/// How a terminal was before somebody else took it over who may be killed: termios(3).
public struct TerminalMemory: Sendable {
    private let descriptor: Int32
    private var before: termios?

    /// - Parameter descriptor: of a terminal, or of anything else: then nothing is remembered.
    public init(of descriptor: Int32) {
        self.descriptor = descriptor
        var now = termios()
        // C fills the settings that it is given.
        if unsafe tcgetattr(descriptor, &now) == 0 { before = now }
    }

    /// It is a terminal.
    public var isTerminal: Bool { before != nil }

    /// Puts it back, where it is as ``RawTerminal/enter()`` left it: a shell may have it by now, and keeps it in a
    /// way of its own.
    public func restore() {
        guard var old = before else { return }
        var now = termios()
        // C fills, and reads, the settings that it is given.
        guard unsafe tcgetattr(descriptor, &now) == 0,
            now.c_lflag == old.c_lflag & ~RawTerminal.taken, now.c_iflag == old.c_iflag
        else { return }
        // And reads those.
        unsafe tcsetattr(descriptor, TCSANOW, &old)
    }
}
