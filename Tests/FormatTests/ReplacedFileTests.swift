import Foundation
import Glibc
import TestSupport
import Testing

/// What a report may take the place of: whatever stood there is gone.
@Suite struct ReplacedFileTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func replay(_ options: String..., log: String = Repository.sample) throws -> Ran {
        try run(Repository.sockaudit, ["all", "--utc"] + options + ["--input", log])
    }

    /// Sealed runs of other formats, of which text and CSV begin as Prometheus' text does.
    @Test(arguments: ["json", "csv", "text", "html", "prometheus"], ["html", "prometheus"])
    func aReportOfAnotherFormatStays(_ old: String, _ new: String) throws {
        let report = scratch.file("r")
        #expect(try replay("--report", report, "--format", old).code == 0)
        let before = try scratch.read("r")
        let ran = try replay("--report", report, "--format", new, "--family", "tcp")
        if old == new {
            let after = try scratch.read("r")
            #expect(ran.code == 0 && after != before, "\(ran.err)")
        } else {
            #expect(ran.code == 2 && ran.err.contains("no report of this format"), "\(ran)")
            #expect(try scratch.read("r") == before)
        }
        #expect(scratch.names == ["r"])
    }

    @Test func whatIsNoReportStays() throws {
        for text in [
            "precious", "# HELP other_metric\n", "# sockaudit report 1\n", "\n", "<!DOCTYPE html>\n",
        ] {
            for format in ["html", "prometheus"] {
                try scratch.write("r", text)
                let ran = try replay("--report", scratch.file("r"), "--format", format)
                #expect(ran.code == 2 && ran.err.contains("move it away"), "\(ran)")
                #expect(try scratch.read("r") == text)
            }
        }
    }

    /// mktemp made it; an earlier version wrote metrics without a head.
    @Test func anEmptyFileAndBareMetricsAreReplaced() throws {
        for text in ["", "# HELP sockaudit_sockets_opened_total Successful socket() calls.\n"] {
            try scratch.write("r.prom", text)
            #expect(try replay("--report", scratch.file("r.prom")).code == 0)
            #expect(try scratch.read("r.prom").hasPrefix("# sockaudit report 1\n"))
        }
    }

    @Test func aReportThatIsNotOursStays() throws {
        let report = scratch.file("r.html")
        #expect(try replay("--report", report).code == 0)
        let before = try scratch.read("r.html")
        func expectRefused(_ what: Comment) throws {
            let ran = try replay("--report", report)
            #expect(ran.code == 2 && ran.err.contains("is not ours"), what)
            #expect(try scratch.read("r.html") == before, what)
        }
        // C reads the text during the call alone.
        unsafe chmod(report, 0o666)
        try expectRefused("anyone may write to it")
        unsafe chmod(report, 0o600)
        unsafe link(report, scratch.file("second"))
        try expectRefused("it has a second name")
        unsafe unlink(scratch.file("second"))
        if geteuid() == 0 {
            unsafe chown(report, 65_534, 65_534)
            try expectRefused("another's file")
            unsafe chown(report, 0, 0)
        }
        #expect(try replay("--report", report).code == 0)
    }

    /// Under its own name, another one, through its folder, and as standard input.
    @Test func theInputIsNoReport() throws {
        let text = try String(contentsOfFile: Repository.sample, encoding: .utf8)
        try scratch.write("in.log", text)
        // C reads the text during the call alone.
        unsafe symlink(scratch.path, scratch.file("folder"))
        for report in ["in.log", "folder/in.log"] {
            for format in ["json", "html", "prometheus"] {
                let ran = try replay(
                    "--report", scratch.file(report), "--format", format, log: scratch.file("in.log"))
                #expect(ran.code == 2 && ran.err.contains("is one of the inputs"), "\(ran)")
            }
        }
        let folder = try replay("--report", scratch.file("in.log"), log: scratch.path)
        #expect(folder.code == 2 && folder.err.contains("is one of the inputs"), "\(folder)")
        let command = "\"$0\" all --report in.log --input - < in.log"
        let piped = try run("/bin/sh", ["-c", command, Repository.sockaudit], in: scratch.path)
        #expect(piped.code == 2 && piped.err.contains("is one of the inputs"), "\(piped)")
        #expect(try scratch.read("in.log") == text)
    }
}
