import Foundation
import Glibc
import Testing

extension Live {
    /// Somebody else works on the rules while we run. What then goes unseen must be said, from the next
    /// table to the last: what was missed once is missing in every figure after it.
    @Suite struct RulesChanged {
        @Test func oneOfOursIsTakenOut() throws {
            let before = try AuditState.read()
            let course = try Course()
            let rules = try AuditState.read().rules(of: course.watched.pid)
            let gone = try #require(rules.first { $0.contains("b64 -S close ") }, "\(rules)")
            try AuditState.delete(gone)
            try course.tables(are: "partial", saying: ["rules_changed"])
            // It has not come back by itself.
            #expect(try AuditState.read().rules(of: course.watched.pid) == rules.filter { $0 != gone })
            try course.tables(are: "partial", saying: ["rules_changed"])
            let run = try course.end()
            #expect(run.last.reason("rules_changed")?.count == 1, "\(run.last.doubt)")
            #expect(run.code == 4)
            // That a rule was gone when ours were taken out is no failure, and nothing to speak of.
            #expect(run.err.split(separator: "\n").count == 1, "\(run.err)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        @Test func allRulesAreTakenOutAtOnce() throws {
            let before = try AuditState.read()
            guard before.rules.isEmpty else { try Skips.skip("auditctl -D would take the host's rules") }
            let course = try Course()
            let count = try AuditState.read().rules(of: course.watched.pid).count
            #expect(try run("auditctl", ["-D"]).code == 0)
            try course.tables(are: "partial", saying: ["rules_changed"])
            #expect(try AuditState.read().rules.isEmpty)
            try course.tables(are: "partial", saying: ["rules_changed"])
            let run = try course.end()
            #expect(run.last.reason("rules_changed")?.count == count, "\(run.last.doubt)")
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// When the table is made nothing is left of it to see, but what came between is not in it.
        @Test func auditingIsSwitchedOffAndOnBetweenTables() throws {
            let before = try AuditState.read()
            guard before.foreign.isEmpty else { try Skips.skip("another sockaudit runs on this host") }
            let course = try Course()
            try AuditState.set("enabled", "0")
            try AuditState.set("enabled", "1")
            try course.tables(are: "partial", saying: ["rules_changed"])
            try course.tables(are: "partial", saying: ["rules_changed"])
            #expect(try course.end().code == 4)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }

        /// `-A` puts a rule before ours, and one on the task list keeps new processes out altogether.
        @Test(arguments: ["-A never,exit -F arch=b64 -S close", "-a never,task"])
        func aRuleThatHidesOursComesAndGoes(_ rule: String) throws {
            let course = try Course()
            try AuditState.with([rule]) {
                try course.tables(are: "partial", saying: ["rules_changed", "shadowed_rule"])
            }
            try course.tables(are: "partial", saying: ["rules_changed", "shadowed_rule"])
            #expect(try course.end().code == 4)
        }

        @Test(arguments: ["-w /etc/hostname -p wa -k somebody", "-a always,exit -F arch=b64 -S sethostname"])
        func aRuleThatIsNoneOfOurBusinessComesAndGoes(_ rule: String) throws {
            let course = try Course()
            try AuditState.with([rule]) { try course.tables(are: "complete") }
            try course.tables(are: "complete")
            #expect(try course.end().code == 0)
        }

        @Test func aSecondOneComesAndGoes() throws {
            let course = try Course()
            let second = try Course()
            try course.tables(are: "complete")
            #expect(try second.end().code == 0)
            try course.tables(are: "complete")
            #expect(try course.end().code == 0)
        }
    }
}

/// A sockaudit that makes a table a second, and a process whose figures must be right in all of them.
private final class Course {
    let watched: Watched
    private let counter: Counter

    init() throws {
        // A name of its own: nothing that is older than auditing is in scope, so tables can be COMPLETE.
        watched = try Watched("counter", options: ["--interval", "1"])
        counter = try Counter(tcp: 5, udp: 4, unix: 3)
        try tables(are: "complete")
    }

    /// Waits for tables that began after this call: the next one may be under way.
    ///
    /// - Parameter saying: one of these codes at least must be among the reasons.
    func tables(
        are verdict: String, saying codes: Set<String> = [], location: SourceLocation = #_sourceLocation
    ) throws {
        let first = watched.child.outLines.count + 1
        try watched.waitTables(first + 2)
        for table in try watched.tables[first...] {
            let right = table.verdict == verdict && (codes.isEmpty || !table.codes.isDisjoint(with: codes))
            #expect(right, "table \(table.sequence) is \(table.doubt)", sourceLocation: location)
            expect(table, counter.pid, is: counter.account, location: location)
        }
    }

    func end() throws -> Watched.Run {
        let run = try watched.stop()
        expect(run.last, counter.pid, is: counter.account)
        try counter.kill()
        return run
    }
}
