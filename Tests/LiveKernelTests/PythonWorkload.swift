import Foundation
import TestSupport
import Testing

/// A Python program that opens and closes what it is told to, and keeps its own account.
final class PythonWorkload {
    let child: Child
    var pid: pid_t { child.pid }
    private var answers = 0

    /// - Parameter path: where the script is put; its file name is the process's script name.
    init(at path: String) throws {
        try Self.script.write(toFile: path, atomically: true, encoding: .utf8)
        // -S -E: nothing of the host's site packages runs in it.
        child = try Child(Tool.python, ["-S", "-E", "-u", path])
        _ = try child.outLine("up")
    }

    /// Has it do something, and says what it has done in all.
    @discardableResult
    func ask(_ command: String) throws -> Truth {
        try child.send(command)
        answers += 1
        var lines: [String] = []
        try eventually("the workload answers '\(command)': \(child.err)", within: 60) {
            if let code = child.poll() { throw SupportError("the workload ended (\(code)): \(child.err)") }
            lines = child.outLines.filter { $0.hasPrefix("{") }
            return lines.count >= answers
        }
        return try Truth.parse(lines[answers - 1])
    }

    func end() throws {
        child.closeInput()
        #expect(try child.wait() == 0, "\(child.err)")
    }

    private static let script = #"""
        import json, os, socket, sys, threading

        KINDS = {
            "tcp4": (socket.AF_INET, socket.SOCK_STREAM, 0, "tcp"),
            "tcp4p": (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 6, "tcp"),
            "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, 0, "tcp"),
            "udp4": (socket.AF_INET, socket.SOCK_DGRAM, 0, "udp"),
            "udp6": (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 17, "udp"),
            "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0, "other"),
            "unixd": (socket.AF_UNIX, socket.SOCK_DGRAM, 0, "other"),
            "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, 0, "other"),
            "raw": (socket.AF_INET, socket.SOCK_RAW, 1, "other"),
            "packet": (socket.AF_PACKET, socket.SOCK_DGRAM, 0, "other"),
            "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1, "other"),
        }
        made, closed = {}, {}
        held, late, foreign = [], [], []
        turn = threading.Lock()

        def count(where, family):
            where[family] = where.get(family, 0) + 1

        def opened(kind):
            domain, type_, protocol, family = KINDS[kind]
            try:
                s = socket.socket(domain, type_, protocol)
            except OSError:
                return None  # not allowed here: gives nothing and counts nothing
            count(made, family)
            return s, family

        def close(pair):
            pair[0].close()
            count(closed, pair[1])

        def mix(keep):
            for kind in KINDS:
                for i in range(3):
                    pair = opened(kind)
                    if pair is None:
                        continue
                    if i < keep:
                        held.append(pair)
                    else:
                        close(pair)

        def fails():
            for args in ((socket.AF_INET, 15, 0), (4000, socket.SOCK_STREAM, 0),
                         (socket.AF_INET, socket.SOCK_STREAM, 17)):
                try:
                    socket.socket(*args).close()
                    raise SystemExit("this should have failed: %s" % (args,))
                except OSError:
                    pass
            for fd in (-1, 700, 100000):
                try:
                    os.close(fd)
                except OSError:
                    pass
            pair = opened("tcp4")
            try:
                pair[0].connect(("127.0.0.1", 1))
            except OSError:
                pass
            close(pair)
            fd = os.open("/dev/null", os.O_RDONLY)
            os.close(fd)

        def threads():
            # They take turns: what ran at the same time no record can put in order.
            def work(n):
                for i in range(25):
                    with turn:
                        pair = opened(list(KINDS)[(n + i) % len(KINDS)])
                    if pair is None:
                        continue
                    with turn:
                        if i % 5 == 0:
                            held.append(pair)
                        elif i % 5 == 1 and held:
                            close(held.pop(0))
                            held.append(pair)
                        else:
                            close(pair)
            all = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for t in all: t.start()
            for t in all: t.join()

        def others():
            # None of these is from socket(): they never enter the figures.
            a, b = socket.socketpair()
            foreign.append(a)
            b.close()
            server = opened("tcp4")
            server[0].bind(("127.0.0.1", 0))
            server[0].listen(5)
            client = opened("tcp4")
            client[0].connect(server[0].getsockname())
            accepted, _ = server[0].accept()
            foreign.append(accepted)
            copy = os.dup(client[0].fileno())
            os.close(copy)
            close(client)
            held.append(server)

        def say():
            families = ("tcp", "udp", "other")
            socket_ = {f: made.get(f, 0) for f in families}
            close_ = {f: closed.get(f, 0) for f in families}
            zero = {f: 0 for f in families}
            open_ = {f: socket_[f] - close_[f] for f in families}
            print(json.dumps({"phase": "hold", "pid": os.getpid(), "socket": socket_, "close": close_,
                              "released": zero, "open": open_}), flush=True)

        print("up", flush=True)
        for line in sys.stdin:
            command = line.strip()
            if command == "mix": mix(1)
            elif command == "fails": fails()
            elif command == "threads": threads()
            elif command == "others": others()
            elif command == "late":
                late.append(opened("tcp6"))
                late.append(opened("udp4"))
                late.append(opened("unix"))
            elif command == "late-close":
                while late: close(late.pop())
            elif command == "close-all":
                while held: close(held.pop())
            say()
        # An ordinary end would close what is held, socket by socket, when the objects go.
        os._exit(0)
        """#
}
