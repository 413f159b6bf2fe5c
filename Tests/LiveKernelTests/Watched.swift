import Foundation
import Glibc
import TestSupport
import Testing

/// A running sockaudit whose rules are in.
final class Watched {
    /// How it ended and what it said.
    struct Run {
        var code: Int32
        var tables: [Table]
        var err: String
        var last: Table

        /// 4 when some table was in doubt, else 0.
        var expectedCode: Int32 {
            tables.contains { $0.verdict == "lossy" || $0.verdict == "partial" } ? 4 : 0
        }
    }

    let child: Child
    /// The line that says that it watches.
    let line: String

    /// Without an interval of its own it makes one table, at the end. It ends by itself at last, also
    /// when the tests are killed.
    ///
    /// - Parameter wrapper: a command that ends by becoming sockaudit (unshare, setpriv, prlimit ...).
    init(
        _ names: String..., options: [String] = [], wrapper: [String] = [], env: [String: String] = [:],
        stdout: Int32? = nil
    ) throws {
        var arguments = names.isEmpty ? ["all"] : names
        arguments += options
        if !options.contains("--interval") { arguments += ["--interval", "3600"] }
        if !options.contains("--format") { arguments += ["--format", "json"] }
        if !options.contains("--duration") { arguments += ["--duration", "900"] }
        let words = wrapper + [Host.sockaudit] + arguments
        child = try Child(words[0], Array(words.dropFirst()), env: env, stdout: stdout)
        child.closeInput()
        line = try child.errLine("sockaudit: watching")
    }

    /// Where a test failed: so that sockaudit takes its rules out, and the failure is the only one.
    deinit {
        child.signal(SIGTERM)
        _ = try? child.wait(30)
    }

    var pid: pid_t { child.pid }
    /// The process that holds the rules.
    var keeper: pid_t {
        get throws {
            guard let keeper = Proc.children(pid).first(where: { Proc.comm($0) == "sockaudit-guard" }) else {
                throw SupportError("sockaudit \(pid) has no keeper")
            }
            return keeper
        }
    }
    /// So that its rules stay, and auditing on.
    func killKeeper(location: SourceLocation = #_sourceLocation) throws {
        kill(try keeper, SIGKILL)
        #expect(try child.wait() == 2, sourceLocation: location)
    }

    var tables: [Table] { get throws { try child.outLines.map(Table.parse) } }

    func waitTables(_ count: Int) throws {
        try eventually("\(count) tables", within: 120) {
            if child.poll() != nil { throw SupportError("sockaudit ended: \(child.err)") }
            return child.outLines.count >= count
        }
    }

    /// Codes that say that records were lost.
    static let losses: Set = ["kernel_lost", "stream_overrun", "missing_serials"]

    /// Asks it to end and reads all that it wrote.
    func stop(
        _ signal: Int32 = SIGINT, losing: Set<String> = [], location: SourceLocation = #_sourceLocation
    ) throws -> Run {
        child.signal(signal)
        return try ended(losing: losing, location: location)
    }

    /// Waits for an end that comes by itself; every table must add up, and only the last be final.
    ///
    /// - Parameter losing: the losses that the test brings about: these must be said, and no others.
    func ended(
        within seconds: Double = 120, losing: Set<String> = [], location: SourceLocation = #_sourceLocation
    ) throws -> Run {
        let code = try child.wait(seconds)
        let tables = try self.tables
        guard let last = tables.last else {
            throw SupportError("no table at the end (\(code)): \(child.err)")
        }
        for table in tables { table.checkSums(location) }
        #expect(tables.map(\.final) == tables.map { $0.sequence == last.sequence }, sourceLocation: location)
        #expect(tables.map(\.sequence) == Array(1...tables.count), sourceLocation: location)
        let run = Run(code: code, tables: tables, err: child.err, last: last)
        #expect(code == run.expectedCode, "\(last.doubt) \(child.err)", sourceLocation: location)
        let lost = last.codes.intersection(Self.losses)
        #expect(lost == losing, "\(last.doubt)", sourceLocation: location)
        return run
    }
}

/// A workload that says what it holds and then waits for its standard input to be closed.
final class Holder {
    let child: Child
    let truth: Truth

    init(_ program: String, _ arguments: [String] = []) throws {
        child = try Child(program, arguments)
        truth = try Truth.parse(try child.outLine("{", within: 120))
    }

    func end() throws {
        child.closeInput()
        #expect(try child.wait() == 0)
    }
}

/// The workload `counter`: its figures are known beforehand.
final class Counter {
    let child: Child
    let account: Account
    var pid: pid_t { child.pid }

    init(
        _ program: String = Host.workload("counter"), tcp: Int, udp: Int, unix: Int, permille: Int = 500
    ) throws {
        child = try Child(
            program,
            [
                "--tcp", "\(tcp)", "--udp", "\(udp)", "--unix", "\(unix)", "--close", "\(permille)", "--hold",
                "600",
            ])
        _ = try child.outLine("ready ")
        let made = Figure(tcp: tcp, udp: udp, other: unix)
        let closed = Figure(
            tcp: tcp * permille / 1_000, udp: udp * permille / 1_000, other: unix * permille / 1_000)
        let held = Figure(tcp: tcp - closed.tcp, udp: udp - closed.udp, other: unix - closed.other)
        account = Account(socket: made, close: closed, open: held)
    }

    func kill() throws {
        child.signal(SIGKILL)
        #expect(try child.wait() == 128 + SIGKILL)
    }
}
