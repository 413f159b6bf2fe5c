import ArgumentParser
import AuditStream
import Glibc
import SockAuditCore
import SockAuditRuntime

/// `sockaudit rules`: the rules as a file, those in the kernel, or those of killed runs taken out.
struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the rules as an augenrules file, list ours in the kernel, or remove those.")

    @Argument(help: "'all', or the names of processes.")
    var names: [String] = ["all"]

    @Flag(help: "List the rules of sockaudit that are in the kernel.")
    var installed = false

    @Flag(help: "Remove the rules that a killed sockaudit left, and no others.")
    var clear = false

    @Flag(help: "The rules for sockaudit as a plugin of auditd: they leave its own calls out.")
    var plugin = false

    @Option(help: "light, standard or full.")
    var mode: ModeArgument = .auto

    func validate() throws {
        if plugin && (installed || clear) {
            throw ValidationError("--plugin is about the file that is printed.")
        }
        if installed && clear { throw ValidationError("Choose one of --installed and --clear.") }
    }

    func run() throws {
        try Outcome.exit { () throws(AuditError) in
            if clear {
                var installer = try RuleInstaller(isSockaudit: { ProcScanner.isSockaudit($0) })
                print("removed \(Counted.text(try installer.clear(), "rule", "rules"))")
            } else if installed {
                let control = try AuditControl()
                let rules = try control.rules().filter { $0.keys.contains(RulePlan.key) }
                for rule in rules { print(rule.text) }
                if rules.isEmpty {
                    Messages(quiet: false).note("no rule with the key sockaudit is in the kernel.")
                }
            } else {
                printFile()
            }
            return ExitStatus.done
        }
    }

    private func printFile() {
        let scope = Scope(patterns: names)
        let clock = Clock()
        let running = scope.isAll ? [] : ProcScanner(clock: clock, names: NameTable()).running()
        let answer = ExecutableFinder.find(scope, running: running)
        var files: [[UInt8]] = []
        if case .files(let found) = answer { files = found }
        print(
            "## Rules of sockaudit, \(mode.mode.rawValue) mode, for \(scope.labels.map { Escaping.visible($0) }.joined(separator: " "))."
        )
        if case .all(let because) = answer, !because.isEmpty {
            print("## They are the rules of all: \(because).")
        }
        // auditctl splits such a file at blanks and newlines, and knows no escapes.
        if let file = files.first(where: { !Self.isWord($0) }) {
            files = []
            print("## They are the rules of all: a file of rules cannot have \(Escaping.visible(file)).")
        }
        print("## Put this file into /etc/audit/rules.d/ and run augenrules --load.")
        var exempt: [[UInt8]] = []
        // It looks at every process at each table: thousands of calls, each a record for auditd's log. (The rules of
        // named programs do not see it, and the kernel refuses a program named beside one left out.)
        if plugin && files.isEmpty {
            exempt = [PluginConfig(path: nil, given: []).program]
            print("## They leave out what \(Escaping.visible(exempt[0])) itself does.")
        }
        let plan = RulePlan(mode: mode.mode, executables: files, exemptPrograms: exempt)
        for rule in plan.rules { print(rule.text) }
    }
    /// Printable ASCII without what an escape or a quote begins with.
    private static func isWord(_ path: [UInt8]) -> Bool {
        path.allSatisfy { (0x21...0x7E).contains($0) && !"\\\"'".utf8.contains($0) }
    }
}
