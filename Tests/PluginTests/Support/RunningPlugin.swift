import Foundation
import Glibc
import TestSupport
import Testing

enum Programs {
    // C reads the text during the call alone.
    static var isBuilt: Bool { unsafe access(Repository.sockaudit, X_OK) == 0 }

    struct Answer {
        var code: Int32
        var out: String
        var err: String
    }

    static func run(_ program: String, _ arguments: [String], input: String? = nil) throws -> Answer {
        let process = Process()
        let (out, err) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = out
        process.standardError = err
        process.standardInput =
            try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: $0)) }
            ?? FileHandle.nullDevice
        try process.run()
        let text = out.fileHandleForReading.readDataToEndOfFile()
        let said = err.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Answer(
            code: process.terminationStatus, out: String(decoding: text, as: UTF8.self),
            err: String(decoding: said, as: UTF8.self))
    }
}

/// `sockaudit plugin` with a pipe for auditd.
final class RunningPlugin {
    private let process = Process()
    private let pipe = Pipe()
    private let errors: String

    /// - Parameters:
    ///   - environment: what it gets beside ours.
    ///   - started: what is done before it watches, with its pid.
    init(
        _ arguments: [String], in folder: Scratch, environment: [String: String] = [:],
        started: (pid_t) throws -> Void = { _ in }
    ) throws {
        Glibc.signal(SIGPIPE, SIG_IGN)
        errors = folder.file("stderr-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.executableURL = URL(fileURLWithPath: Repository.sockaudit)
        process.arguments = ["plugin"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
        // The pool's threads, of which this is one, block all signals, and a child would inherit that.
        var (none, ours) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&none)
        unsafe pthread_sigmask(SIG_SETMASK, &none, &ours)
        do {
            defer { unsafe pthread_sigmask(SIG_SETMASK, &ours, nil) }
            try process.run()
        }
        try started(process.processIdentifier)
        try eventually("it watches; \(err)") {
            let isRunning = process.isRunning
            if err.contains("sockaudit: watching") { return true }
            if !isRunning { throw SupportError("it ended: \(err)") }
            return false
        }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var err: String {
        String(decoding: FileManager.default.contents(atPath: errors) ?? Data(), as: UTF8.self)
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// As auditd: does not come back before all is taken.
    func send(_ bytes: [UInt8]) throws {
        let fd = pipe.fileHandleForWriting.fileDescriptor
        var sent = 0
        while sent < bytes.count {
            // The bytes stay for the call.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(
                    fd, UnsafeRawBufferPointer(rebasing: $0[sent...]).baseAddress, $0.count - sent)
            }
            try #require(count > 0, "\(err)")
            sent += count
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func closeInput() { try? pipe.fileHandleForWriting.close() }

    /// - Returns: the exit code.
    func end() throws -> Int32 {
        try eventually("it ends; \(err)") { !process.isRunning }
        return process.terminationStatus
    }
}

/// What a test looks at in a table.
struct PluginTable {
    private let object: [String: Any]

    /// All tables of a report; the last line may be half written.
    static func all(in text: String) -> [PluginTable] {
        text.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let object, object["schema"] as? String == "sockaudit.table/1" else { return nil }
            return PluginTable(object: object)
        }
    }

    private func at(_ keys: String...) -> Int? {
        var value: Any? = object
        for key in keys { value = (value as? [String: Any])?[key] }
        return value as? Int
    }

    var sequence: Int { at("sequence") ?? 0 }
    var isFinal: Bool { object["final"] as? Bool ?? false }
    var verdict: String { object["verdict"] as? String ?? "" }
    var scope: [String] { object["scope"] as? [String] ?? [] }
    var source: String { object["source"] as? String ?? "" }
    var seen: Int { at("events", "seen") ?? -1 }
    var lost: Int { at("events", "lost") ?? -1 }
    var opened: Int { at("totals", "socket_tot", "total") ?? -1 }
    var closed: Int { at("totals", "close_tot", "total") ?? -1 }
    var open: Int { at("totals", "still_open", "total") ?? -1 }
    var rows: Int { (object["rows"] as? [Any])?.count ?? -1 }

    func reason(_ code: String) -> (count: Int, text: String)? {
        let reasons = object["reasons"] as? [[String: Any]] ?? []
        return reasons.first { $0["code"] as? String == code }.map {
            ($0["count"] as? Int ?? -1, $0["text"] as? String ?? "")
        }
    }
}

extension Scratch {
    /// What is in it so far; nothing where it is not there yet.
    func text(_ name: String) -> String { (try? read(name)) ?? "" }
}
