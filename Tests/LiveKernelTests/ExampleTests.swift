import Foundation
import Testing

/// What README, docs/ and the man pages tell people to type does what it should: it cannot go stale.
@Suite struct ExampleTests {
    @Test func theyAreFound() throws {
        let found = Example.find(
            in: """
                sockaudit outside
                ```
                $ sudo sockaudit all   what it does
                make run
                jq -c '.a  | .b' x.json     one
                ```
                """, "x.md")
        #expect(found.map(\.command) == ["sudo sockaudit all", "jq -c '.a"], "two blanks end a command")
        #expect(found.map(\.number) == [3, 5])
        let page = Example.find(
            in: ".B x\n.EX\nsockaudit all \\-\\-count 3\nsockaudit sshd \\(aqnginx*\\(aq\n.EE\nsockaudit x",
            "x.8")
        #expect(page.map(\.command) == ["sockaudit all --count 3", "sockaudit sshd 'nginx*'"])
        #expect(
            page.allSatisfy(\.isLive)
                && page[0].shortened.hasSuffix("--count 3 --interval 0.5 --duration 1.2"))
        let readme = Example.all.filter { $0.file == "README.md" }
        #expect(Example.all.count > 40)
        #expect(readme.count >= 10 && readme.contains(where: \.isLive) && !readme.allSatisfy(\.isLive))
    }

    @Test func withoutTheKernel() throws {
        let room = try ExampleRoom()
        for example in Example.all where !example.isLive { try expect(example, in: room) }
    }

    /// A wrong option, a file that nobody makes, and one that would go on for ever were it not shortened.
    @Test(arguments: [
        "sockaudit all --input audit.log --no-such-option", "sockaudit verify nothing.jsonl",
        "sockaudit nobody --input audit.log",
    ])
    func whatIsStaleIsFound(_ command: String) throws {
        let example = Example(file: "x.md", number: 1, command: command)
        let ran = try ExampleRoom().run(example)
        #expect(!example.codes.contains(ran.code))
    }
}

extension Live {
    @Suite struct LiveExamples {
        @Test func withTheKernel() throws {
            let room = try ExampleRoom()
            for example in Example.all where example.isLive { try expect(example, in: room) }
        }
    }
}

private func expect(_ example: Example, in room: ExampleRoom) throws {
    let ran = try room.run(example)
    #expect(example.codes.contains(ran.code), "\(example)\nended with \(ran.code)\n\(ran.err)")
    // A report goes elsewhere, as a plugin's does, and there may be no rules in the kernel.
    let silent = ["--report", "--clear", "--installed", "sockaudit plugin", " > "]
    let isSilent = silent.contains { example.command.contains($0) }
    #expect(isSilent || !ran.out.isEmpty, "\(example) prints nothing")
}
