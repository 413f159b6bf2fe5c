import Testing

@testable import AuditStream

@Suite("Script names")
struct DecodeScriptTests {
    @Test(
        "The script that an interpreter runs",
        arguments: [
            ("python3 /opt/x.py", "/opt/x.py"), ("/usr/bin/python3.11 -u app.py -v", "app.py"),
            ("/bin/sh /etc/init.d/x start", "/etc/init.d/x"), ("perl -w s.pl", "s.pl"),
            ("node server.js", "server.js"), ("ruby3.1 x.rb", "x.rb"), ("pypy3 x.py", "x.py"),
            ("/usr/local/bin/php8.2 a.php", "a.php"), ("python x", "x"),
            // No interpreter, or no script.
            ("nginx -g daemon", ""), ("python3", ""), ("bash", ""), ("bash -l", ""), ("", ""),
            ("pythonista x.py", ""), ("/opt/sh/thing x", ""), ("3.11 x", ""),
        ])
    func find(_ line: String, _ wanted: String) {
        let bytes = Array(line.utf8.map { $0 == 0x20 ? 0 : $0 })
        #expect(String(decoding: ScriptName.find(commandLine: bytes), as: UTF8.self) == wanted)
        #expect(String(decoding: ScriptName.find(commandLine: bytes + [0]), as: UTF8.self) == wanted)
    }

    @Test(
        "A command in an argument is no script",
        arguments: [["sh", "-c", "echo hi"], ["python3", "-c", "import x"]])
    func command(_ arguments: [String]) {
        let bytes = Array(arguments.joined(separator: "\0").utf8)
        #expect(ScriptName.find(commandLine: bytes).isEmpty)
    }

    @Test("python -m names a module, which is its script")
    func module() {
        let bytes = Array("python3\0-m\0http.server".utf8)
        #expect(String(decoding: ScriptName.find(commandLine: bytes), as: UTF8.self) == "http.server")
    }

    @Test(
        "Untrusted text",
        arguments: [
            ("\"a\"", Array("a".utf8)), ("61", Array("a".utf8)), ("6", Array("6".utf8)),
            ("zz", Array("zz".utf8)),
            ("(null)", []), ("\"\"", []), ("", []), ("\"", Array("\"".utf8)), ("00ff", [0, 0xFF]),
        ])
    func untrusted(_ value: String, _ wanted: [UInt8]) {
        // The bytes stay for the call.
        unsafe #expect(Array(value.utf8).withUnsafeBufferPointer { UntrustedText.decode($0) } == wanted)
    }

    @Test("Numbers refuse what does not fit")
    func numbers() {
        func decimal(_ text: String) -> Int64? {
            // The bytes stay for the call.
            unsafe Array(text.utf8).withUnsafeBufferPointer { unsafe RecordNumber.decimal($0) }
        }
        func hex(_ text: String) -> UInt64? {
            // The bytes stay for the call.
            unsafe Array(text.utf8).withUnsafeBufferPointer { unsafe RecordNumber.hex($0) }
        }
        #expect(decimal("0") == 0)
        #expect(decimal("-9") == -9)
        #expect(decimal("9223372036854775807") == .max)
        #expect(decimal("-9223372036854775808") == .min)
        for bad in ["", "-", "+1", "1 ", "x", "9223372036854775808", "-9223372036854775809", "--1"] {
            #expect(decimal(bad) == nil, "\(bad)")
        }
        #expect(hex("ffffffffffffffff") == .max)
        #expect(hex("0000000000000000001") == 1)
        #expect(hex("7F") == 127)
        for bad in ["", "0x1", "g", "-1", "10000000000000000", "fffffffffffffffff"] {
            #expect(hex(bad) == nil, "\(bad)")
        }
    }
}
