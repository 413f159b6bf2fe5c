import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Processes that call themselves, and whose program or script is called, what steers a terminal, ends a line
    /// or is no text at all.
    @Suite struct HostileNames {
        private let scratch: Scratch

        init() throws { scratch = try Scratch() }

        /// As bytes, and as people are to see it; 15 bytes at most, so that comm has room.
        private static let names: [(bytes: [UInt8], shown: String)] = [
            (Array("\u{1B}]0;pwned\u{07}".utf8), "\\x1b]0;pwned\\x07"),
            (Array("a\n\u{1B}[2J\rb\t".utf8), "a\\x0a\\x1b[2J\\x0db\\x09"),
            ([0x63, 0xFF, 0x9B, 0x33, 0x31, 0x6D], "c\\xff\\x9b31m"),
            (Array("\u{9B}31m\u{85}".utf8), "\\u{009b}31m\\u{0085}"),
            (Array("\u{202E}gpj.exe".utf8), "\\u{202e}gpj.exe"),
            (Array("=1+1;\"x\",'y'".utf8), "=1+1;\"x\",'y'"),
            (Array("<b>&\\x1b".utf8), "<b>&\\\\x1b"),
            (Array("e\u{301}\u{200B}\u{3164}".utf8), "e\\u{0301}\\u{200b}\\u{3164}"),
            ([0xC0, 0xAF, 0xED, 0xA0, 0x80, 0xE2], "\\xc0\\xaf\\xed\\xa0\\x80\\xe2"),
            (Array(" TOTAL  1 ".utf8), "\\x20TOTAL \\x201\\x20"),
            (Array("日本🦀".utf8), "日本🦀"),
        ]

        /// Starts three processes for each name: one that takes it (prctl), one whose program has it, and an
        /// interpreter with a script of that name. Tells their pids, then waits for its input's end.
        private static let driver = #"""
            import os, shutil, subprocess, sys
            folder, counter = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
            script = b"""
            import socket, sys
            held = [socket.socket() for _ in range(6)]
            for one in held[:3]: one.close()
            print("ready", flush=True)
            sys.stdin.read()
            """
            what = ["--tcp", "6", "--udp", "0", "--unix", "0", "--close", "500", "--hold", "600"]
            running = []
            def start(kind, name, arguments):
                process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                running.append(process)
                assert process.stdout.readline().startswith(b"ready")
                print(kind, name.hex(), process.pid, flush=True)
            try:
                for name in map(bytes.fromhex, sys.argv[3:]):
                    start("comm", name, [counter] + what + ["--name", name])
                    path = folder + b"/" + name
                    shutil.copy(counter, path)
                    start("exe", name, [path] + what)
                    path += b".py"
                    with open(path, "wb") as file: file.write(script)
                    start("script", name, [sys.executable, "-S", "-E", path])
                print("all", flush=True)
                sys.stdin.read()
            finally:
                for process in running: process.kill()
            """#

        private struct Made {
            var kind: Substring
            var name: [UInt8]
            var pid: Int
        }

        private static func bytes(_ hex: some StringProtocol) -> [UInt8] {
            let digits = Array(hex)
            return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
        }

        /// What docs/names.md says: the bytes of a key.
        private func bytes(_ row: [String: Any], _ key: String) -> [UInt8] {
            if let hex = row[key + "_hex"] as? String { return Self.bytes(hex) }
            return Array((row[key] as? String ?? "?").utf8)
        }

        private func made(_ child: Child) throws -> [Made] {
            _ = try child.outLine("all")
            return child.outLines.compactMap { line in
                let words = line.split(separator: " ")
                guard words.count == 3, let pid = Int(words[2]) else { return nil }
                return Made(kind: words[0], name: Self.bytes(words[1]), pid: pid)
            }
        }

        private func isShown(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
                .nonspacingMark, .enclosingMark, .spacingMark:
                false
            case .spaceSeparator: scalar == " "
            default: !scalar.properties.isDefaultIgnorableCodePoint
            }
        }

        @Test func areWhatTheyAreAndNothingMore() throws {
            let watched = try Watched()
            let text = try Child(
                Host.sockaudit,
                ["all", "--interval", "3600", "--duration", "900", "--format", "text", "--wide", "--leaks"])
            text.closeInput()
            _ = try text.errLine("sockaudit: watching")
            let driver = try Child(
                Tool.python,
                ["-S", "-E", "-c", Self.driver, scratch.path, Host.workload("counter")]
                    + Self.names.map { $0.bytes.map { String(format: "%02x", $0) }.joined() })
            let made = try made(driver)
            #expect(made.count == 3 * Self.names.count, "\(driver.err)")
            let run = try watched.stop()
            text.signal(SIGINT)
            _ = try text.wait()
            driver.closeInput()
            _ = try driver.wait()
            #expect(run.last.final)
            try expectJSON(try #require(watched.child.outLines.last), made)
            expectText(text.out, made)
        }

        private func expectJSON(_ line: String, _ made: [Made]) throws {
            let table = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let rows = try #require(table["rows"] as? [[String: Any]])
            for one in made {
                let found = rows.filter { $0["pid"] as? Int == one.pid }
                guard let row = found.first, found.count == 1 else {
                    Issue.record("\(found.count) rows of \(one)")
                    continue
                }
                let path = Array((scratch.path + "/").utf8) + one.name
                switch one.kind {
                case "comm": #expect(bytes(row, "name") == one.name, "\(one)")
                case "exe":
                    #expect(bytes(row, "name") == one.name && bytes(row, "exe") == path, "\(one) \(row)")
                default: break
                }
                #expect((row["socket_tot"] as? [String: Int])?["tcp"] == 6, "\(one)")
                #expect((row["still_open"] as? [String: Int])?["tcp"] == 3, "\(one)")
            }
        }

        private func expectText(_ text: String, _ made: [Made]) {
            let hidden = text.unicodeScalars.filter { $0 != "\n" && !isShown($0) }
            #expect(hidden.isEmpty, "\(hidden.map { String($0.value, radix: 16) })")
            let lines = text.split(separator: "\n")
            for one in made where one.kind != "script" {
                guard let shown = Self.names.first(where: { $0.bytes == one.name })?.shown else { continue }
                // Whole, on one line.
                let mine = lines.filter { $0.hasPrefix(shown + " ") }
                #expect(
                    mine.contains { $0.dropFirst(shown.count).split(separator: " ").first == "\(one.pid)" },
                    "\(one)")
                if one.kind == "exe" {
                    #expect(
                        mine.contains {
                            $0.contains(
                                "\(scratch.path)/\(shown.hasPrefix("\\x20") ? " " + shown.dropFirst(4) : shown)"
                            )
                        }, "\(one)")
                }
            }
        }

        /// A script's name is looked for by its bytes, and told by what was typed.
        @Test func aScriptByItsName() throws {
            let name = "s\u{1B}[7m\u{202E}.py"
            let watched = try Watched(name)
            #expect(watched.line.contains("watching s\\x1b[7m\\u{202e}.py ("), "\(watched.line)")
            let work = try PythonWorkload(at: scratch.file(name))
            let truth = try work.ask("mix")
            let run = try watched.stop()
            #expect(run.last.rows.map(\.pid) == [work.pid])
            expect(run.last, work.pid, is: truth.account)
            #expect(run.last.scope == [name])
            try work.end()
        }
    }
}
