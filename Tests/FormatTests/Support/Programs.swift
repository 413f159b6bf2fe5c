import Foundation
import Glibc
import TestSupport
import Testing

/// Programs that a test drives (`make deps-test` installs them).
enum Tool {
    static func find(_ name: String) -> String? {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        // The bytes stay for the call.
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
    }

    /// Leaves the test where one is missing; where tests are run for real that is a failure.
    static func need(_ name: String) throws -> String {
        if let path = find(name) { return path }
        try skip("\(name) is missing (make deps-test)")
    }

    static func skip(_ reason: String) throws -> Never {
        print("SKIP formats: \(reason)")
        if ProcessInfo.processInfo.environment["CI"] == "true" {
            throw SupportError("skipped in CI: \(reason)")
        }
        try Test.cancel("\(reason)")
    }

    /// Debian's own interpreter: it has Debian's packages.
    static let python = "/usr/bin/python3"
}

extension Scratch {
    /// The last table of a JSON report: lines of the report itself stand around it.
    func table(_ name: String) throws -> String {
        let lines = try read(name).split(separator: "\n")
        guard let line = lines.last(where: { $0.hasPrefix("{\"schema\":\"sockaudit.table/1\",") }) else {
            throw SupportError("no table in \(name)")
        }
        return String(line)
    }
}

extension Repository {
    /// Pictures for people to look at; out of git.
    static let screenshots = path + "/.build/screenshots"
}

struct Ran {
    let code: Int32
    let out: String
    let err: String
}

/// Runs a program to its end; one that hangs is ended after `seconds`, and the test fails.
@discardableResult
func run(
    _ program: String, _ arguments: [String], in folder: String? = nil, input: String? = nil,
    seconds: Int = 120
) throws -> Ran {
    let scratch = try Scratch()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["-k", "5", "\(seconds)", program] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    let (out, err) = (try scratch.write("out", ""), try scratch.write("err", ""))
    process.standardOutput = FileHandle(forWritingAtPath: out)
    process.standardError = FileHandle(forWritingAtPath: err)
    process.standardInput =
        try input.map { FileHandle(forReadingAtPath: try scratch.write("in", $0)) } ?? FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard ![124, 137].contains(process.terminationStatus) else {
        throw SupportError("\(program) hangs: \(try scratch.read("err"))")
    }
    return Ran(code: process.terminationStatus, out: try scratch.read("out"), err: try scratch.read("err"))
}
