import Foundation
import SockAuditCore
import Testing

@testable import SockAuditRuntime

@Suite("Doctor: what is printed")
struct DoctorOutputTests {
    private func report(_ checks: [DoctorCheck], _ rules: [DoctorRule] = []) -> DoctorReport {
        var report = DoctorReport(checks: checks)
        report.rules = rules
        return report
    }

    private let checks: [DoctorCheck] = [
        .pass("a", "All is well."), .warn("b", "Not so well.", remedy: "Do this."),
        .fail("c", "Bad \"quoted\" \\x1b.", remedy: "Do that."),
    ]

    @Test func text() {
        let rules = [
            DoctorRule(text: "-a always,exit -S close", state: .add, by: ""),
            DoctorRule(text: "-a always,exit -S socket", state: .partlyHidden, by: "-a never,exit -S socket"),
        ]
        #expect(
            DoctorOutput.text(report(checks, rules), utcOffset: 0) == """
                sockaudit doctor  web1  all processes  standard mode  Linux 6.1  2025-11-24 16:00:00

                PASS  All is well.
                WARN  Not so well.
                      Do this.
                FAIL  Bad "quoted" \\x1b.
                      Do that.

                The 2 rules of a run, each with -F pid!= of sockaudit itself:
                  add            -a always,exit -S close
                  partly hidden  -a always,exit -S socket
                                   by -a never,exit -S socket

                This host cannot be audited as it is: 1 failure, 1 warning.

                """)
        let warned = DoctorOutput.text(report(Array(checks.prefix(2))), utcOffset: 0)
        #expect(warned.hasSuffix("This host can be audited, with 1 warning.\n"))
        #expect(DoctorOutput.text(report([checks[0]]), utcOffset: 0).hasSuffix("This host can be audited.\n"))
    }

    @Test func json() throws {
        var made = report(checks, [DoctorRule(text: "-a x", state: .partlyHidden, by: "-a y")])
        made.scope = ["ssh\u{1B}d", "ngin*"]
        made.host = "we\"b"
        let line = DoctorOutput.json(made)
        #expect(line.hasSuffix("}\n") && line.count { $0 == "\n" } == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["schema"] as? String == "sockaudit.doctor/1")
        #expect(object["host"] as? String == "we\"b" && object["kernel"] as? String == "6.1")
        #expect(object["time"] as? String == "2025-11-24T16:00:00.000Z")
        #expect(object["scope"] as? [String] == ["ssh\u{1B}d", "ngin*"])
        #expect(object["mode"] as? String == "standard" && object["result"] as? String == "cannot")
        let told = try #require(object["checks"] as? [[String: String]])
        #expect(
            told == [
                ["id": "a", "status": "pass", "text": "All is well.", "remedy": ""],
                ["id": "b", "status": "warn", "text": "Not so well.", "remedy": "Do this."],
                ["id": "c", "status": "fail", "text": "Bad \"quoted\" \\x1b.", "remedy": "Do that."],
            ])
        #expect(
            object["rules"] as? [[String: String]] == [
                ["rule": "-a x", "state": "partly_hidden", "by": "-a y"]
            ])
    }

    @Test("A name on the command line cannot write to the terminal")
    func escapes() {
        var made = report([])
        made.scope = ["a\u{1B}[2J\u{202E}"]
        made.host = "h\n"
        let text = DoctorOutput.text(made, utcOffset: 0)
        #expect(text.hasPrefix("sockaudit doctor  h\\x0a  a\\x1b[2J\\u{202e}  standard mode"))
    }

    @Test func selfTestCounts() throws {
        var counts = SelfTestCounts(pid: 7, startTicks: .max)
        counts.socket = FamilyCounts(tcp: 9, udp: 8, other: 7)
        counts.close = FamilyCounts(tcp: 3, udp: 2, other: 1)
        counts.released = FamilyCounts(tcp: 1, udp: 1, other: 1)
        (counts.othersOpened, counts.othersClosed) = (3, 1)
        counts.calls = ["b64.socket": 20, "b32.close": 0]
        counts.skipped = ["b32": "no 32-bit calls"]
        let read = try #require(SelfTestCounts(line: counts.line))
        #expect(read.stillOpen == FamilyCounts(tcp: 5, udp: 5, other: 5))
        counts.skipped = ["b32": "no-32-bit-calls"]
        #expect(read == counts)
        let words = counts.line.split(separator: " ")
        for left in 0..<13 {
            // Each of them is needed.
            let cut = words.enumerated().filter { $0.offset != left }.map(\.element).joined(separator: " ")
            #expect(left == 0 || SelfTestCounts(line: cut) == nil, "\(cut)")
        }
        for line in ["", "x", "\(SelfTestCounts.mark)", "\(SelfTestCounts.mark) pid=99999999999 start=1"] {
            #expect(SelfTestCounts(line: line) == nil)
        }
    }
}
