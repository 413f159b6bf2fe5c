import Foundation
import TestSupport
import Testing

/// JSON lines against the schemas in docs/, by somebody else's checker (python3-jsonschema).
@Suite struct SchemaTests {
    private static let schemas = Repository.path + "/docs"

    /// Strict: what is not in the schema is an error here, though readers must let it pass. Checks besides what a
    /// schema cannot say: sums.
    private static let checker = #"""
        import collections, json, sys
        from jsonschema import Draft202012Validator as Validator
        def close(part):
            if isinstance(part, dict):
                if "properties" in part: part["additionalProperties"] = False
                for value in part.values(): close(value)
            elif isinstance(part, list):
                for value in part: close(value)
        def load(kind):
            schema = json.load(open(f"{sys.argv[1]}/{kind}.schema.json"))
            Validator.check_schema(schema)
            assert schema["title"] == f"sockaudit.{kind}/1"
            close(schema)
            return Validator(schema)
        validators = {f"sockaudit.{kind}/1": load(kind) for kind in ("table", "report", "diff")}
        lines = collections.Counter()
        for line in sys.stdin:
            number, item = lines.total() + 1, json.loads(line)
            schema = item.get("schema")
            if schema not in validators: sys.exit(f"line {number} is of no schema: {schema}")
            for error in validators[schema].iter_errors(item):
                sys.exit(f"line {number} {list(error.absolute_path)}: {error.message[:300]}")
            if schema == "sockaudit.table/1":
                for part in item["rows"] + [item["totals"]]:
                    for counts in part.values():
                        if isinstance(counts, dict) and "total" in counts:
                            assert counts["total"] == counts["tcp"] + counts["udp"] + counts["other"]
            lines[schema] += 1
        print(lines["sockaudit.table/1"], lines["sockaudit.report/1"], lines["sockaudit.diff/1"])
        """#

    private func check(_ lines: String) throws -> Ran {
        let ran = try run(Tool.python, ["-c", Self.checker, Self.schemas], input: lines)
        if ran.err.contains("No module named 'jsonschema'") { try Tool.skip("python3-jsonschema is missing") }
        return ran
    }

    private func logs() throws -> [String] {
        let folder = Repository.path + "/Tests/Fixtures/logs"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".log")
        }
        return names.sorted().map { "\(folder)/\($0)" } + [Repository.sample]
    }

    @Test(arguments: [
        [], ["--group-by", "name"], ["--group-by", "auid"], ["--family", "tcp"], ["--top", "1"],
        ["--leaks"], ["--leaks", "--older-than", "1", "--group-by", "name"],
    ])
    func realOutput(_ options: [String]) throws {
        var lines = ""
        for log in try logs() {
            let ran = try run(
                Repository.sockaudit, ["all", "--format", "json", "--quiet"] + options + ["--input", log])
            #expect([0, 4].contains(ran.code), "\(log): \(ran.err)")
            lines += ran.out
        }
        let checked = try check(lines)
        #expect(checked.code == 0, "\(options): \(checked.err)")
        #expect(Int(checked.out.prefix { $0 != " " }) ?? 0 > 10)
    }

    /// Two runs in one file, and what diff makes of them.
    @Test func reportsAndTheirDiff() throws {
        let scratch = try Scratch()
        let report = scratch.file("r.jsonl")
        for options in [[], ["--group-by", "name"]] {
            let arguments =
                ["all", "--report", report, "--every", "1"] + options + ["--input", Repository.sample]
            let ran = try run(Repository.sockaudit, arguments)
            #expect(ran.code == 0, "\(ran.err)")
        }
        let diff = try run(
            Repository.sockaudit, ["diff", report, report, "--format", "json", "--fail-growth", "1"])
        #expect(diff.code == 0, "\(diff.err)")
        let checked = try check(try scratch.read("r.jsonl") + diff.out)
        #expect(checked.code == 0, "\(checked.err)")
        let counts = checked.out.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        #expect(counts.count == 3 && counts[0] > 2 && counts.suffix(2) == [8, 1], "\(counts)")
    }

    /// Growth between reports of different things is none: neither passed nor failed.
    @Test(arguments: [(["--group-by", "name"], 0), (["--group-by", "exe"], 2), (["--family", "tcp"], 2)])
    func diffOfWhatIsNotComparable(_ options: [String], _ code: Int) throws {
        let scratch = try Scratch()
        let (old, new) = (scratch.file("old.jsonl"), scratch.file("new.jsonl"))
        for (report, options) in [(old, []), (new, options)] {
            let ran = try run(
                Repository.sockaudit, ["all", "--report", report] + options + ["--input", Repository.sample])
            #expect(ran.code == 0, "\(ran.err)")
        }
        let asked = ["diff", old, new, "--format", "json"]
        let diff = try run(Repository.sockaudit, asked + ["--fail-growth", "1"])
        #expect(Int(diff.code) == code && diff.err.contains("are not comparable (OLD has ") == (code == 2))
        let checked = try check(diff.out)
        #expect(checked.code == 0, "\(checked.err)")
        #expect(diff.out.contains("\"comparable\":\(code == 0),"))
        #expect(try run(Repository.sockaudit, asked).code == 0, "it is shown all the same")
    }

    /// What the renderer makes of rows that a log does not give: folded ones, `--top`, a live head.
    @Test func goldens() throws {
        let folder = Repository.path + "/Tests/Fixtures/goldens"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".jsonl")
        }
        #expect(names.count > 5)
        for name in names {
            let checked = try check(try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
            #expect(checked.code == 0, "\(name): \(checked.err)")
        }
    }

    @Test(arguments: [
        ("\"verdict\":\"complete\"", "\"verdict\":\"COMPLETE\""), ("\"tcp\":", "\"TCP\":"),
        ("\"pid\":1234", "\"pid\":-1"),
        ("\"host\"", "\"hots\""), ("\"uid\":33", "\"uid\":\"33\""), ("\"drift\":0", "\"drift\":0,\"more\":1"),
        ("\"time\":\"2026-", "\"time\":\"26-"), ("sockaudit.table/1", "sockaudit.table/2"),
        ("\"boot_id\":\"", "\"boot\":\""), ("\"part\":\"begin\"", "\"part\":\"first\""),
        ("\"sha256\":\"", "\"sha256\":\"0"), ("\"missing\":0", "\"missing\":null"),
    ])
    func whatIsWrongIsFound(_ right: String, _ wrong: String) throws {
        let golden = try String(
            contentsOfFile: Repository.path + "/Tests/Fixtures/goldens/report.jsonl", encoding: .utf8)
        #expect(golden.contains(right))
        let checked = try check(golden.replacingOccurrences(of: right, with: wrong))
        #expect(checked.code != 0 && checked.err.contains("line "), "\(checked)")
    }
}
