import Foundation
import Glibc
import SockAuditCore
import Testing

/// Which format goes where, and what becomes of the file.
@Suite struct ReportFileTests {
    private func replay(_ options: String..., log: String = Repository.sample) throws -> Ran {
        try run(Repository.sockaudit, ["all", "--utc"] + options + ["--input", log])
    }

    private func mode(_ path: String) -> mode_t {
        var info = stat()
        return lstat(path, &info) == 0 ? info.st_mode & 0o777 : 0
    }

    /// What the tables of each format begin with, and a report file.
    private static let beginnings: [(ending: String, format: String, tables: String, file: String)] = [
        (".txt", "text", "SockClosePercPar", "# sockaudit report 1\n"),
        (".json", "json", "{\"schema\":\"sockaudit.table/1\"", "{\"schema\":\"sockaudit.report/1\""),
        (".jsonl", "json", "{\"schema\":\"sockaudit.table/1\"", "{\"schema\":\"sockaudit.report/1\""),
        (".csv", "csv", "host,sequence,", "# sockaudit report 1\n"),
        (".html", "html", "<!DOCTYPE html><!--", "<!DOCTYPE html><!--"),
        (".prom", "prometheus", "# sockaudit report 1\n", "# sockaudit report 1\n"),
        (".log", "text", "SockClosePercPar", "# sockaudit report 1\n"),
    ]

    @Test(arguments: 0..<beginnings.count)
    func theEndingSaysTheFormat(_ index: Int) throws {
        let (ending, format, tables, begins) = Self.beginnings[index]
        let scratch = try Scratch()
        let report = scratch.file("r" + ending)
        #expect(try replay("--report", report).code == 0)
        let found = try scratch.read("r" + ending)
        #expect(found.hasPrefix(begins))
        #expect(mode(report) == (ending == ".prom" ? 0o644 : 0o600))
        // The option says the same on standard output, where a run's own lines stand around a page only.
        let shown = try replay("--format", format).out
        #expect(shown.hasPrefix(tables))
        if tables == begins {
            #expect(shown == found)
        } else {
            #expect(found.contains(shown) && !shown.contains("sha256"))
        }
        // It stands above the ending.
        let other = scratch.file("other.json")
        #expect(try replay("--format", format, "--report", other).code == 0)
        #expect(try scratch.read("other.json") == found)
        #expect(scratch.names.count == 2, "nothing else is left: \(scratch.names)")
    }

    /// What an auditor looks for in any of them, and that a changed byte is found.
    @Test(arguments: [".txt", ".json", ".csv", ".html", ".prom"])
    func everyReportSaysWhereItIsFromAndIsSealed(_ ending: String) throws {
        let scratch = try Scratch()
        let name = "r" + ending
        #expect(try replay("--report", scratch.file(name)).code == 0)
        let text = try scratch.read(name)
        let json = try replay("--format", "json").out
        let table = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let events = try #require(table["events"] as? [String: Int])
        let version = try run(Repository.sockaudit, ["--version"]).out.trimmingCharacters(
            in: .whitespacesAndNewlines)
        for key in ["host", "kernel", "started", "time"] {
            #expect(text.contains(try #require(table[key] as? String)), "\(key)")
        }
        #expect(text.contains(version))
        let seen = [#""seen":\#(events["seen"] ?? -1),"#, "\(events["seen"] ?? -1) seen, "]
        #expect(seen.contains { text.contains($0) })
        #expect(text.lowercased().contains("unverified"))
        let last = try #require(text.split(separator: "\n").last)
        let above = String(text.dropLast(last.utf8.count + 1))
        let sum = try run("sha256sum", ["-"], input: above).out.prefix(64)
        #expect(last.contains(sum), "\(last)")
        #expect(try run(Repository.sockaudit, ["verify", scratch.file(name)]).code == 0)
        try scratch.write(name, above.replacingOccurrences(of: "python3", with: "python4") + last + "\n")
        let verified = try run(Repository.sockaudit, ["verify", scratch.file(name)])
        #expect(verified.code == 4 && verified.out.contains("WRONG"), "\(verified)")
    }

    /// Each figure of CSV is the one of JSON with the flat name.
    @Test(arguments: ["sample.log", "logs/hostile.log", "logs/node.log", "logs/hex_comm.log"])
    func csvIsJSON(_ name: String) throws {
        let log = Repository.path + "/Tests/Fixtures/" + name
        try expect(
            try replay("--format", "csv", log: log).out, is: try replay("--format", "json", log: log).out)
    }

    /// In a log's one table the last interval is all there is; here it is not.
    @Test func csvIsJSONInTheMiddleOfARun() throws {
        let table = SampleRun(tables: 9).last
        try expect(CSVTable.header + CSVTable.render(table), is: JSONLines.render(table))
    }

    private func expect(_ csv: String, is json: String) throws {
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let table = try #require(object as? [String: Any])
        let rows = try #require(table["rows"] as? [[String: Any]])
        // By Python's reader, as somebody's script would.
        let script =
            "import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8'), strict=True))))"
        let scratch = try Scratch()
        let file = try scratch.write("r.csv", csv)
        let read = try run(Tool.python, ["-c", script, file])
        let lines = try #require(
            try JSONSerialization.jsonObject(with: Data(read.out.utf8)) as? [[String: String]], "\(read.err)")
        #expect(lines.count == rows.count && !rows.isEmpty)
        for (line, row) in zip(lines, rows) {
            var flat: [String: String] = [:]
            for key in ["host", "verdict", "time", "mode"] { flat[key] = table[key] as? String }
            for (key, value) in row { Self.flatten(key, value, into: &flat) }
            flat["processes"] = flat["processes"] ?? "1"
            for hex in ["name_hex", "exe_hex"] { flat[hex] = nil }
            // How figures grow follows from a CSV's rows.
            for growth in [
                "growth_per_minute", "others_growth_per_minute", "grows", "seconds_to_limit",
            ] { flat[growth] = nil }
            // Numbers with a fraction, as JSON writes them, are compared as numbers.
            for (key, value) in flat where !["name", "exe", "node", "host"].contains(key) {
                #expect(line[key] == value || Double(line[key] ?? "") == Double(value), "\(key)")
            }
            #expect(Set(flat.keys).isSubset(of: Set(line.keys)), "\(Set(flat.keys).subtracting(line.keys))")
            #expect(line["name"] == Self.unquoted(Escaping.csv(Self.name(row, "name"))))
            #expect(line["exe"] == Self.unquoted(Escaping.csv(Self.name(row, "exe"))))
        }
    }

    private static func flatten(_ key: String, _ value: Any, into flat: inout [String: String]) {
        if let object = value as? [String: Any] {
            for (name, inner) in object { flatten("\(key)_\(name)", inner, into: &flat) }
        } else if value is NSNull {
            flat[key] = ""
        } else if let text = value as? String {
            flat[key] = text
        } else if let number = value as? NSNumber {
            flat[key] = "\(number)"
        }
    }

    private static func name(_ row: [String: Any], _ key: String) -> [UInt8] {
        guard let hex = row[key + "_hex"] as? String else { return Array((row[key] as? String ?? "").utf8) }
        var bytes: [UInt8] = []
        var rest = hex[...]
        while !rest.isEmpty {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func unquoted(_ cell: String) -> String {
        guard cell.hasPrefix("\"") else { return cell }
        return cell.dropFirst().dropLast().replacingOccurrences(of: "\"\"", with: "\"")
    }

    @Test func csvNamesItsColumnsOnceAFile() throws {
        let scratch = try Scratch()
        for _ in 0..<2 { #expect(try replay("--report", scratch.file("r.csv")).code == 0) }
        let text = try scratch.read("r.csv")
        let lines = text.components(separatedBy: .newlines).filter { !$0.isEmpty && !$0.hasPrefix("#") }
        #expect(lines.count { $0.hasPrefix("host,") } == 1 && lines.count == 21)
        #expect(lines.first?.hasPrefix("host,") == true)
        #expect(text.components(separatedBy: "\n").count { $0.hasPrefix("# sha256 ") } == 2)
        #expect(try run(Repository.sockaudit, ["verify", scratch.file("r.csv")]).code == 0)
    }

    @Test(arguments: ["r.html", "r.prom"])
    func theFileIsReplaced(_ name: String) throws {
        let scratch = try Scratch()
        let report = scratch.file(name)
        func inode() -> UInt {
            var info = stat()
            return lstat(report, &info) == 0 ? info.st_ino : 0
        }
        #expect(try replay("--report", report).code == 0)
        // Somebody reads the old one, and reads on when it is replaced.
        let reader = try #require(FileHandle(forReadingAtPath: report))
        let (first, before) = (try scratch.read(name), inode())
        chmod(report, 0o640)
        #expect(try replay("--report", report, "--family", "tcp").code == 0)
        #expect(inode() != before && mode(report) == (name == "r.prom" ? 0o644 : 0o600))
        #expect(String(decoding: reader.readDataToEndOfFile(), as: UTF8.self) == first)
        #expect(try scratch.read(name) != first)
        #expect(scratch.names == [name])
    }

    @Test(arguments: ["link.html", "folder.prom", "missing/r.html"])
    func whatCannotBeReplacedIsSaidAtOnce(_ name: String) throws {
        let scratch = try Scratch()
        try scratch.write("target", "precious")
        symlink(scratch.file("target"), scratch.file("link.html"))
        mkdir(scratch.file("folder.prom"), 0o700)
        // Before the input is read, which may take hours: this one takes for ever.
        let endless = scratch.file("endless")
        mkfifo(endless, 0o600)
        defer { unlink(endless) }
        let ran = try run(
            Repository.sockaudit, ["all", "--report", scratch.file(name), "--input", endless], seconds: 30)
        unlink(endless)
        #expect(ran.code == 2 && ran.err.contains("cannot be replaced"), "\(ran)")
        #expect(try scratch.read("target") == "precious")
        #expect(Set(scratch.names) == ["target", "link.html", "folder.prom"])
    }

    /// A full disk leaves the old report as it was.
    @Test func aFullDisk() throws {
        guard geteuid() == 0 else { try Tool.skip("not root: no small file system can be mounted") }
        let scratch = try Scratch()
        let disk = scratch.file("disk")
        mkdir(disk, 0o700)
        guard try run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).code == 0 else {
            try Tool.skip("no tmpfs can be mounted here")
        }
        defer { umount(disk) }
        let report = disk + "/r.html"
        #expect(try replay("--report", report).code == 0)
        let before = try String(contentsOfFile: report, encoding: .utf8)
        try Data(repeating: 0, count: 30_000).write(to: URL(fileURLWithPath: disk + "/filler"))
        let ran = try replay("--report", report)
        #expect(ran.code == 2 && ran.err.contains("free space"), "\(ran)")
        #expect(try String(contentsOfFile: report, encoding: .utf8) == before)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: disk).count == 2, "no half of one is left")
    }
}
