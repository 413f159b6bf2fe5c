import Foundation
import Glibc
import TestSupport

/// A pipe that no child inherits.
struct Pipe {
    let reader: Int32
    let writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        // Two descriptors are written, and there is room for two.
        guard unsafe pipe(&ends) == 0 else { throw SupportError("pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reader, writer) = (ends[0], ends[1])
    }
}

/// Whoever started the tests may have left sockets open in them: they are none of a workload's.
func keepDescriptorsToOurselves() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for fd in names.compactMap({ Int32($0) }) where fd > 2 { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
}

/// The processes that the tests started and that have not been reaped.
final class Children: @unchecked Sendable {
    static let shared = Children()
    private let lock = NSLock()
    private var living: Set<pid_t> = []
    private var count = 0

    func add(_ pid: pid_t) {
        lock.withLock {
            living.insert(pid)
            count += 1
        }
    }
    func remove(_ pid: pid_t) { lock.withLock { _ = living.remove(pid) } }
    func contains(_ pid: pid_t) -> Bool { lock.withLock { living.contains(pid) } }
    var started: Int { lock.withLock { count } }

    /// Ends what a failed test has left: asked first, so that sockaudit can tidy up.
    func endAll() {
        for pid in lock.withLock({ living }) {
            kill(pid, SIGTERM)
            var status: Int32 = 0
            // C fills the status.
            for turn in 0..<1_000 where unsafe waitpid(pid, &status, WNOHANG) == 0 {
                if turn == 900 { kill(pid, SIGKILL) }
                usleep(10_000)
            }
            remove(pid)
        }
    }
}

/// One child process. Its output goes to files, so that it never waits for us to read.
final class Child {
    let pid: pid_t
    let name: String
    let outPath: String
    let errPath: String
    private let scratch: Scratch
    private var input: Int32
    private(set) var code: Int32?

    /// - Parameter stdout: where standard output goes instead of the file.
    init(
        _ program: String, _ arguments: [String], env extra: [String: String] = [:], stdout: Int32? = nil
    ) throws {
        guard let path = Tool.find(program) else { throw SupportError("\(program) is not installed") }
        scratch = try Scratch()
        name = path
        outPath = scratch.file("out")
        errPath = scratch.file("err")
        let pipe = try Pipe()
        defer { close(pipe.reader) }
        input = pipe.writer
        // Made, used and freed here.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, pipe.reader, 0)
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        if let stdout {
            // Made, used and freed here.
            unsafe posix_spawn_file_actions_adddup2(&actions, stdout, 1)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 1, outPath, flags, 0o644)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 2, errPath, flags, 0o644)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        // C fills the set that it is given.
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let environment = ProcessInfo.processInfo.environment.merging(extra) { $1 }
        var argv: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) }
        var envp: [UnsafeMutablePointer<CChar>?] = unsafe environment.map {
            unsafe strdup("\($0.key)=\($0.value)")
        }
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        unsafe argv.append(nil)
        unsafe envp.append(nil)
        keepDescriptorsToOurselves()
        var child: pid_t = 0
        // Made, used and freed here.
        let failed = unsafe posix_spawn(&child, path, &actions, &attributes, argv, envp)
        pid = child
        guard failed == 0 else {
            close(pipe.writer)
            input = -1
            code = 127
            // A C string, read at once.
            throw SupportError(unsafe "\(path): \(String(cString: strerror(failed)))")
        }
        Children.shared.add(pid)
    }

    deinit {
        closeInput()
        if poll() == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            // C fills the status.
            unsafe waitpid(pid, &status, 0)
            Children.shared.remove(pid)
        }
    }

    /// The exit code, 128 + signal for one that was killed, or nil while it runs.
    @discardableResult
    func poll() -> Int32? {
        if code != nil { return code }
        var status: Int32 = 0
        // C fills the status.
        let answer = unsafe waitpid(pid, &status, WNOHANG)
        if answer == 0 { return nil }
        // Somebody else reaped it: endAll.
        code = answer < 0 ? 255 : (status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F))
        Children.shared.remove(pid)
        return code
    }

    func wait(_ seconds: Double = 60) throws -> Int32 {
        let limit = Date().addingTimeInterval(seconds)
        while true {
            if let code = poll() { return code }
            if Date() > limit {
                kill(pid, SIGKILL)
                throw SupportError(
                    "\(name) (pid \(pid)) had not ended after \(Int(seconds)) s: \(err.suffix(500))")
            }
            usleep(5_000)
        }
    }

    func signal(_ number: Int32) { if poll() == nil { kill(pid, number) } }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func send(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        // No more than the buffer holds.
        guard unsafe Glibc.write(input, bytes, bytes.count) == bytes.count else {
            throw SupportError("\(name) does not listen")
        }
    }

    var out: String { Self.text(outPath) }
    var err: String { Self.text(errPath) }

    /// Complete lines only: the last one may still be on its way.
    var outLines: [String] { Self.lines(out) }
    var errLines: [String] { Self.lines(err) }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    private static func lines(_ text: String) -> [String] {
        // By scalars: to Swift the \r\n that sshd writes is one character, and not \n.
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String(String.UnicodeScalarView($0)) }
        lines.removeLast()
        return lines
    }

    /// Waits for a line of standard output that begins so.
    func outLine(_ prefix: String, within seconds: Double = 60) throws -> String {
        try line(prefix, seconds) { outLines }
    }
    func errLine(_ prefix: String, within seconds: Double = 60) throws -> String {
        try line(prefix, seconds) { errLines }
    }

    private func line(_ prefix: String, _ seconds: Double, _ lines: () -> [String]) throws -> String {
        var found: String?
        try eventually("\(name) says '\(prefix)'; it says: \(err.suffix(500))", within: seconds) {
            let ended = poll() != nil
            found = lines().first { $0.hasPrefix(prefix) }
            if found == nil && ended {
                throw SupportError("\(name) ended (\(code ?? -1)) without '\(prefix)': \(err.suffix(1_000))")
            }
            return found != nil
        }
        return found ?? ""
    }
}

struct Finished {
    var code: Int32
    var out: String
    var err: String
}

/// Runs a program to its end.
func run(
    _ program: String, _ arguments: [String], env: [String: String] = [:], within seconds: Double = 60
) throws -> Finished {
    let child = try Child(program, arguments, env: env)
    child.closeInput()
    let code = try child.wait(seconds)
    return Finished(code: code, out: child.out, err: child.err)
}
