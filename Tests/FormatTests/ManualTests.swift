import Foundation
import SockAuditCore
import TestSupport
import Testing

/// The manual pages against the program: what a person can type or read stands in them, and nothing else.
@Suite struct ManualTests {
    private static let main = ManualPage("sockaudit.8")
    private static let plugin = ManualPage("sockaudit-plugin.8")

    @Test(arguments: ["watch", "doctor", "rules", "verify", "diff", "plugin"])
    func everyOptionStandsInItsPage(command: String) throws {
        let help = try run(Repository.sockaudit, ["help", command])
        #expect(help.code == 0)
        let options = ManualPage.options(help.out)
        #expect(options.contains("--help"), "no options in: \(help.out)")
        let page = command == "plugin" ? Self.plugin : Self.main
        #expect(options.subtracting(page.options).sorted() == [], "missing in \(page.name)")
    }

    @Test func noPageHasAnOptionThatIsNotThere() throws {
        var real: Set<String> = ["--generate-completion-script"]
        for command in ["watch", "doctor", "rules", "verify", "diff", "plugin"] {
            real.formUnion(ManualPage.options(try run(Repository.sockaudit, ["help", command]).out))
        }
        // Those of other programs.
        let others: Set = ["--load", "--signal", "--now"]
        for page in [Self.main, Self.plugin] {
            #expect(page.options.subtracting(real).subtracting(others).sorted() == [], "\(page.name)")
        }
    }

    /// The kernel takes one program a rule, whether it is meant or left out.
    @Test(arguments: ["all", "sh"])
    func rulesForThePluginNameOneProgram(name: String) throws {
        let printed = try run(Repository.sockaudit, ["rules", name, "--plugin"])
        let rules = printed.out.split(separator: "\n").filter { $0.hasPrefix("-a ") }
        #expect(printed.code == 0 && !rules.isEmpty)
        for rule in rules { #expect(rule.components(separatedBy: " -F exe").count == 2, "\(rule)") }
    }

    @Test(arguments: Reason.Code.allCases)
    func everyReasonStandsUnderItsVerdict(code: Reason.Code) {
        let section =
            switch code.verdict {
            case .lossy: ".SS That make LOSSY"
            case .partial: ".SS That make PARTIAL"
            default: ".SS Notes"
            }
        #expect(Self.main.section(section).contains(code.rawValue), "\(code.rawValue) in '\(section)'")
    }

    @Test func everyFieldOfJSONStandsInThePage() throws {
        let scratch = try Scratch()
        let report = scratch.file("report.json")
        let ran = try run(
            Repository.sockaudit,
            ["all", "--input", Repository.sample, "--group-by", "name", "--quiet", "--report", report])
        #expect(ran.code == 0, "\(ran.err)")
        var keys: Set = ["name_hex", "exe_hex"]
        for line in try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n") {
            ManualPage.keys(try JSONSerialization.jsonObject(with: Data(line.utf8)), into: &keys)
        }
        #expect(keys.isSuperset(of: ["drift", "processes", "rules_sha256", "tables"]))
        #expect(keys.subtracting(Self.main.words).sorted() == [])
    }

    @Test func everySettingOfThePluginIsInItsPageAndItsFile() throws {
        let path = Repository.path + "/contrib/plugin/plugin.conf"
        let file = try String(contentsOfFile: path, encoding: .utf8)
        for key in PluginSettings.keys {
            #expect(key == "names" || Self.plugin.options.contains("--\(key)"), "\(key) in the page")
            // libauparse for everything is for looking into a doubt, not a setting to be found.
            #expect(key == "decoder" || file.contains("\n#\(key) = "), "\(key) in \(path)")
        }
        #expect(Self.plugin.words.contains("names"))
        // As they stand there, the comments are right settings.
        let lines = file.split(separator: "\n").filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }
        let text = lines.map { $0.dropFirst() }.joined(separator: "\n")
        let settings = try PluginSettings.parse(Array(text.utf8))
        #expect(settings.interval == 7 && settings.top == 50 && settings.report != nil)
    }

    @Test func everyExitCodeStandsInThePage() {
        let section = Self.main.section(".SH EXIT STATUS")
        for code in ["0", "1", "2", "3", "4", "5", "64"] { #expect(section.contains(".TP\n.B \(code)\n")) }
    }
}

/// One page, as text that can be searched.
private struct ManualPage {
    let name: String
    /// Without what roff wants in front of dashes, and its changes of font.
    let text: String

    init(_ name: String) {
        self.name = name
        let raw = (try? String(contentsOfFile: Repository.path + "/man/" + name, encoding: .utf8)) ?? ""
        text = raw.replacingOccurrences(of: "\\-", with: "-")
            .replacingOccurrences(of: "\\\\f[BIR]", with: "", options: .regularExpression)
    }

    var options: Set<String> { Self.options(text) }

    static func options(_ text: String) -> Set<String> {
        Set(text.matches(of: #/(?:^|[^A-Za-z0-9-])(--[a-z][a-z-]+)/#).map { String($0.output.1) })
    }

    var words: Set<String> {
        Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
    }

    /// From a heading to the next one.
    func section(_ heading: String) -> String {
        guard let start = text.range(of: "\n\(heading)") else { return "" }
        let rest = text[start.upperBound...]
        let end = rest.range(of: "\n.S[SH] ", options: .regularExpression)?.lowerBound ?? rest.endIndex
        return String(rest[..<end])
    }

    static func keys(_ value: Any, into keys: inout Set<String>) {
        if let object = value as? [String: Any] {
            for (key, value) in object {
                keys.insert(key)
                Self.keys(value, into: &keys)
            }
        } else if let list = value as? [Any] {
            for value in list { Self.keys(value, into: &keys) }
        }
    }
}
