import Foundation
import Testing

/// JSON lines against docs/table.schema.json, by somebody else's checker (python3-jsonschema).
@Suite struct SchemaTests {
    private static let schema = Repository.path + "/docs/table.schema.json"

    /// Strict: what is not in the schema is an error here, though readers must let it pass. Checks besides what a
    /// schema cannot say: sums.
    private static let checker = #"""
        import json, sys
        from jsonschema import Draft202012Validator as Validator
        schema = json.load(open(sys.argv[1]))
        def close(part):
            if isinstance(part, dict):
                if "properties" in part: part["additionalProperties"] = False
                for value in part.values(): close(value)
            elif isinstance(part, list):
                for value in part: close(value)
        Validator.check_schema(schema)
        close(schema)
        validator, lines = Validator(schema), 0
        for line in sys.stdin:
            table = json.loads(line)
            for error in validator.iter_errors(table):
                sys.exit(f"line {lines + 1} {list(error.absolute_path)}: {error.message[:300]}")
            for part in table["rows"] + [table["totals"]]:
                for counts in part.values():
                    if isinstance(counts, dict) and "total" in counts:
                        assert counts["total"] == counts["tcp"] + counts["udp"] + counts["other"]
            lines += 1
        print(lines)
        """#

    private func check(_ lines: String, _ comment: Comment) throws -> Ran {
        let ran = try run(Tool.python, ["-c", Self.checker, Self.schema], input: lines)
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
    ])
    func realOutput(_ options: [String]) throws {
        var lines = ""
        for log in try logs() {
            let ran = try run(
                Repository.sockaudit, ["all", "--format", "json", "--quiet"] + options + ["--input", log])
            #expect([0, 4].contains(ran.code), "\(log): \(ran.err)")
            lines += ran.out
        }
        let checked = try check(lines, "\(options)")
        #expect(checked.code == 0, "\(options): \(checked.err)")
        #expect(Int(checked.out.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 10)
    }

    /// What the renderer makes of rows that a log does not give: folded ones, `--top`, a live head.
    @Test func goldens() throws {
        let folder = Repository.path + "/Tests/Fixtures/goldens"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".jsonl")
        }
        #expect(names.count > 5)
        for name in names {
            let checked = try check(
                try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8), "\(name)")
            #expect(checked.code == 0, "\(name): \(checked.err)")
        }
    }

    @Test(arguments: [
        ("\"verdict\":\"complete\"", "\"verdict\":\"COMPLETE\""), ("\"tcp\":", "\"TCP\":"),
        ("\"pid\":1234", "\"pid\":-1"),
        ("\"host\"", "\"hots\""), ("\"uid\":33", "\"uid\":\"33\""), ("\"drift\":0", "\"drift\":0,\"more\":1"),
        ("\"time\":\"2026-", "\"time\":\"26-"),
    ])
    func whatIsWrongIsFound(_ right: String, _ wrong: String) throws {
        let golden = try String(
            contentsOfFile: Repository.path + "/Tests/Fixtures/goldens/one-row.jsonl", encoding: .utf8)
        #expect(golden.contains(right))
        let checked = try check(golden.replacingOccurrences(of: right, with: wrong), "\(wrong)")
        #expect(checked.code != 0 && checked.err.contains("line 1"), "\(checked)")
    }
}
