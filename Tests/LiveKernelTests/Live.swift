import Foundation
import Glibc
import TestSupport
import Testing

/// Everything that needs the kernel's audit subsystem: there is one a host, so one test at a time.
@Suite(
    .serialized, .enabled(if: Host.canRun, "\(Host.reasonNotToRun ?? "")"), KeepsAuditState(), PrintsSummary()
)
enum Live {}

/// A skipped live test must not look like a passed one where tests are run for real.
@Test func liveTestsCanRunInCI() {
    if let reason = Host.reasonNotToRun, Host.isCI { Issue.record("live tests cannot run: \(reason)") }
}

/// What this host has.
enum Host {
    static let isCI = ProcessInfo.processInfo.environment["CI"] == "true"
    static let repository = Repository.path
    static let sockaudit =
        ProcessInfo.processInfo.environment["SOCKAUDIT_BIN"] ?? repository + "/.build/release/sockaudit"
    static let workloads =
        ProcessInfo.processInfo.environment["SOCKAUDIT_WORKLOADS"] ?? repository + "/.build/workloads"

    /// The rules that `sockaudit rules` prints, as auditctl takes them.
    static func printedRules(_ words: [String] = ["all"], of program: String = sockaudit) throws -> [String] {
        let printed = try run(program, ["rules"] + words)
        #expect(printed.code == 0, "\(printed.err)")
        return printed.out.split(separator: "\n").map(String.init).filter { $0.hasPrefix("-a ") }
    }

    static var canRun: Bool { reasonNotToRun == nil }

    /// Looked for once, and said once.
    static let reasonNotToRun: String? = {
        let reason = findReason()
        if let reason { Skips.note(reason) }
        return reason
    }()

    private static func findReason() -> String? {
        guard geteuid() == 0 else { return "not root" }
        guard Tool.find("auditctl") != nil else { return "auditctl is missing (package auditd)" }
        // C reads the path during the call alone.
        guard unsafe access(sockaudit, X_OK) == 0 else { return "\(sockaudit) is missing (make build)" }
        do {
            let state = try AuditState.read()
            if state.settings["enabled"] == "2" { return "the audit rules are locked (auditctl -e 2)" }
            if state.settings["failure"] == "2" {
                return "the kernel would panic on a lost record (auditctl -f 2)"
            }
        } catch { return "audit is not usable: \(error)" }
        return buildWorkloads()
    }

    private static func buildWorkloads() -> String? {
        // C reads the path during the call alone.
        if unsafe access(workloads + "/chaos", X_OK) == 0 { return nil }
        do {
            let made = try run("sh", [repository + "/Tests/Workloads/build.sh", workloads], within: 300)
            return made.code == 0 ? nil : "the workloads cannot be built: \(made.err)"
        } catch { return "the workloads cannot be built: \(error)" }
    }

    static func workload(_ name: String) -> String { workloads + "/" + name }
}

enum Tool {
    static func find(_ name: String) -> String? {
        if name.contains("/") { return name }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        // The bytes stay for the call.
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
    }

    /// The interpreter itself: a version manager's shim would be a shell first.
    static let python: String =
        unsafe access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : (find("python3") ?? "python3")
}

/// What was not tested, printed and counted.
final class Skips: @unchecked Sendable {
    static let shared = Skips()
    private let lock = NSLock()
    private var reasons: [String] = []

    static func note(_ reason: String) {
        print("SKIP live: \(reason)")
        shared.lock.withLock { shared.reasons.append(reason) }
    }

    /// Leaves a test that cannot run here. Where tests are run for real that is a failure, unless what is
    /// missing is something that a host may well do without.
    static func skip(_ reason: String, optional: Bool = false) throws -> Never {
        note(reason)
        if Host.isCI && !optional { throw SupportError("skipped in CI: \(reason)") }
        try Test.cancel("\(reason)")
    }

    /// Programs that a test drives (`make deps-test` installs them).
    static func need(_ tools: String...) throws {
        for tool in tools where Tool.find(tool) == nil { try skip("\(tool) is missing") }
    }

    /// Tests of more than some twenty seconds run where they are asked for (`make test-slow`).
    static func unlessSlow() throws {
        if ProcessInfo.processInfo.environment["SOCKAUDIT_SLOW"] == "1" { return }
        try skip("slow: SOCKAUDIT_SLOW=1 runs it", optional: true)
    }

    static var all: [String] { shared.lock.withLock { shared.reasons } }
}

/// Two copies of these tests on one host would take each other's rules for leftovers: one waits.
struct HostLock {
    static let path = "/run/lock/sockaudit-live-tests"
    private let descriptor: Int32

    init() throws {
        // C reads the path during the call alone.
        descriptor = unsafe open(Self.path, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SupportError("\(Self.path): \(errno)") }
        let handle = descriptor
        if flock(handle, LOCK_EX | LOCK_NB) == 0 { return }
        print("live: waiting for other live tests on this host")
        do {
            try eventually("other live tests on this host end", within: 1_800) {
                flock(handle, LOCK_EX | LOCK_NB) == 0
            }
        } catch {
            close(handle)
            throw error
        }
    }

    func release() { close(descriptor) }
}

/// Counts tests, and ends with one line.
struct PrintsSummary: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let lock = try HostLock()
        defer { lock.release() }
        let begin = Date()
        do {
            try await function()
            Self.say(begin)
        } catch {
            Self.say(begin)
            throw error
        }
    }

    private static func say(_ begin: Date) {
        let (tests, processes) = (Ran.shared.tests, Children.shared.started)
        let skips = Skips.all
        print(
            "live: \(tests) test cases, \(Ran.shared.compared) processes compared, \(processes) children started,"
                + " \(skips.count) skips, \(Int(Date().timeIntervalSince(begin))) s")
        for skip in skips { print("live: skipped: \(skip)") }
    }
}

// Unchecked: both counts are under the lock.
final class Ran: @unchecked Sendable {
    static let shared = Ran()
    private let lock = NSLock()
    private var testCount = 0
    private var compareCount = 0
    func test() { lock.withLock { testCount += 1 } }
    func compare() { lock.withLock { compareCount += 1 } }
    var tests: Int { lock.withLock { testCount } }
    var compared: Int { lock.withLock { compareCount } }
}

/// Each test leaves the kernel as it found it; where it did not, that is a failure and is put right.
struct KeepsAuditState: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        Ran.shared.test()
        try AuditState.forgetDeadReader()
        let before = try AuditState.read()
        var failure: (any Error)?
        do { try await function() } catch { failure = error }
        Children.shared.endAll()
        let after = try AuditState.read()
        let changes = before.changes(to: after)
        if !changes.isEmpty {
            Issue.record(
                "\(test.name) leaves the audit subsystem changed: \(changes.joined(separator: "; "))")
            before.restore(from: after)
        }
        if let failure { throw failure }
    }
}
