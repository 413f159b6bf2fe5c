import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Programs that strace counts at the same time.
    @Suite struct StraceOracle {
        @Test func curl() throws {
            try Skips.need("strace", "curl")
            let server = try WebServer()
            let watched = try Watched()
            let urls = (0..<12).flatMap { ["-o", "/dev/null", server.url + "?\($0)"] }
            let curl = try Subject(
                "curl",
                ["-s", "--retry", "0"] + urls + ["-o", "/dev/null", "http://127.0.0.1:1/"],
                env: ["no_proxy": "*"], traced: true)
            // 7: the last one is refused.
            #expect(try curl.child.wait() == 7, "\(curl.child.err)")
            let run = try watched.stop()
            let truths = try curl.truths()
            #expect(truths.first?.socket.tcp ?? 0 >= 13)
            expect(run.last, agreesWith: truths)
            #expect(try run.last.row(pid: curl.pid).name == "curl")
            try server.end()
        }

        /// A thread for every request, and an accepted connection that stays.
        @Test func pythonServer() throws {
            try Skips.need("strace", "curl", "bash")
            let watched = try Watched(options: ["--interval", "1"])
            let server = try WebServer(traced: true)
            let curls = try Load.start(server.url, clients: 4, each: 50)
            let client = try BashClient(server.port)
            try Load.finish(curls)
            // The listener, and the connection that is held.
            try eventually("the server closes what it has served") { Proc.sockets(server.pid) == 2 }
            let accepted = try #require(try server.subject.truths().first?.others?["accept"])
            #expect(accepted == OtherCount(opened: 201, closed: 200, open: 1))
            // In this order: of a close that the server's end cuts short strace does not tell how it went.
            try compareHeldAndEnded(watched, [server.subject], least: 1) {
                try server.end()
                try client.end()
            }
            let last = try #require(try watched.tables.last)
            // A server of HTTP/1.0 closes after every answer, so every request took a socket.
            for curl in curls { #expect(try last.row(pid: curl.pid).closeTot.tcp == 50) }
        }

        @Test func redisAndItsBenchmark() throws {
            try Skips.need("strace", "redis-server", "redis-benchmark", "redis-cli")
            let watched = try Watched(options: ["--interval", "1"])
            let redis = try Redis(traced: true)
            let clients = try [redis.client(unix: false), redis.client(unix: true)]
            for unix in [false, true] {
                let benchmark = try redis.benchmark(unix: unix, traced: true)
                #expect(try benchmark.child.wait(120) == 0, "\(benchmark.child.err)")
                let truth = try #require(try benchmark.truths().first)
                #expect(unix ? truth.socket.other >= 20 : truth.socket.tcp >= 20)
            }
            let listening = 3
            try eventually("redis closes what it has served; \(Proc.sockets(redis.pid))") {
                Proc.sockets(redis.pid) <= listening + clients.count
            }
            let accepted = try #require(try redis.subject.truths().first?.others?["accept"])
            #expect(accepted.opened >= 42 && accepted.open == 2)
            try compareHeldAndEnded(watched, [redis.subject], least: 1) {
                for client in clients {
                    client.closeInput()
                    #expect(try client.wait() == 0)
                }
                try redis.end()
            }
        }

        @Test func bashAndItsDevTcp() throws {
            try Skips.need("strace", "bash")
            let folder = try Scratch()
            let server = try WebServer()
            let watched = try Watched(options: ["--interval", "1"])
            let script = try folder.write("client.sh", Self.script)
            let bash = try Subject("bash", [script, "\(server.port)"], traced: true)
            _ = try bash.child.outLine("up")
            let truth = try #require(try bash.truths().first)
            // What the script is for: some of each.
            #expect(truth.open.tcp >= 1 && truth.open.udp >= 1)
            #expect(truth.close.tcp >= 1 && truth.close.udp >= 1 && truth.released.tcp >= 1)
            try compareHeldAndEnded(watched, [bash], least: 3) {
                bash.child.closeInput()
                let code = try bash.child.wait()
                #expect(code == 0, "\(bash.child.err)")
            }
            try server.end()
        }

        /// bash asks for a socket, moves it with dup2 to the number it was told, and closes the first;
        /// only where both are the same it stays what socket() gave.
        private static let script = #"""
            to=/dev/tcp/127.0.0.1/$1
            exec 3<>$to                     # stays
            exec 6<>$to                     # moved
            exec 4<>$to                     # stays, until the next line goes over it
            exec 4</dev/null
            exec 5<>$to
            exec 5>&-
            exec 5<>/dev/udp/127.0.0.1/9
            exec 5>&-
            exec 5<>/dev/udp/127.0.0.1/9
            for i in 1 2 3; do exec {many}<>$to; done
            exec {many}>&-
            (exec 3>&- 7<>$to; exec 3<>$to; exec 7>&-)
            (exec 8<>$to; exec 8</dev/null; exec /bin/true)
            /bin/true <$to
            echo up
            read -r line
            exit 0
            """#
    }

    /// Programs that need no library of ours, or of another width, by strace and by what they were told.
    @Suite struct CounterOracle {
        @Test(arguments: ["counter", "counter32", "counter-static"])
        func counted(_ name: String) throws {
            try Skips.need("strace")
            let program = Host.workload(name)
            // C reads the path during the call alone.
            guard unsafe access(program, X_OK) == 0 else {
                try Skips.skip("the workload \(name) could not be built", optional: name != "counter")
            }
            #expect(try Self.isNarrow(program) == (name == "counter32"))
            let watched = try Watched(options: ["--interval", "1"])
            let counter = try Subject(
                program, ["--tcp", "9", "--udp", "8", "--unix", "7", "--close", "500", "--hold", "600"],
                traced: true)
            _ = try counter.child.outLine("ready ")
            let libraries = try String(contentsOfFile: "/proc/\(counter.pid)/maps", encoding: .utf8)
            #expect(libraries.contains("libc.so") == (name != "counter-static"))
            let truth = try #require(try counter.truths().first)
            #expect(truth.socket == Figure(tcp: 9, udp: 8, other: 7))
            #expect(truth.close == Figure(tcp: 4, udp: 4, other: 3))
            try compareHeldAndEnded(watched, [counter], least: 1) {
                counter.signal(SIGKILL)
                _ = try counter.child.wait()
            }
        }

        /// The class of an ELF file (elf(5)): 1 is 32 bit.
        private static func isNarrow(_ program: String) throws -> Bool {
            let file = try #require(FileHandle(forReadingAtPath: program))
            defer { try? file.close() }
            return try #require(try file.read(upToCount: 5)).last == 1
        }
    }
}
