import Foundation
import Glibc
import TestSupport
import Testing

/// A program that serves HTTP on 127.0.0.1 until the test is over.
final class Server {
    let port: Int
    private let process = Process()
    private let log: String

    init(_ program: String, _ arguments: [String], port: Int, log: String) throws {
        self.port = port
        self.log = log
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
    }

    deinit {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    /// One that nobody has now.
    static func freePort() throws -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // An internet address is a socket address of this size.
        let bound = unsafe withUnsafeMutablePointer(to: &address) { raw in
            unsafe raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(fd, $0, length) == 0 && getsockname(fd, $0, &length) == 0
            }
        }
        guard bound else { throw SupportError("no free port: \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// - Returns: nil while nobody answers.
    func get(_ path: String, _ query: [String: String] = [:]) throws -> String? {
        guard process.isRunning else {
            throw SupportError("it has ended: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        }
        var arguments = ["-s", "--max-time", "20", "--noproxy", "*", "-G", "http://127.0.0.1:\(port)\(path)"]
        for (name, value) in query { arguments += ["--data-urlencode", "\(name)=\(value)"] }
        let ran = try run(try Tool.need("curl"), arguments)
        return ran.code == 0 ? ran.out : nil
    }
}

/// A Prometheus of our own, and what can be asked of it.
struct Prometheus {
    let server: Server

    struct Sample {
        var labels: [String: String]
        var value: Double
    }

    /// - Parameter exporter: what it scrapes, every second.
    init(_ scratch: Scratch, exporter: Int) throws {
        let port = try Server.freePort()
        let rules = Repository.path + "/contrib/prometheus/sockaudit.rules.yml"
        let settings = try scratch.write(
            "prometheus.yml",
            """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            rule_files: ['\(rules)']
            scrape_configs: [{job_name: node, static_configs: [{targets: ['127.0.0.1:\(exporter)']}]}]
            """)
        server = try Server(
            try Tool.need("prometheus"),
            [
                "--config.file=\(settings)", "--storage.tsdb.path=\(scratch.file("tsdb"))",
                "--web.listen-address=127.0.0.1:\(port)",
            ], port: port, log: scratch.file("prometheus.log"))
    }

    /// - Returns: nil while it does not answer; a query that it refuses is an error.
    func query(_ text: String) throws -> [Sample]? {
        guard let data = try answer("/api/v1/query", ["query": text]),
            let found = data["result"] as? [[String: Any]]
        else { return nil }
        return found.map { sample in
            let value = (sample["value"] as? [Any])?.last as? String
            return Sample(
                labels: sample["metric"] as? [String: String] ?? [:],
                value: value.flatMap(Double.init) ?? .nan)
        }
    }

    func answer(_ path: String, _ query: [String: String] = [:]) throws -> [String: Any]? {
        guard let text = try server.get(path, query),
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        else { return nil }
        guard object["status"] as? String == "success" else { throw SupportError("\(query): \(text)") }
        return object["data"] as? [String: Any]
    }
}
