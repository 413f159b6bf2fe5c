import Testing

@testable import AuditStream

/// Records in other programs' lines, as these write them (rsyslog's and RFC 5424's templates, printk,
/// journalctl's outputs).
@Suite("Input: wrapped lines")
struct InputWrappedTests {
    private static let body = "arch=c000003e syscall=3 success=yes exit=0 a0=5 pid=7 exe=\"/bin/x\""
    private static let record = "type=SYSCALL msg=audit(1700000000.123:456): " + body
    private static let printed = "type=1300 audit(1700000000.123:456): " + body

    private func split(_ text: String, block: Int = .max) -> SplitLines {
        SplitLines(Array(text.utf8), block: block)
    }

    @Test(
        "The record comes out, with the header's host",
        arguments: [
            "Nov 23 10:00:00 web1 audispd: ", "Nov  3 10:00:00 web1 audispd: ",
            "Nov 23 2026 10:00:00 web1 audispd: ",
            "Nov 23 10:00:00 web1 audisp-syslog[812]: ", "<13>Nov 23 10:00:00 web1 audispd: ",
            "2026-11-23T10:00:00.123456+01:00 web1 audispd: ", "2026-11-23T10:00:00Z web1 tag_audit_log: ",
            "2026-11-23 10:00:00 web1 auditd: ", "Mon 2026-11-23 10:00:00 UTC web1 audispd[3]: ",
            "1700000000.123456 web1 audispd[3]: ", "<13>1 2026-11-23T10:00:00.1Z web1 audispd 812 - - ",
            "<13>1 2026-11-23T10:00:00.1Z web1 audispd - - [a b=\"c\"] \u{FEFF}",
        ])
    func headers(_ header: String) {
        #expect(split(header + Self.record + "\n").records == ["node=web1 " + Self.record + "\n"])
        let own = split(header + "node=db7 " + Self.record + "\r\n")
        #expect(own.records == ["node=db7 " + Self.record + "\n"])
        #expect(own.counters.damaged == 0)
    }

    @Test(
        "The kernel's own log: numbers become names, and msg= comes in",
        arguments: [
            "Nov 23 10:00:00 web1 kernel: [  123.456789] audit: ", "Nov 23 10:00:00 web1 kernel: audit: ",
            "Nov 23 10:00:00 web1 kernel: [123.4] ", "Nov 23 10:00:00 web1 kernel: ",
            "<5>1 2026-11-23T10:00:00Z web1 kernel - - - audit: ", "Nov 23 10:00:00 web1 audit[7]: audit: ",
        ])
    func kernel(_ header: String) {
        #expect(split(header + Self.printed).records == ["node=web1 " + Self.record + "\n"])
    }

    @Test(
        "dmesg, and a journal without host names, name no host",
        arguments: [
            "[  123.456789] audit: ", "[Mon Nov 23 10:00:00 2026] audit: ", "Nov 23 10:00:00 kernel: audit: ",
        ])
    func noHost(_ header: String) {
        #expect(split(header + Self.printed).records == [Self.record + "\n"])
    }

    @Test(
        "What is no record, or only looks like one, is none",
        arguments: [
            "Nov 23 10:00:00 web1 sshd[1]: " + record, "Nov 23 10:00:00 web1 audispd " + record,
            "Nov 23 10:00:00 web1 sudo: x : COMMAND=/bin/echo audispd: " + record,
            "Now 23 10:00:00 web1 audispd: " + record, "Nov 23 web1 audispd: " + record,
            "audispd: " + record, "# " + record, " " + record, "[x " + record, "<13>", "<13>1 a b", "<x>Nov",
            "Nov 23 10:00:00 we\u{1B}b1 audispd: " + record, "Nov 23 10:00:00 web1 audispd:",
            "Nov 23 10:00:00 web1 kernel: usb 1-1: new device", "2026-11-23", "2026-11-23T", "1700000000",
            "Nov", "Nov 23", "Nov 23 10:00:00", "[", "[]", "[] ", "<1>1 t h audit", "<1>1 t h audit p m [",
        ])
    func none(_ line: String) {
        let found = split(line + "\n")
        #expect(found.records.isEmpty)
        #expect(found.counters.foreign == 1 && found.counters.damaged == 0)
    }

    @Test("A wrapped record that is cut is damaged, as a plain one is")
    func damaged() {
        let header = "Nov 23 10:00:00 web1 audispd: "
        for end in 5..<"type=SYSCALL msg=audit(1700000000.123:456)".count {
            let found = split(header + Self.record.prefix(end) + "\n")
            #expect(found.records.isEmpty && found.counters.damaged == 1, "\(end)")
        }
    }

    @Test("rsyslog's escape for what begins the enriched part is undone")
    func enriched() {
        let line =
            "Nov 23 10:00:00 web1 audispd: " + Self.record + " key=\"#035B\"#035ARCH=x86_64 UID=\"root\""
        #expect(
            split(line).records == [
                "node=web1 " + Self.record + " key=\"#035B\"\u{1D}ARCH=x86_64 UID=\"root\"\n"
            ])
    }

    @Test(
        "Records without stamp and serial are counted by themselves",
        arguments: [
            "Nov 23 10:00:00 web1 audit[812]: SYSCALL " + body,
            "Nov 23 10:00:00 web1 audit: PROCTITLE proctitle=61",
            "Nov 23 10:00:00 web1 audit[1]: <audit-1300> " + body,
        ])
    func unstamped(_ line: String) {
        let found = split(line)
        #expect(found.records.isEmpty)
        #expect(found.counters.unstamped == 1 && found.counters.foreign == 0)
    }

    @Test("What the kernel's log says of losses is counted: a total since boot, and what printk left out")
    func losses() {
        func line(_ host: String, _ text: String) -> String {
            "Nov 23 10:00:00 \(host) kernel: [1.2] \(text)\n"
        }
        let text =
            line("a", "audit: audit_lost=10 audit_rate_limit=0 audit_backlog_limit=64")
            + line("b", "audit: audit_lost=5 audit_rate_limit=0 audit_backlog_limit=64")
            + line("a", "audit: audit_lost=12 audit_rate_limit=0 audit_backlog_limit=64")
            + line("a", "kauditd_printk_skb: 100 callbacks suppressed")
            + line("a", "audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64")
        #expect(split(text).counters.lost == 12 + 5 + 100 + 3)
    }

    @Test("No cut of any line traps, and borders of blocks change nothing")
    func borders() {
        let lines = [
            "Nov 23 10:00:00 web1 audispd: " + Self.record, "[  1.5] audit: " + Self.printed,
            "<13>1 2026-11-23T10:00:00.1Z web1 audispd 812 - [a] " + Self.record,
            "Nov 23 10:00:00 web1 audit[1]: SYSCALL a=b", "Nov 23 10:00:00 a kernel: audit: audit_lost=1 ",
        ]
        for line in lines {
            for end in 0...line.utf8.count { _ = split(String(line.prefix(end))) }
        }
        let text = lines.joined(separator: "\n")
        let whole = split(text)
        #expect(whole.records.count == 3)
        for block in [1, 2, 3, 7, 64] {
            let found = split(text, block: block)
            #expect(found.records == whole.records && found.counters == whole.counters)
        }
    }
}
