import Foundation
import Glibc
import TestSupport
import Testing

/// What is written for node exporter, taken by a real one and by a real Prometheus.
@Suite(.serialized) struct PrometheusTests {
    private static let counters = [
        "sockaudit_sockets_opened_total": "socket_tot", "sockaudit_sockets_closed_total": "close_tot",
        "sockaudit_sockets_released_total": "released", "sockaudit_sockets_open": "still_open",
    ]
    private static let contrib = Repository.path + "/contrib"

    private struct Series: Hashable {
        var metric: String
        var name: String
        var family: String
    }

    /// The sums by name of a JSON table.
    private func sums(_ json: String) throws -> [Series: Double] {
        let table = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        var sums: [Series: Double] = [:]
        for row in try #require(table["rows"] as? [[String: Any]]) {
            let opened = (row["socket_tot"] as? [String: Int])?["total"] ?? 0
            guard let name = row["name"] as? String, opened > 0 else { continue }
            for (metric, key) in Self.counters {
                let counts = try #require(row[key] as? [String: Int])
                for family in ["tcp", "udp", "other"] {
                    sums[Series(metric: metric, name: name, family: family), default: 0] += Double(
                        counts[family] ?? -1)
                }
            }
        }
        return sums
    }

    private func replay(_ log: String, _ scratch: Scratch) throws -> String {
        for name in ["sockaudit.prom", "report.json"] {
            let ran = try run(Repository.sockaudit, ["all", "--input", log, "--report", scratch.file(name)])
            #expect([0, 4].contains(ran.code), "\(ran.err)")
        }
        var info = stat()
        // C fills the struct that it is given.
        unsafe #expect(stat(scratch.file("sockaudit.prom"), &info) == 0 && info.st_mode & 0o777 == 0o644)
        return try scratch.table("report.json")
    }

    @Test func scraped() throws {
        let exporterProgram = try Tool.need("prometheus-node-exporter")
        _ = try Tool.need("prometheus")
        let (folder, scratch) = (try Scratch(), try Scratch())
        let json = try replay(Repository.sample, folder)
        let port = try Server.freePort()
        let exporter = try Server(
            exporterProgram,
            [
                "--collector.disable-defaults", "--collector.textfile",
                "--collector.textfile.directory=\(folder.path)", "--web.listen-address=127.0.0.1:\(port)",
            ], port: port, log: scratch.file("exporter.log"))
        var page = ""
        try eventually("node exporter answers") {
            page = try exporter.get("/metrics") ?? ""
            return page.contains("sockaudit_complete")
        }
        #expect(page.contains("\nnode_textfile_scrape_error 0\n"))

        let prometheus = try Prometheus(scratch, exporter: port)
        let wanted = try sums(json)
        #expect(wanted.count == 4 * 3 * 4, "four names in three families")
        try eventually("Prometheus has scraped") {
            try prometheus.query("sockaudit_complete")?.first?.value == 0
        }
        var found: [Series: Double] = [:]
        for metric in Self.counters.keys {
            for sample in try #require(try prometheus.query(metric)) {
                #expect(Set(sample.labels.keys) == ["__name__", "name", "family", "instance", "job"])
                let series = Series(
                    metric: metric, name: sample.labels["name"] ?? "", family: sample.labels["family"] ?? "")
                found[series] = sample.value
            }
        }
        #expect(found == wanted)
        #expect(try prometheus.query("sockaudit_events_lost_total")?.map(\.value) == [0])
        let metadata = try #require(
            try prometheus.server.get("/api/v1/metadata", ["metric": "sockaudit_sockets_open"]))
        #expect(metadata.contains("\"gauge\""), "\(metadata)")

        // The file is replaced while it is being scraped; names that fight back come through as they are.
        _ = try replay(Repository.path + "/Tests/Fixtures/logs/hostile.log", folder)
        let lines = try folder.read("sockaudit.prom").split(separator: "\n").count {
            $0.hasPrefix("sockaudit_sockets_open{")
        }
        #expect(lines > 9)
        try eventually("the new file has been scraped") {
            try prometheus.query("count(sockaudit_sockets_open)")?.first?.value == Double(lines)
        }
        #expect(try prometheus.query("node_textfile_scrape_error")?.map(\.value) == [0])

        try expectDashboard(prometheus)
        let rules = try #require(try prometheus.answer("/api/v1/rules")?["groups"] as? [[String: Any]])
        let alerts = rules.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
        #expect(alerts.count == 4 && alerts.allSatisfy { $0["health"] as? String == "ok" }, "\(alerts)")
    }

    /// Each query of the dashboard is one that Prometheus takes, and those of our own figures find some.
    private func expectDashboard(_ prometheus: Prometheus) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Self.contrib + "/grafana/sockaudit.json"))
        let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])
        #expect(panels.count > 5)
        var metrics: Set<String> = []
        for target in panels.flatMap({ $0["targets"] as? [[String: Any]] ?? [] }) {
            var query = try #require(target["expr"] as? String)
            for metric in query.matches(of: /sockaudit_[a-z_]+/) { metrics.insert(String(metric.output)) }
            for variable in ["$instance", "$name", "$family"] {
                query = query.replacingOccurrences(of: variable, with: ".*")
            }
            for span in ["$__rate_interval", "$__range"] {
                query = query.replacingOccurrences(of: span, with: "1m")
            }
            // A rate needs two scrapes.
            try eventually("an answer to \(query)") { try prometheus.query(query)?.isEmpty == false }
        }
        #expect(
            metrics == Set(Self.counters.keys).union(["sockaudit_events_lost_total", "sockaudit_complete"]))
    }

    @Test(arguments: ["logs/hostile.log", "logs/fork.log", "sample.log"])
    func promtoolFindsNoFault(_ log: String) throws {
        let promtool = try Tool.need("promtool")
        let scratch = try Scratch()
        _ = try replay(Repository.path + "/Tests/Fixtures/" + log, scratch)
        let text = try scratch.read("sockaudit.prom")
        let checked = try run(promtool, ["check", "metrics"], input: text)
        #expect(checked.code == 0 && checked.out.isEmpty && checked.err.isEmpty, "\(checked)")
        // It does find one where there is one.
        let broken = text.replacingOccurrences(
            of: "sockaudit_events_lost_total", with: "sockaudit_events_lost")
        #expect(try run(promtool, ["check", "metrics"], input: broken).code != 0)
    }

    @Test func alertRules() throws {
        let promtool = try Tool.need("promtool")
        let folder = Self.contrib + "/prometheus"
        let checked = try run(promtool, ["check", "rules", "sockaudit.rules.yml"], in: folder)
        #expect(checked.code == 0, "\(checked)")
        let tested = try run(promtool, ["test", "rules", "sockaudit.rules.test.yml"], in: folder)
        #expect(tested.code == 0 && (tested.out + tested.err).contains("SUCCESS"), "\(tested)")
        // A rule that never fires does not pass.
        let scratch = try Scratch()
        for name in ["sockaudit.rules.yml", "sockaudit.rules.test.yml"] {
            let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            try scratch.write(name, text.replacingOccurrences(of: "> 50", with: "> 5000"))
        }
        #expect(try run(promtool, ["test", "rules", "sockaudit.rules.test.yml"], in: scratch.path).code != 0)
    }
}
