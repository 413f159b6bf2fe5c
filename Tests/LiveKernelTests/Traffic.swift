import Foundation
import Glibc
import TestSupport
import Testing

/// Many requests at the same time.
enum Load {
    static func start(_ url: String, clients: Int, each: Int) throws -> [Child] {
        try (0..<clients).map { client in
            let urls = (0..<each).flatMap { ["-o", "/dev/null", "\(url)?\(client)-\($0)"] }
            return try Child("curl", ["-s", "-f", "--retry", "0"] + urls, env: ["no_proxy": "*"])
        }
    }

    static func finish(_ curls: [Child]) throws {
        for curl in curls { #expect(try curl.wait(120) == 0, "\(curl.err)") }
    }

    static func run(_ url: String, clients: Int, each: Int) throws {
        try finish(start(url, clients: clients, each: each))
    }
}

/// A bash that connects, says nothing and stays.
final class BashClient {
    let child: Child

    init(_ port: Int) throws {
        child = try Child(
            "bash", ["--norc", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); echo up; read -r line; exit 0"])
        _ = try child.outLine("up")
    }

    func end() throws {
        child.closeInput()
        #expect(try child.wait() == 0, "\(child.err)")
    }
}

/// redis-server on a port and a socket file of its own, with nothing written to disk.
final class Redis {
    private let folder: Scratch
    let subject: Subject
    let port: Int
    let path: String
    var pid: pid_t { subject.pid }

    init(traced: Bool = false) throws {
        folder = try Scratch()
        port = try WebServer.freePort()
        path = folder.file("redis.sock")
        let subject = try Subject(
            "redis-server",
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--unixsocket", path, "--dir", folder.path,
                "--save", "", "--appendonly", "no", "--daemonize", "no",
            ], traced: traced)
        self.subject = subject
        try eventually("redis is ready: \(subject.child.out) \(subject.child.err)") {
            if subject.child.poll() != nil { throw SupportError("redis ended: \(subject.child.out)") }
            return subject.child.out.contains("ready to accept connections at")
        }
    }

    private func way(unix: Bool) -> [String] { unix ? ["-s", path] : ["-h", "127.0.0.1", "-p", "\(port)"] }

    func benchmark(unix: Bool, traced: Bool = false) throws -> Subject {
        try Subject(
            "redis-benchmark", way(unix: unix) + ["-c", "20", "-n", "2000", "-t", "ping,set", "-q"],
            traced: traced)
    }

    /// A client that stays until its standard input is closed.
    func client(unix: Bool) throws -> Child {
        let client = try Child("redis-cli", way(unix: unix))
        try client.send("ping")
        _ = try client.outLine("PONG")
        return client
    }

    func end() throws {
        subject.signal(SIGTERM)
        #expect(try subject.child.wait() == 0, "\(subject.child.out)")
    }
}
