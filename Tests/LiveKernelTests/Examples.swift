import Foundation
import Glibc
import TestSupport

/// A command line that README, a page in docs/ or a man page shows to people.
struct Example: CustomStringConvertible, Sendable {
    /// Path in the repository, and the line's number.
    let file: String
    let number: Int
    let command: String

    var description: String { "\(file):\(number): \(command)" }

    /// The words of it that sockaudit gets; nil where it is not the one to run.
    private var words: [Substring]? {
        let words = command.split(separator: " ")
        guard let program = words.firstIndex(of: "sockaudit") else { return nil }
        return Array(words[(program + 1)...])
    }

    /// What needs the kernel's audit subsystem, and so its lock.
    var isLive: Bool {
        guard let words, let first = words.first else { return false }
        switch first {
        case "verify", "diff", "plugin", "--version", "--help": return false
        case "rules": return words.contains("--installed") || words.contains("--clear")
        case "doctor": return true
        default: return !words.contains("--input")
        }
    }

    /// The last of an option counts: what would go on for long, or for ever, ends soon.
    var shortened: String {
        guard let words, let first = words.first else { return command }
        if first == "doctor" { return words.contains("--measure") ? command + " --measure 1" : command }
        let isWatch = !["verify", "diff", "plugin", "rules"].contains(first) && !first.hasPrefix("--")
        guard isWatch, isLive || words.contains("--follow") else { return command }
        return command + " --interval 0.5 --duration 1.2"
    }

    /// Done, perhaps with doubts; a limit that was asked for may be reached, and a host has its troubles.
    var codes: Set<Int32> {
        switch words?.first {
        case "diff": command.contains("--fail-growth") ? [0, 5] : [0]
        case "doctor": [0, 3, 4]
        case "verify", "rules", nil: [0]
        default: command.contains("--fail-open") ? [0, 4, 5] : [0, 4]
        }
    }

    // MARK: where they stand

    static let all: [Example] = {
        let files = ["README.md"] + names("docs", ".md") + names("rules", ".md") + names("man", ".8")
        return files.flatMap { file in
            let text = (try? String(contentsOfFile: "\(Host.repository)/\(file)", encoding: .utf8)) ?? ""
            return find(in: text, file)
        }
    }()

    private static func names(_ folder: String, _ ending: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "\(Host.repository)/\(folder)")
        return (names ?? []).filter { $0.hasSuffix(ending) }.sorted().map { "\(folder)/\($0)" }
    }

    /// Between ``` in Markdown and between .EX and .EE in a man page. A block of ```text or another kind is
    /// what something prints or reads.
    static func find(in text: String, _ file: String) -> [Example] {
        let isPage = !file.hasSuffix(".md")
        var block: String?
        var found: [Example] = []
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            if isPage ? line == ".EX" || line == ".EE" : line.hasPrefix("```") {
                block = block == nil ? line : nil
            } else if ["```", "```sh", ".EX"].contains(block),
                let command = command(isPage ? plain(line) : line)
            {
                found.append(Example(file: file, number: index + 1, command: command))
            }
        }
        return found
    }

    /// The line without the words behind it that say what it does; nil where it is none to be run here.
    private static func command(_ line: String) -> String? {
        var line = line[...]
        for prompt in ["$ ", "# "] where line.hasPrefix(prompt) { line = line.dropFirst(2) }
        guard ["sockaudit ", "sudo sockaudit ", "jq ", "journalctl "].contains(where: line.hasPrefix) else {
            return nil
        }
        return String(line.firstMatch(of: /^.+?(?=\s{2,}|$)/)?.output ?? line)
    }

    /// What roff makes of it.
    private static func plain(_ line: String) -> String {
        let escapes = [("\\-", "-"), ("\\(aq", "'"), ("\\(dq", "\""), ("\\&", ""), ("\\e", "\\")]
        return escapes.reduce(line) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }
}

/// A folder with all that examples speak of: logs, old reports, and a host's folders below it.
struct ExampleRoom {
    private let scratch: Scratch
    private static let fixtures = Host.repository + "/Tests/Fixtures"

    init() throws {
        scratch = try Scratch()
        let log = try Self.recentLog()
        for folder in [
            "bin", "root", "etc/audit/rules.d", "var/log/audit", "var/log/sockaudit",
            "var/lib/prometheus/node-exporter", "var/lib/sockaudit",
        ] {
            try FileManager.default.createDirectory(
                atPath: scratch.file(folder), withIntermediateDirectories: true)
        }
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("bin/sockaudit"), withDestinationPath: Host.sockaudit)
        // Root already, or nobody whom sudo would let in without a word.
        try scratch.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n", mode: 0o755)
        // The file that it would load is this room's.
        try scratch.write("bin/augenrules", "#!/bin/sh\ntest \"$1\" = --load\n", mode: 0o755)
        try scratch.write(
            "bin/journalctl", "#!/bin/sh\nexec cat '\(Self.fixtures)/logs/journal.log'\n", mode: 0o755)
        let older = try String(contentsOfFile: Self.fixtures + "/sample.log", encoding: .utf8)
        for folder in ["", "root/", "var/log/audit/"] {
            try scratch.write(folder + "audit.log", log)
            try scratch.write(folder + "audit.log.1", older)
        }
        let node = try String(contentsOfFile: Self.fixtures + "/logs/node.log", encoding: .utf8)
        try scratch.write("central.log", node)
        try must(try shell("gzip -k central.log"), "gzip")
        let reports = ["old.jsonl", "new.jsonl", "sockets.jsonl"]
        for report in reports + reports.map({ "root/" + $0 }) + [
            "var/lib/sockaudit/2026-11-25.jsonl", "var/log/sockaudit/report.jsonl",
            "var/log/sockaudit/report.jsonl.1",
        ] {
            try must(try shell("sockaudit all --input audit.log --report \(report)", within: 60), report)
        }
    }

    func run(_ example: Example) throws -> Finished { try shell(moved(example.shortened), within: 120) }

    /// Folders of the host are those in the room.
    private func moved(_ command: String) -> String {
        command.replacing(/(^|[ ='"])\/(root|var|srv|tmp|etc)\//) { match in
            "\(match.output.1)\(scratch.path)/\(match.output.2)/"
        }
    }

    private func shell(_ command: String, within seconds: Double = 30) throws -> Finished {
        let path = "\(scratch.file("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
        let line = "cd '\(scratch.path)' && set -o pipefail && \(command)"
        return try LiveKernelTests.run(
            "bash", ["-c", line], env: ["PATH": path, "TERM": "dumb"], within: seconds)
    }

    private func must(_ ran: Finished, _ what: String) throws {
        guard ran.code == 0 else { throw SupportError("\(what): \(ran.code) \(ran.err)") }
    }

    /// The sample as if it had ended a minute ago, with an sshd in it.
    private static func recentLog() throws -> String {
        let text = try String(contentsOfFile: fixtures + "/sample.log", encoding: .utf8)
        let stamp = /audit\((\d+)\./
        let newest = text.matches(of: stamp).compactMap { Int($0.output.1) }.max() ?? 0
        let shift = Int(Date().timeIntervalSince1970) - 60 - newest
        return text.replacing(stamp) { "audit(\((Int($0.output.1) ?? 0) + shift)." }
            .replacingOccurrences(of: "comm=\"curl\"", with: "comm=\"sshd\"")
            .replacingOccurrences(of: "/usr/bin/curl", with: "/usr/sbin/sshd")
    }
}
