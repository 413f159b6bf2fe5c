import Foundation
import Glibc
import TestSupport
import Testing

/// A terminal with a shell in it, of a size, that keys are sent to and that is looked at.
final class Tmux {
    private static let numbers = Counter()
    private let socket: String
    private let scratch: Scratch

    /// Its lock is held for each access.
    private final class Counter: @unchecked Sendable {
        private let lock = NSLock()
        private var last = 0
        func next() -> Int {
            lock.withLock { () -> Int in
                last += 1; return last
            }
        }
    }

    init(_ columns: Int, _ rows: Int, env: [String: String] = [:]) throws {
        try Skips.need("tmux")
        // A server of its own: whoever runs the tests may have one.
        socket = "sockaudit-test-\(getpid())-\(Self.numbers.next())"
        scratch = try Scratch()
        let variables = ["LC_ALL": "C.UTF-8", "PS1": "prompt: "].merging(env) { $1 }.map {
            "\($0.key)=\($0.value)"
        }
        try tell(
            ["-u", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env", "-u", "NO_COLOR"]
                + variables.sorted() + ["sh"])
        try wait("the shell's prompt") { $0.contains("prompt:") }
    }

    /// What runs in it gets a HUP.
    deinit { close() }

    func close() { _ = try? run("tmux", ["-L", socket, "kill-server"]) }

    @discardableResult
    private func tell(_ words: [String]) throws -> String {
        let answer = try run("tmux", ["-L", socket, "-f", "/dev/null"] + words)
        guard answer.code == 0 else { throw SupportError("tmux \(words): \(answer.err)") }
        return answer.out
    }

    // MARK: what is typed

    /// A command line for the shell; its exit code is there as `code=N` when it has ended.
    func type(_ command: String) throws {
        try tell(["send-keys", "-l", command + "; echo \"code=$?\""])
        try tell(["send-keys", "Enter"])
    }

    /// sockaudit with these words. It ends by itself at last, whatever becomes of the test.
    func watch(_ words: String, after: String = "") throws {
        try type("\(Host.sockaudit) \(words) --duration 600 \(after)")
    }

    /// Keys by their names in tmux.
    func press(_ keys: String...) throws { for key in keys { try tell(["send-keys", key]) } }

    func resize(_ columns: Int, _ rows: Int) throws {
        try tell(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    }

    // MARK: what is seen

    /// - Parameter isStyled: with the sequences of colours and the like.
    func screen(isStyled: Bool = false) throws -> String {
        try tell(["capture-pane", "-p"] + (isStyled ? ["-e"] : []))
    }

    var lines: [String] { get throws { try screen().components(separatedBy: "\n") } }
    /// All that has ever been printed, but for what stood on the other screen.
    var history: String { get throws { try tell(["capture-pane", "-p", "-J", "-S", "-"]) } }

    func value(_ format: String) throws -> String {
        try tell(["display-message", "-p", "#{\(format)}"]).trimmingCharacters(in: .newlines)
    }

    /// The other screen is shown.
    var isAlternate: Bool { get throws { try value("alternate_on") == "1" } }
    var hasCursor: Bool { get throws { try value("cursor_flag") == "1" } }

    /// What `stty -a` says of the terminal, its size aside.
    func settings() throws -> String {
        let path = try value("pane_tty")
        let said = try run("stty", ["-F", path, "-a"]).out
        return said.replacingOccurrences(
            of: "rows [0-9]+; columns [0-9]+", with: "", options: .regularExpression)
    }

    /// The program that the shell has started last.
    func pid() throws -> pid_t {
        let shell = pid_t(try value("pane_pid")) ?? 0
        guard let pid = Proc.children(shell).last else { throw SupportError("the shell has started nothing") }
        return pid
    }

    func wait(_ what: String, _ condition: (String) throws -> Bool) throws {
        var seen = ""
        do {
            try eventually(what) {
                seen = try screen()
                return try condition(seen)
            }
        } catch { throw SupportError("\(error)\n\(seen)") }
    }

    /// Waits for the end, and demands that the terminal is as it was.
    func expectRestored(
        _ settings: String, code: Int? = nil, location: SourceLocation = #_sourceLocation
    ) throws {
        try eventually("it ends: \(try screen())") { try history.contains("\ncode=") }
        #expect(try self.settings() == settings, sourceLocation: location)
        #expect(try !isAlternate && hasCursor, sourceLocation: location)
        let printed = try history
        if let code { #expect(printed.contains("\ncode=\(code)\n"), "\(printed)", sourceLocation: location) }
        // And it takes what is typed, and shows it.
        try type("echo still-$((6 * 7))")
        try wait("the shell answers") { $0.contains("still-$((6") && $0.contains("still-42") }
    }
}
