/// A file for node exporter's textfile collector, in Prometheus' text format 0.0.4.
public enum PrometheusText {
    /// The figures between what a report says of its run, and the hash of it all; to Prometheus these lines
    /// are comments.
    public static func report(
        _ sums: MetricSums, _ snapshot: Snapshot, head: ReportHead, end: ReportEnd,
        families: [SocketFamily] = SocketFamily.allCases
    ) -> String {
        ReportFrame.sealed(
            ReportFrame.head(head, .comments) + render(sums, snapshot, families: families)
                + ReportFrame.end(end, .comments), .comments)
    }

    /// - Parameter families: the sockets that are counted (`--family`).
    public static func render(
        _ sums: MetricSums, _ snapshot: Snapshot, families: [SocketFamily] = SocketFamily.allCases
    ) -> String {
        // Names that never had a socket() would be series of zeros for ever.
        let names = sums.names.filter { $0.value.told != MetricSums.Flow() }.sorted {
            $0.key.lexicographicallyPrecedes($1.key)
        }
        var text = ""
        func metric(
            _ name: String, _ type: String, _ help: String, _ value: (MetricSums.Sums, SocketFamily) -> Int
        ) {
            text += heading(name, type, help)
            for (label, sum) in names {
                for family in families {
                    text +=
                        "\(name){name=\"\(String(decoding: label, as: UTF8.self))\",family=\"\(family.name)\"}"
                    text += " \(value(sum, family))\n"
                }
            }
        }
        func told(_ metric: Int) -> (MetricSums.Sums, SocketFamily) -> Int {
            { $0.told[metric * 4 + Int($1.rawValue)] }
        }
        metric("sockaudit_sockets_opened_total", "counter", "Successful socket() calls.", told(0))
        metric(
            "sockaudit_sockets_closed_total", "counter",
            "Explicit closes of sockets that socket() gave the same process.", told(1))
        metric(
            "sockaudit_sockets_released_total", "counter",
            "Sockets that went without a close: at exit, at exec, or by dup2 over them.", told(2))
        metric("sockaudit_sockets_open", "gauge", "Sockets of socket() that are still open.") {
            $0.open[$1]
        }
        text += heading("sockaudit_events_lost_total", "counter", "Audit events that were lost in this run.")
        text += "sockaudit_events_lost_total \(snapshot.head.eventsLost)\n"
        text += heading("sockaudit_complete", "gauge", "Whether the last table's verdict was COMPLETE.")
        text += "sockaudit_complete \(snapshot.verdict == .complete ? 1 : 0)\n"
        return text
    }

    private static func heading(_ name: String, _ type: String, _ help: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }
}
