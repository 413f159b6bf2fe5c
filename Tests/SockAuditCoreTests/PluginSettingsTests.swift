import SockAuditCore
import Testing

/// The file that `sockaudit plugin` goes by.
@Suite("Settings of the plugin") struct PluginSettingsTests {
    private func parse(_ text: String) throws -> PluginSettings { try PluginSettings.parse(Array(text.utf8)) }

    private func fault(_ text: String) -> PluginSettings.Fault? {
        do throws(PluginSettings.Fault) {
            _ = try PluginSettings.parse(Array(text.utf8))
            return nil
        } catch { return error }
    }

    @Test("Every key is taken, with any blanks around it, in any case, with - or _")
    func everyKey() throws {
        let found = try parse(
            """
            # sockaudit
            \tnames = sshd  nginx*\t
              interval=0.5
            report = /var/log/a b.jsonl
            FORMAT = JSON
            wide = yes

            sort = Pid
            top = 7
            group_by = unit
            family = TCP, other
            mode = light
            decoder = auparse
            fail-open = 12
            utc = no\r
            quiet = YES
            """)
        var wanted = PluginSettings()
        (wanted.names, wanted.interval, wanted.report) = (["sshd", "nginx*"], 0.5, "/var/log/a b.jsonl")
        (wanted.format, wanted.wide, wanted.sort, wanted.top) = ("json", true, "pid", 7)
        (wanted.groupBy, wanted.families, wanted.mode) = ("unit", [.tcp, .other], "light")
        (wanted.decoder, wanted.failOpen, wanted.utc, wanted.quiet) = ("auparse", 12, false, true)
        #expect(found == wanted)
        #expect(PluginSettings.keys.count == 14, "all of them stand above")
        #expect(try parse("scope = all").names == ["all"])
        #expect(try parse("top = all").top == .max)
    }

    @Test("Where nothing is set nothing is", arguments: ["", "\n\n", "# interval = 3", "  #x\r\n\t\n"])
    func nothing(_ text: String) throws { #expect(try parse(text) == PluginSettings()) }

    @Test(
        "A line that cannot be taken is named, with what can be",
        arguments: [
            ("interval 3", 1, "no '='"), ("\n\nintervall = 3", 3, "there are names, interval"),
            ("interval =", 1, "no value"), ("interval = soon", 1, "number of seconds"),
            ("interval = 0", 1, "between 0.05"), ("interval = nan", 1, "number of seconds"),
            ("interval = 7\ninterval = 8", 2, "line 1"), ("group-by = a\n", 1, "process, name"),
            ("group-by = name\ngroup_by = exe", 2, "line 1"), ("wide = maybe", 1, "yes or no"),
            ("format = xml", 1, "html or prometheus"), ("sort = size", 1, "open, socket"),
            ("top = 0", 1, "from 1 on or all"), ("fail-open = all", 1, "a number from 1 on, not 'all'"),
            ("report = report.txt", 1, "full path"), ("report = /var/log/", 1, "full path"),
            ("family = tcp,", 1, "joined by commas"), ("mode = proc", 1, "auto, light"),
            ("names = all sshd", 1, "'all' alone"), ("names = sshd # the server", 1, "'all' alone"),
            ("decoder = x", 1, "auto or auparse"), ("quiet = 1", 1, "yes or no"),
            ("report = /a\u{0}b", 1, "no text"), ("= 3", 1, "'' is no setting"),
        ])
    func faults(_ text: String, line: Int, says: String) throws {
        let found = try #require(fault(text))
        #expect(found.line == line)
        #expect(found.text.contains(says), "\(found.text)")
    }

    @Test("What a file holds reaches a log escaped")
    func hostile() throws {
        for text in ["\u{1B}[2Jx", "\u{1B}[2J = 3", "sort = \u{1B}[2J"] {
            let found = try #require(fault(text))
            #expect(!found.text.unicodeScalars.contains("\u{1B}"), "\(found.text)")
        }
        #expect(throws: PluginSettings.Fault.self) {
            try PluginSettings.parse(Array("report = /".utf8) + [0xFF])
        }
    }
}
