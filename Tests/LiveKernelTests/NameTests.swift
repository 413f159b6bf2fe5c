import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// `sockaudit NAME`: that name's processes and no others.
    @Suite struct Names {
        private let scratch: Scratch
        private let name = "satest\(getpid() % 100_000)"

        init() throws { scratch = try Scratch() }

        private func copy(_ name: String) throws -> String {
            let path = scratch.file(name)
            try FileManager.default.copyItem(atPath: Host.workload("counter"), toPath: path)
            // C reads the text during the call alone.
            unsafe chmod(path, 0o755)
            return path
        }

        @Test func aRunningProgramGetsRulesByItsFile() throws {
            let program = try copy(name)
            let first = try Counter(program, tcp: 1, udp: 1, unix: 1)
            let watched = try Watched(name)
            #expect(watched.line.contains("rules for \(program)"))
            let rules = try AuditState.read().rules(of: watched.pid)
            #expect(!rules.isEmpty)
            #expect(rules.allSatisfy { $0.contains("-F exe=\(program)") })
            let stranger = try Counter(tcp: 5, udp: 5, unix: 5)
            let a = try Counter(program, tcp: 30, udp: 20, unix: 10)
            let b = try Counter(program, tcp: 3, udp: 2, unix: 1, permille: 1_000)
            let run = try watched.stop()
            #expect(run.last.scope == [name])
            expect(run.last, a.pid, is: a.account, state: "running")
            expect(run.last, b.pid, is: b.account, state: "running")
            #expect(run.last.rows.allSatisfy { $0.exe == program && $0.name == name })
            #expect(Set(run.last.rows.map(\.pid)).isSubset(of: [a.pid, b.pid, first.pid]))
            for counter in [first, stranger, a, b] { try counter.kill() }
        }

        @Test func aNameThatNothingHasYet() throws {
            let name = name + "x"
            let watched = try Watched(name)
            let program = try copy(name)
            let stranger = try Counter(tcp: 5, udp: 5, unix: 5)
            let a = try Counter(program, tcp: 7, udp: 8, unix: 9)
            let run = try watched.stop()
            #expect(run.last.rows.map(\.pid) == [a.pid])
            expect(run.last, a.pid, is: a.account)
            for counter in [stranger, a] { try counter.kill() }
        }

        @Test func aGlob() throws {
            let one = try copy(name + "a")
            let two = try copy(name + "b")
            let watched = try Watched(name + "*")
            #expect(watched.line.contains("rules of all"))
            let stranger = try Counter(tcp: 5, udp: 5, unix: 5)
            let a = try Counter(one, tcp: 3, udp: 1, unix: 4)
            let b = try Counter(two, tcp: 1, udp: 5, unix: 9)
            let run = try watched.stop()
            #expect(run.last.scope == [name + "*"])
            #expect(Set(run.last.rows.map(\.pid)) == [a.pid, b.pid])
            expect(run.last, a.pid, is: a.account)
            expect(run.last, b.pid, is: b.account)
            for counter in [stranger, a, b] { try counter.kill() }
        }

        @Test func aScript() throws {
            let script = name + ".py"
            let other = try PythonWorkload(at: scratch.file("other.py"))
            let watched = try Watched(script)
            let work = try PythonWorkload(at: scratch.file(script))
            let stranger = try PythonWorkload(at: scratch.file("stranger.py"))
            try stranger.ask("mix")
            try other.ask("mix")
            try work.ask("mix")
            let truth = try work.ask("threads")
            let run = try watched.stop()
            #expect(run.last.rows.map(\.pid) == [work.pid])
            expect(run.last, work.pid, is: truth.account)
            for child in [other, work, stranger] { try child.end() }
        }

        @Test func theHeadingSaysWhichRules() throws {
            let program = try copy(name + "h")
            let first = try Counter(program, tcp: 1, udp: 1, unix: 1)
            let byFile = try run(
                Host.sockaudit, [name + "h", "--interval", "0.5", "--count", "1", "--format", "text"])
            #expect([0, 4].contains(byFile.code), "\(byFile.err)")
            #expect(byFile.out.contains(name + "h") && byFile.out.contains(program))
            try first.kill()
            let byAll = try run(
                Host.sockaudit, [name + "?", "--interval", "0.5", "--count", "1", "--format", "text"])
            #expect([0, 4].contains(byAll.code), "\(byAll.err)")
            #expect(byAll.out.contains("rules of all"))
        }

        @Test func theTextTableHasTheColumns() throws {
            let program = try copy(name + "t")
            let first = try Counter(program, tcp: 1, udp: 1, unix: 1)
            let child = try Child(
                Host.sockaudit, [name + "t", "--interval", "3600", "--duration", "600", "--format", "text"])
            _ = try child.errLine("sockaudit: watching")
            let counter = try Counter(program, tcp: 104, udp: 52, unix: 26, permille: 500)
            child.signal(SIGINT)
            _ = try child.wait()
            let lines = child.outLines
            let heading = try #require(lines.first { $0.contains("SocketTOT") }).split(separator: " ")
            let columns = ["SocketTOT", "SocketLAST", "CloseTOT", "CloseLAST"]
            let at = try #require(heading.firstIndex(of: "SocketTOT"))
            #expect(heading[at...].prefix(4).elementsEqual(columns.map { $0[...] }))
            #expect(heading.contains("StillOPEN"))
            let row = try #require(lines.firstIndex { $0.split(separator: " ").contains("\(counter.pid)") })
            let parts = [("[TCP]", 104), ("[UDP]", 52), ("[OTHER]", 26)]
            for (offset, (label, made)) in parts.enumerated() {
                let words = lines[row + 1 + offset].split(separator: " ").map(String.init)
                #expect(words.first == label)
                #expect(words.dropFirst().prefix(4) == ["\(made)", "\(made)", "\(made / 2)", "\(made / 2)"])
                #expect(words.last == "\(made / 2)")
            }
            for one in [first, counter] { try one.kill() }
        }
    }
}
