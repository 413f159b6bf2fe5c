import Foundation
import Glibc
import TestSupport
import Testing

/// The program as auditd runs it, with a pipe for auditd: no records of this host, so no /proc and no root.
@Suite("The plugin's process", .enabled(if: Programs.isBuilt, "the program is not built"))
struct PluginProcessTests {
    private let folder: Scratch

    init() throws { folder = try Scratch() }

    private var report: String { folder.file("report.jsonl") }
    private func tables(_ name: String = "report.jsonl") -> [PluginTable] {
        PluginTable.all(in: folder.text(name))
    }

    private func expectSealed(_ name: String) throws {
        let answer = try Programs.run(Repository.sockaudit, ["verify", folder.file(name)])
        #expect(answer.code == 0, "\(name): \(answer.out)\(answer.err)")
    }

    @Test("The end of standard input ends it after a last table; the figures are those of the log")
    func endOfInput() throws {
        let old = try Programs.run(
            Repository.sockaudit, ["all", "--input", Repository.sample, "--format", "json"])
        let wanted = try #require(PluginTable.all(in: old.out).last)
        let plugin = try RunningPlugin(["--report", report, "--interval", "3600"], in: folder)
        try plugin.send(String(contentsOfFile: Repository.sample, encoding: .utf8))
        plugin.closeInput()
        #expect(try plugin.end() == 0, "\(plugin.err)")
        let table = try #require(tables().last)
        #expect(tables().count == 1 && table.isFinal && table.source == "plugin")
        #expect(table.opened == wanted.opened && table.opened > 50)
        #expect(table.closed == wanted.closed && table.open == wanted.open)
        #expect(table.seen == wanted.seen)
        #expect(table.verdict == "unverified", "nobody knows what was lost before it came to us")
        try expectSealed("report.jsonl")
    }

    @Test("TERM ends it after the last table, though more could come")
    func term() throws {
        let plugin = try RunningPlugin(["--report", report, "--interval", "0.1"], in: folder)
        try plugin.send(String(contentsOfFile: Repository.sample, encoding: .utf8))
        try eventually("tables") { tables().count >= 3 && (tables().last?.opened ?? 0) > 0 }
        plugin.signal(SIGTERM)
        #expect(try plugin.end() == 0, "\(plugin.err)")
        #expect(tables().map(\.isFinal).filter { $0 }.count == 1 && tables().last?.isFinal == true)
        #expect(tables().map(\.sequence) == Array(1...tables().count))
        try expectSealed("report.jsonl")
    }

    @Test("HUP begins a new report where the old one was moved, and goes by the settings as they are then")
    func hangUp() throws {
        let conf = try folder.write("plugin.conf", "interval = 3600\nreport = \(report)\ntop = 1\n")
        let plugin = try RunningPlugin(["--config", conf], in: folder)
        try plugin.send(String(contentsOfFile: Repository.sample, encoding: .utf8))
        try folder.write("plugin.conf", "interval = 0.1\nreport = \(report)\ntop = 1\n")
        plugin.signal(SIGHUP)
        try eventually("tables come; \(plugin.err)") { (tables().last?.opened ?? 0) > 0 }
        #expect(tables().last?.rows == 1)

        // C reads the text during the call alone.
        unsafe rename(report, folder.file("report.1"))
        plugin.signal(SIGHUP)
        try eventually("the new report has tables; \(plugin.err)") { !tables().isEmpty }
        try expectSealed("report.1")
        #expect(folder.text("report.jsonl").contains("\"continued\":true"))

        // A line that cannot be taken: what was set stays.
        try folder.write("plugin.conf", "interval = 3600\n\nrows = 5\n")
        plugin.signal(SIGHUP)
        try eventually("it says what is wrong") { plugin.err.contains("The old settings stay.") }
        #expect(plugin.err.contains("\(conf) line 3: 'rows' is no setting; there are names, interval,"))
        let count = tables().count
        try eventually("tables go on") { tables().count > count + 2 }

        // Another report in another format, all rows.
        try folder.write("plugin.conf", "interval = 0.1\nreport = \(folder.file("b.csv"))\ntop = all\n")
        plugin.signal(SIGHUP)
        try eventually("the other report has rows; \(plugin.err)") {
            folder.text("b.csv").utf8.count { $0 == 0x0A } > 3
        }
        #expect(folder.text("b.csv").hasPrefix("# sockaudit report 1\n"))
        #expect(folder.text("b.csv").contains("\nhost,"))
        try expectSealed("report.jsonl")
        plugin.signal(SIGTERM)
        #expect(try plugin.end() == 0)
    }

    @Test("HUP with another format for the same report: the run goes on in it, each part is sealed")
    func otherFormatOfTheSameReport() throws {
        func conf(_ text: String) throws -> String {
            try folder.write("plugin.conf", "report = \(report)\n" + text)
        }
        let plugin = try RunningPlugin(["--config", try conf("interval = 3600\n")], in: folder)
        try plugin.send(String(contentsOfFile: Repository.sample, encoding: .utf8))
        _ = try conf("interval = 0.1\n")
        plugin.signal(SIGHUP)
        try eventually("tables come; \(plugin.err)") { !tables().isEmpty }
        _ = try conf("interval = 0.1\nformat = csv\ntop = 1\n")
        plugin.signal(SIGHUP)
        try eventually("tables are in CSV; \(plugin.err)") { folder.text("report.jsonl").contains("\nhost,") }
        let count = tables().count
        // And with a file that was moved away at the same time.
        unsafe rename(report, folder.file("report.1"))
        _ = try conf("interval = 0.1\nformat = text\n")
        plugin.signal(SIGHUP)
        try eventually("tables are text; \(plugin.err)") {
            folder.text("report.jsonl").contains("SockClosePercPar")
        }
        plugin.signal(SIGTERM)
        #expect(try plugin.end() == 0, "\(plugin.err)")
        #expect(!plugin.err.contains("Another sockaudit"), "\(plugin.err)")
        #expect(tables("report.1").count == count && tables().isEmpty)
        let lines = folder.text("report.1").split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("host,") } == 1)
        for name in ["report.1", "report.jsonl"] { try expectSealed(name) }
        #expect(folder.text("report.jsonl").contains("# continued: "))
    }

    @Test("HUP with a report that cannot be replaced is refused as at the start; all goes on as it was")
    func refusedAtHangUp() throws {
        func conf(_ name: String) throws -> String {
            try folder.write("plugin.conf", "interval = 0.1\nreport = \(folder.file(name))\n")
        }
        let plugin = try RunningPlugin(["--config", try conf("report.jsonl")], in: folder)
        try folder.write("taken.prom", "precious")
        for (turn, name) in ["no/such.html", "taken.prom"].enumerated() {
            try eventually("tables come; \(plugin.err)") { tables().count > turn }
            _ = try conf(name)
            plugin.signal(SIGHUP)
            try eventually("it refuses; \(plugin.err)") {
                plugin.err.components(separatedBy: "The old report and the old settings stay.").count
                    == turn + 2
            }
            let count = tables().count
            try eventually("tables go on; \(plugin.err)") { tables().count > count + 2 }
        }
        #expect(folder.text("taken.prom") == "precious")
        plugin.closeInput()
        #expect(try plugin.end() == 0, "\(plugin.err)")
        try expectSealed("report.jsonl")
    }

    /// auditd hands its own HUP on to a plugin that it started a moment before.
    @Test("HUP before it watches is kept until then, and so is TERM", arguments: [SIGHUP, SIGTERM])
    func signalledEarly(_ number: Int32) throws {
        // Its settings are the first thing that it reads: here it waits for somebody to write them.
        let conf = folder.file("plugin.conf")
        try unsafe #require(mkfifo(conf, 0o600) == 0)
        let plugin = try RunningPlugin(["--config", conf], in: folder) { pid in
            var writer: Int32 = -1
            try eventually("it reads its settings") {
                // C reads the path during the call alone.
                writer = unsafe open(conf, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                return writer >= 0
            }
            defer { close(writer) }
            kill(pid, number)
            let text = "interval = 3600\nreport = \(report)\n"
            // No more than the buffer holds.
            unsafe #expect(write(writer, text, text.utf8.count) == text.utf8.count)
            // What it reads again after HUP; in one step, so that it finds one of the two.
            try folder.write("new.conf", "interval = 0.1\nreport = \(report)\n")
            unsafe rename(folder.file("new.conf"), conf)
        }
        if number == SIGHUP {
            try eventually("HUP is followed: tables come; \(plugin.err)") { tables().count >= 2 }
            plugin.closeInput()
        }
        #expect(try plugin.end() == 0, "\(plugin.err)")
        #expect(tables().last?.isFinal == true)
        try expectSealed("report.jsonl")
    }

    @Test("Other names by HUP: the figures begin anew, and are those of these processes")
    func otherNames() throws {
        let sample = try String(contentsOfFile: Repository.sample, encoding: .utf8)
        let conf = try folder.write("plugin.conf", "interval = 0.1\nreport = \(report)\n")
        let plugin = try RunningPlugin(["--config", conf], in: folder)
        try plugin.send(sample)
        try eventually("all are counted") { (tables().last?.opened ?? 0) > 0 }
        try folder.write("plugin.conf", "interval = 0.1\nreport = \(report)\nnames = no-such-process\n")
        plugin.signal(SIGHUP)
        try eventually("the scope is another one") { tables().last?.scope == ["no-such-process"] }
        #expect(tables().last?.opened == 0)
        plugin.closeInput()
        #expect(try plugin.end() == 0)
        try expectSealed("report.jsonl")
    }

    @Test("What stands on the command line comes before the file")
    func commandLine() throws {
        let conf = try folder.write(
            "plugin.conf", "interval = 0.1\nreport = /nowhere/at/all.txt\nutc = yes\n")
        let plugin = try RunningPlugin(["--config", conf, "--report", report], in: folder)
        try eventually("tables") { tables().count > 2 }
        plugin.signal(SIGHUP)
        let count = tables().count
        try eventually("they go on; \(plugin.err)") { tables().count > count + 2 }
        plugin.closeInput()
        #expect(try plugin.end() == 0, "\(plugin.err)")
    }

    @Test("Settings that cannot be taken, and input that cannot be read, are refused at the start")
    func refused() throws {
        let bad = try folder.write("bad.conf", "interval = 7\nreport = report.txt\n")
        let wrong = try Programs.run(Repository.sockaudit, ["plugin", "--config", bad])
        #expect(wrong.code == 2)
        #expect(wrong.err.contains("\(bad) line 2: 'report' must be the full path"), "\(wrong.err)")
        let gone = try Programs.run(Repository.sockaudit, ["plugin", "--config", folder.file("none")])
        #expect(gone.code == 2 && gone.err.contains("cannot be read"), "\(gone.err)")
        let option = try Programs.run(Repository.sockaudit, ["plugin", "--interval", "soon"])
        #expect(option.code == 64 && option.err.contains("number of seconds"), "\(option.err)")
        let folderless = try Programs.run(
            Repository.sockaudit, ["plugin", "--report", folder.file("no/such/report.txt")])
        #expect(folderless.code == 2 && folderless.err.contains("cannot be written"), "\(folderless.err)")
        // struct audit_dispatcher_header: version, length of the header, type, length.
        let header: [UInt8] = [0, 0, 0, 0, 16, 0, 0, 0, 0x14, 5, 0, 0, 9, 0, 0, 0]
        try Data(header + Array("audit(1.1".utf8)).write(to: URL(fileURLWithPath: folder.file("binary")))
        let binary = try Programs.run(
            Repository.sockaudit, ["plugin", "--report", report], input: folder.file("binary"))
        #expect(binary.code == 2 && binary.err.contains("format = string"), "\(binary.err)")
    }
}
