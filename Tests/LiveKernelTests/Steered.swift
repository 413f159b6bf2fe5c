import Foundation
import Glibc
import TestSupport
import Testing

/// A Python program that a test steers expression by expression: what it may do with sockets stands in
/// its script, and it keeps account of what it did.
final class Steered {
    let child: Child
    private let folder: Scratch
    /// The process that does the work; another one than `child` where that only starts it.
    private(set) var pid: pid_t
    private var answers = 0

    struct Answer: Decodable {
        var truth: Truth
        /// What the expression gave, where that is a number or a list of them.
        var values: [Int]

        enum CodingKeys: CodingKey { case values }

        init(from decoder: any Decoder) throws {
            truth = try Truth(from: decoder)
            values = try decoder.container(keyedBy: CodingKeys.self).decode([Int].self, forKey: .values)
        }
    }

    /// - Parameters:
    ///   - command: what starts the interpreter; the script's path is added to it.
    ///   - more: functions of this one test.
    init(_ command: [String] = [], file: String = "steered.py", _ more: String = "") throws {
        folder = try Scratch()
        let script = try folder.write(
            file, Self.script.replacingOccurrences(of: "#MORE\n", with: more + "\n"))
        // -S -E: nothing of the host's site packages runs in it.
        let words = (command.isEmpty ? [Tool.python] : command) + ["-S", "-E", "-u", script]
        child = try Child(words[0], Array(words.dropFirst()))
        _ = try child.outLine("up")
        pid = child.pid
    }

    /// The work is done by the only child of the only child ... of what was started.
    func descend() throws {
        while let next = Proc.children(pid).first { pid = next }
    }

    @discardableResult
    func ask(_ expression: String, location: SourceLocation = #_sourceLocation) throws -> Answer {
        try child.send(expression)
        answers += 1
        var lines: [String] = []
        try eventually("an answer to '\(expression)': \(child.err)") {
            lines = child.outLines.filter { $0.hasPrefix("{") }
            if lines.count < answers, let code = child.poll() {
                throw SupportError("it ended (\(code)) at '\(expression)': \(child.err)")
            }
            return lines.count >= answers
        }
        return try JSONDecoder().decode(Answer.self, from: Data(lines[answers - 1].utf8))
    }

    func end(code: Int32 = 0) throws {
        child.closeInput()
        #expect(try child.wait() == code, "\(child.err)")
    }

    private static let script = #"""
        import array, ctypes, json, os, signal, socket, subprocess, sys, threading, time
        libc = ctypes.PyDLL(None, use_errno=True)
        FAMILIES = ("tcp", "udp", "other")
        SHAPES = {"tcp": (socket.AF_INET, socket.SOCK_STREAM), "udp": (socket.AF_INET6, socket.SOCK_DGRAM),
                  "other": (socket.AF_UNIX, socket.SOCK_STREAM)}

        def none(): return dict.fromkeys(FAMILIES, 0)
        made, closed, released, own = none(), none(), none(), {}

        def opens(family, stays=False):
            """A socket of socket(); `stays` at an exec."""
            fd = socket.socket(*SHAPES[family]).detach()
            if stays: os.set_inheritable(fd, True)
            made[family] += 1
            own[fd] = family
            return fd

        def shuts(fd):
            os.close(fd)
            if fd in own: closed[own.pop(fd)] += 1

        def loses(fd):
            released[own.pop(fd)] += 1

        def check(answer):
            if answer < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return answer

        def renames(name): check(libc.prctl(15, name.encode(), 0, 0, 0))  # PR_SET_NAME

        def dies_with_parent(): check(libc.prctl(1, signal.SIGKILL, 0, 0, 0))  # PR_SET_PDEATHSIG

        def account():
            open_ = none()
            for family in own.values(): open_[family] += 1
            return {"phase": "hold", "pid": os.getpid(), "socket": made, "close": closed,
                    "released": released, "open": open_}

        def forgets():
            """In a forked child: it has done nothing yet."""
            for one in made, closed, released: one.update(none())
            own.clear()

        def forks(work, first=None):
            """A child that works and then waits for its end; its pid, once it has done its work. `first`
            says, in the child, whether it shall work at all."""
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    dies_with_parent()
                    os.close(reader)
                    forgets()
                    if first is None or first():
                        work()
                        os.write(writer, b"y")
                    else:
                        os._exit(0)
                    while True: signal.pause()
                except BaseException as error:
                    print(error, file=sys.stderr, flush=True)
                os._exit(1)
            os.close(writer)
            done = os.read(reader, 1)
            os.close(reader)
            if done != b"y":
                os.waitpid(pid, 0)
                return 0
            return pid

        def kills(pid):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

        def forks_as(pid, work):
            """A child with just this pid."""
            for _ in range(2000):
                with open("/proc/sys/kernel/ns_last_pid", "w") as last: last.write(str(pid - 1))
                if forks(work, lambda: os.getpid() == pid): return pid
            raise SystemExit("another process always had the pid first")

        #MORE
        def numbers(value):
            if value is None: return []
            return [int(one) for one in value] if isinstance(value, (list, tuple)) else [int(value)]

        if __name__ == "__main__":
            print("up", flush=True)
            for line in sys.stdin:
                values = numbers(eval(line))
                print(json.dumps({**account(), "values": values}), flush=True)
            # An ordinary end would close what objects hold.
            os._exit(0)
        """#
}

extension Watched {
    /// A table that is wholly of the time after this call.
    func nextTable() throws -> Table {
        // The first of the two may have been under way.
        try waitTables(child.outLines.count + 2)
        guard let table = try tables.last else { throw SupportError("no table") }
        return table
    }
}

/// Demands that a living process's row is what it says of itself, that the sockets that came another way
/// are these, and that together they are what /proc shows.
@discardableResult
func expectHeld(
    _ table: Table, _ pid: pid_t, is account: Account, others: [String: Int] = [:], name: String? = nil,
    location: SourceLocation = #_sourceLocation
) -> Table.Row? {
    expect(table, pid, is: account, state: "running", location: location)
    guard let row = table.rows(pid: pid).first else { return nil }
    let open = row.others.mapValues(\.open).filter { $0.value != 0 }
    #expect(open == others, "pid \(pid), \(table.doubt)", sourceLocation: location)
    #expect(row.sockets == Proc.sockets(pid), "pid \(pid) against /proc", sourceLocation: location)
    #expect(row.drift == 0, "pid \(pid), \(table.doubt)", sourceLocation: location)
    if let name { #expect(row.name == name, "pid \(pid)", sourceLocation: location) }
    return row
}

extension Figure {
    static let none = Figure()
}
