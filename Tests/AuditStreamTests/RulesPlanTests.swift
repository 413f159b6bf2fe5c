import Foundation
import TestSupport
import Testing

@testable import AuditStream

@Suite("Rules: the plan")
struct RulesPlanTests {
    private var native: UInt32 { Architecture.local.first?.elf ?? 0 }

    private func calls(_ mode: AuditMode, _ elf: UInt32) -> Set<String> {
        Set(RulePlan(mode: mode).rules.filter { $0.architecture == elf }.flatMap(\.callNames))
    }

    @Test("Light mode has socket alone, and socketcall(SOCKET) on 32 bit")
    func light() throws {
        let rules = RulePlan(mode: .light).rules
        for rule in rules {
            let isNative = rule.architecture == native
            #expect(rule.callNames == ["socket"] || (!isNative && rule.callNames == ["socketcall"]))
            #expect(rule.fields.contains(.init(RulesNumber.success, RulesNumber.equal, 1)))
            if rule.callNames == ["socketcall"] {
                #expect(rule.fields.contains(.init(RulesNumber.a0, RulesNumber.equal, 1)))
            }
        }
        #expect(rules.filter { $0.architecture == native }.count == 1)
        #expect(calls(.light, native) == ["socket"])
        if Architecture.local.count > 1 { #expect(rules.count == 3) }
    }

    /// And io_uring_setup, which the verdict needs: what a ring does leaves no other record.
    @Test("Standard mode has what the five figures need and no more")
    func standard() {
        #expect(
            calls(.standard, native) == [
                "socket", "accept", "accept4", "socketpair", "close", "close_range", "dup2", "dup3", "execve",
                "execveat", "exit_group", "fcntl", "ioctl", "io_uring_setup",
            ])
        for architecture in Architecture.local {
            let names = calls(.standard, architecture.elf)
            for missing in [
                "dup", "clone", "clone3", "fork", "vfork", "unshare", "exit", "read", "connect",
            ] {
                #expect(!names.contains(missing), "\(missing) on \(architecture.name)")
            }
        }
    }

    @Test("Full mode adds the ways that other sockets come and go")
    func full() {
        let more = calls(.full, native).subtracting(calls(.standard, native))
        #expect(more == ["dup", "clone", "clone3", "fork", "vfork", "unshare", "exit"])
        let commands = RulePlan(mode: .full).rules.filter {
            $0.architecture == native && $0.callNames == ["fcntl"]
        }.compactMap { $0.values(of: Int32(RulesNumber.a1), op: RulesNumber.equal).first?.value }
        #expect(Set(commands) == [0, 2, 0x406])
    }

    @Test("proc mode has no rules")
    func proc() { #expect(RulePlan(mode: .proc, executables: [Array("/bin/x".utf8)]).rules.isEmpty) }

    @Test("Every rule: the key, an architecture, the exit list, always", arguments: AuditMode.allCases)
    func common(_ mode: AuditMode) {
        for rule in RulePlan(mode: mode, executables: [Array("/bin/a".utf8)], exemptPids: [7]).rules {
            #expect(rule.keys == [Array("sockaudit".utf8)])
            #expect(rule.list == RulesNumber.exit)
            #expect(rule.action == RulesNumber.always)
            #expect(Architecture.local.contains { $0.elf == rule.architecture })
            #expect(!rule.syscalls.isEmpty)
        }
    }

    @Test("close saves EBADF, and only that")
    func close() throws {
        let rule = try #require(RulePlan(mode: .standard).rules.first { $0.callNames == ["close"] })
        #expect(rule.text.contains("-F exit!=-EBADF"))
        #expect(!rule.text.contains("success"))
        let exit = try #require(RulePlan(mode: .standard).rules.first { $0.callNames == ["exit_group"] })
        #expect(!exit.text.contains("success"))
    }

    @Test("Exempt pids are pid!= in every rule")
    func exempt() {
        let plan = RulePlan(mode: .standard, exemptPids: [4_321, 77])
        for rule in plan.rules {
            #expect(rule.text.contains("-F pid!=4321 -F pid!=77 "))
            #expect(rule.fields.count <= 64)
        }
        #expect(plan.rules.count == RulePlan(mode: .standard).rules.count)
    }

    @Test("One exe= a rule, one set of rules a file")
    func executables() {
        let all = RulePlan(mode: .standard).rules
        let files = ["/usr/sbin/nginx", "/usr/bin/ssh"].map { Array($0.utf8) }
        let rules = RulePlan(mode: .standard, executables: files).rules
        #expect(rules.count == 2 * all.count)
        for file in files {
            let own = rules.filter { $0.fields.contains { $0.field == RulesNumber.exe && $0.text == file } }
            #expect(own.count == all.count)
            #expect(own.map { $0.dropping { $0.field == RulesNumber.exe } } == all)
        }
        for rule in rules {
            #expect(rule.values(of: Int32(RulesNumber.exe), op: RulesNumber.equal).count == 1)
        }
    }

    @Test("The rules file is the standard plan")
    func file() throws {
        let path =
            Repository.path + "/rules/30-sockaudit.rules"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
        #expect(lines == RulePlan(mode: .standard).rules.map(\.text))
    }
}
