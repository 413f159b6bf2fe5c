import Foundation
import Glibc
import TestSupport
import Testing

/// A program that a test looks at: started as it is, or under strace, which then counts what it and all
/// that it starts do with sockets.
final class Subject {
    let child: Child
    /// The program itself; `child` is strace where there is one.
    let pid: pid_t
    private let folder: Scratch
    private let log: String?

    private static let figures = Host.repository + "/Tests/Workloads/strace_figures.py"

    init(_ program: String, _ arguments: [String], env: [String: String] = [:], traced: Bool = false) throws {
        folder = try Scratch()
        guard traced else {
            child = try Child(program, arguments, env: env)
            (pid, log) = (child.pid, nil)
            return
        }
        guard let path = Tool.find(program) else { throw SupportError("\(program) is not installed") }
        let calls = try run(Tool.python, [Self.figures, "--calls"]).out.trimmingCharacters(in: .newlines)
        let log = folder.file("strace")
        let child = try Child(
            "strace", ["-f", "-q", "-s", "2", "-o", log, "-e", "trace=\(calls)", path] + arguments, env: env)
        var first: pid_t?
        try eventually("strace starts \(program): \(child.err)") {
            let ended = child.poll() != nil
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            first = text.split(separator: "\n").first { $0.contains(" execve(") }
                .flatMap { $0.split(separator: " ").first }.flatMap { pid_t($0) }
            if first == nil && ended { throw SupportError("strace ended: \(child.err)") }
            return first != nil
        }
        (self.child, pid, self.log) = (child, first ?? 0, log)
    }

    /// To the program; strace ends with it and with all that it started.
    func signal(_ number: Int32) { if child.poll() == nil { kill(pid, number) } }

    /// What strace has seen until now: every process, the program first.
    func truths() throws -> [Truth] {
        guard let log else { throw SupportError("pid \(pid) is not traced") }
        let told = try run(Tool.python, [Self.figures, log])
        guard told.code == 0 else {
            let kept = "/tmp/sockaudit-live-strace.\(pid)"
            try? FileManager.default.copyItem(atPath: log, toPath: kept)
            throw SupportError("the log of strace, kept as \(kept): \(told.err)")
        }
        return try told.out.split(separator: "\n").map { try Truth.parse(String($0)) }
    }
}

extension Truth {
    var hasEnded: Bool { phase == "end" }
    var usedSockets: Bool { socket.total > 0 || (others ?? [:]).values.contains { $0.opened > 0 } }
}

/// Demands that a table says of every process what strace says: the five figures, and the sockets that
/// accept and socketpair gave.
func expect(
    _ table: Table, agreesWith truths: [Truth], location: SourceLocation = #_sourceLocation
) {
    for truth in truths {
        // One that never had a socket need not have a row.
        if !truth.usedSockets && table.rows(pid: truth.pid).isEmpty { continue }
        expect(
            table, truth.pid, is: truth.account, state: truth.hasEnded ? "exited" : "running",
            location: location)
        guard let row = table.rows(pid: truth.pid).first else { continue }
        #expect(row.drift == 0, "\(row.name) \(row.pid), \(table.doubt)", sourceLocation: location)
        for (origin, count) in truth.others ?? [:] {
            #expect(
                row.others[origin] == count, "\(row.name) \(row.pid): \(origin)", sourceLocation: location)
        }
    }
}

/// Compares a table that was taken while the programs hold still, then has them end and compares the last.
/// - Parameter least: how many processes must have used sockets, so that a log that says nothing fails.
func compareHeldAndEnded(
    _ watched: Watched, _ subjects: [Subject], least: Int, location: SourceLocation = #_sourceLocation,
    end: () throws -> Void
) throws {
    // The first of the two may have been under way before they held still.
    try watched.waitTables(watched.child.outLines.count + 2)
    guard let table = try watched.tables.last else { throw SupportError("no table") }
    for subject in subjects {
        let truths = try subject.truths()
        expect(table, agreesWith: truths, location: location)
        for truth in truths where !truth.hasEnded {
            guard let row = table.rows(pid: truth.pid).first else { continue }
            #expect(
                row.sockets == Proc.sockets(truth.pid), "\(row.name) \(row.pid) against /proc",
                sourceLocation: location)
        }
        #expect(truths.contains { !$0.hasEnded && $0.usedSockets }, sourceLocation: location)
    }
    try end()
    let last = try watched.stop(location: location).last
    let truths = try subjects.flatMap { try $0.truths() }
    expect(last, agreesWith: truths, location: location)
    let ended = truths.count { $0.hasEnded }
    let counted = truths.count { $0.usedSockets }
    #expect(ended == truths.count, sourceLocation: location)
    #expect(counted >= least, sourceLocation: location)
}
