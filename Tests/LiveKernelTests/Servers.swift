import Foundation
import Glibc
import TestSupport
import Testing

/// `python3 -m http.server` on a free port of the loopback.
final class WebServer {
    private let folder: Scratch
    let subject: Subject
    let port: Int
    var pid: pid_t { subject.pid }
    var url: String { "http://127.0.0.1:\(port)/" }

    init(traced: Bool = false) throws {
        folder = try Scratch()
        try folder.write("index.html", "<p>hello</p>\n")
        subject = try Subject(
            Tool.python, ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder.path],
            traced: traced)
        let line = try subject.child.outLine("Serving HTTP on ")
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "port"), let port = Int(words[at + 1]) else {
            throw SupportError("no port in '\(line)'")
        }
        self.port = port
    }

    func end() throws {
        subject.signal(SIGTERM)
        _ = try subject.child.wait()
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> Int {
        let code = "import socket;s=socket.socket();s.bind(('127.0.0.1',0));print(s.getsockname()[1])"
        guard let port = Int(try run(Tool.python, ["-c", code]).out.trimmingCharacters(in: .newlines)) else {
            throw SupportError("no free port")
        }
        return port
    }
}

/// nginx on the loopback, a connection to another server for every request.
final class Nginx {
    private let folder: Scratch
    let child: Child
    /// Master and workers.
    let pids: [pid_t]
    let url: String

    init(upstream: Int) throws {
        let folder = try Scratch()
        self.folder = folder
        let port = try WebServer.freePort()
        url = "http://127.0.0.1:\(port)/"
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder.file($0));" }.joined(separator: " ")
        let config = try folder.write(
            "nginx.conf",
            """
            daemon off;
            user root;
            worker_processes 2;
            pid \(folder.file("pid"));
            error_log \(folder.file("error.log"));
            events { worker_connections 64; }
            http {
              access_log off;
              \(temporary)
              server { listen 127.0.0.1:\(port); location / { proxy_pass http://127.0.0.1:\(upstream); } }
            }
            """)
        let child = try Child(
            "nginx", ["-e", folder.file("error.log"), "-p", folder.path, "-c", config])
        self.child = child
        var workers: [pid_t] = []
        try eventually("two nginx workers; \(child.err)") {
            if let code = child.poll() { throw SupportError("nginx ended (\(code)): \(child.err)") }
            workers = Proc.children(child.pid)
            return workers.count >= 2
        }
        pids = [child.pid] + workers
    }

    func end() throws {
        child.signal(SIGQUIT)
        #expect(try child.wait() == 0, "\(child.err)")
    }
}

/// What an audit daemon of the tests reads, and nothing of the host's configuration.
final class AuditDaemonFolder {
    private let folder: Scratch
    var path: String { folder.path }
    let logFolder: String
    var log: String { logFolder + "/audit.log" }
    var conf: String { folder.file("auditd.conf") }

    /// - Parameters:
    ///   - changes: settings of its configuration that are to be others.
    ///   - plugins: programs that it hands every record to, by the names of their files.
    init(_ changes: [String: String] = [:], plugins: [String: String] = [:]) throws {
        folder = try Scratch()
        logFolder = folder.file("log")
        for name in ["log", "plugins.d"] {
            try FileManager.default.createDirectory(
                atPath: folder.file(name), withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
        }
        for (name, program) in plugins {
            try folder.write(
                "plugins.d/\(name)",
                "active = yes\ndirection = out\npath = \(program)\ntype = always\nformat = string\n",
                mode: 0o640)
        }
        let lines = """
            local_events = yes
            write_logs = yes
            log_file = \(folder.file("log/audit.log"))
            log_group = root
            log_format = ENRICHED
            flush = INCREMENTAL_ASYNC
            freq = 50
            max_log_file = 500
            num_logs = 5
            max_log_file_action = IGNORE
            priority_boost = 0
            name_format = NONE
            space_left = 3
            space_left_action = IGNORE
            admin_space_left = 2
            admin_space_left_action = IGNORE
            disk_full_action = IGNORE
            disk_error_action = IGNORE
            verify_email = no
            use_libwrap = no
            distribute_network = no
            q_depth = 20000
            overflow_action = IGNORE
            plugin_dir = \(folder.file("plugins.d"))
            """.split(separator: "\n").filter { line in !changes.keys.contains { line.hasPrefix("\($0) =") } }
        // auditd leaves a last line without an end out.
        let text = lines.map { "\($0)\n" } + changes.map { "\($0.key) = \($0.value)\n" }
        try folder.write("auditd.conf", text.joined(), mode: 0o640)
    }
}

extension AuditDaemon {
    /// The host before one of ours starts; skips where it has one already, or another sockaudit runs.
    static func stateBefore() throws -> AuditState {
        try Skips.need("auditd")
        let before = try AuditState.read()
        guard before.settings["pid"] == "0" else { try Skips.skip("an audit daemon of the host runs") }
        guard before.foreign.isEmpty else { try Skips.skip("another sockaudit runs on this host") }
        return before
    }
}

/// An audit daemon of our own.
final class AuditDaemon {
    private let folder: AuditDaemonFolder
    let child: Child
    var pid: pid_t { child.pid }
    var logFolder: String { folder.logFolder }
    var log: String { folder.log }
    var conf: String { folder.conf }

    init(_ changes: [String: String] = [:], plugins: [String: String] = [:]) throws {
        folder = try AuditDaemonFolder(changes, plugins: plugins)
        let child = try Child("auditd", ["-n", "-c", folder.path])
        self.child = child
        try eventually("auditd registers; \(child.err)") {
            if let code = child.poll() { throw SupportError("auditd ended (\(code)): \(child.err)") }
            return try AuditState.read().settings["pid"] == "\(child.pid)"
        }
    }

    func end() throws {
        child.signal(SIGTERM)
        #expect(try child.wait() == 0, "\(child.err)")
        try eventually("auditd is no longer registered") { try AuditState.read().settings["pid"] == "0" }
    }
}
