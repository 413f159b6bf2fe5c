import Foundation
import Glibc

/// What a test could not do that is not its subject.
public struct SupportError: Error, CustomStringConvertible {
    public let description: String
    public init(_ text: String) { description = text }
}

/// A folder of its own that goes away with the test. Others may look into it: an audit daemon, or a program that
/// runs as another user.
public final class Scratch {
    public let path: String

    public init() throws {
        let path = FileManager.default.temporaryDirectory.path + "/sockaudit-test-\(UUID().uuidString)"
        // C reads the text during the call alone.
        guard unsafe mkdir(path, 0o755) == 0 else { throw SupportError("mkdir \(path): \(errno)") }
        unsafe chmod(path, 0o755)
        self.path = path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func file(_ name: String) -> String { "\(path)/\(name)" }

    public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    @discardableResult
    public func write(_ name: String, _ data: Data, mode: mode_t = 0o644) throws -> String {
        try data.write(to: URL(fileURLWithPath: file(name)))
        // C reads the text during the call alone.
        unsafe chmod(file(name), mode)
        return file(name)
    }

    @discardableResult
    public func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        try write(name, Data(text.utf8), mode: mode)
    }

    @discardableResult
    public func write(_ name: String, _ lines: [String]) throws -> String {
        try write(name, lines.map { $0 + "\n" }.joined())
    }

    public func read(_ name: String) throws -> String {
        try String(contentsOfFile: file(name), encoding: .utf8)
    }

    /// Compresses a file in place; it gets the ending .gz.
    public func gzip(_ name: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-f", file(name)]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw SupportError("gzip \(name)") }
        return file(name) + ".gz"
    }
}

/// Waits for a condition, never for a time.
public func eventually(
    _ what: @autoclosure () throws -> String, within seconds: Double = 60, _ condition: () throws -> Bool
) throws {
    let limit = Date().addingTimeInterval(seconds)
    while try !condition() {
        if Date() > limit { throw SupportError("not within \(Int(seconds)) s: \(try what())") }
        usleep(20_000)
    }
}
