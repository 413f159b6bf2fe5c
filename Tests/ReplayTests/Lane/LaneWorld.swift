import TestSupport

/// Invents logs of every kind of event that the two decoders must agree about.
struct LaneWorld {
    struct Shape {
        var nodes = [""]
        var enriched = false
        /// One of so many events loses a record.
        var lossy = 0
        /// Records are put this far from their own.
        var torn = 0
        var count = 40
    }

    private var random: Seeded
    private let shape: Shape
    private var serial = 1_000
    private var millis = 1_700_000_000_000
    private var node = ""
    private var stamp = ""

    init(seed: Int, _ shape: Shape = Shape()) {
        random = Seeded(seed)
        self.shape = shape
    }

    mutating func log() -> [UInt8] {
        var lines: [(at: Int, line: String)] = []
        for index in 0..<shape.count {
            var event = next()
            if shape.lossy > 0, Int.random(in: 0..<shape.lossy, using: &random) == 0 {
                event.remove(at: Int.random(in: 0..<event.count, using: &random))
            }
            var at = index * 10
            for line in event {
                lines.append((at, line))
                if shape.torn > 0, Int.random(in: 0..<4, using: &random) == 0 {
                    at += Int.random(in: 0..<shape.torn, using: &random) * 10
                }
            }
        }
        // Lines of one event stay in their order.
        let order = lines.indices.sorted { (lines[$0].at, $0) < (lines[$1].at, $1) }
        return order.flatMap { Array((lines[$0].line + "\n").utf8) }
    }

    /// The same as a live stream gives it: the records that a run reads, EOE at the end of each event.
    mutating func messages() -> [(type: UInt16, text: [UInt8])] {
        let types: [Substring: UInt16] = [
            "SYSCALL": 1_300, "SOCKETCALL": 1_304, "CONFIG_CHANGE": 1_305, "FD_PAIR": 1_317, "EOE": 1_320,
            "PROCTITLE": 1_327,
        ]
        var waiting: [[(UInt16, [UInt8])]] = []
        var found: [(UInt16, [UInt8])] = []
        for _ in 0..<shape.count {
            var event = next()
            if event.last?.contains("type=EOE") == false { event.append("type=EOE \(stamp) ") }
            waiting.append(
                event.compactMap { line in
                    let words = line.split(separator: " ", maxSplits: 1)
                    guard let type = types[words[0].dropFirst(5)] else { return nil }
                    return (type, Array(words[1].dropFirst(4).utf8))
                })
            // Two processors: records of one event stand between those of others.
            while waiting.count > (shape.torn > 0 ? 3 : 0) {
                let at = Int.random(in: 0..<waiting.count, using: &random)
                if !waiting[at].isEmpty { found.append(waiting[at].removeFirst()) }
                waiting.removeAll(where: \.isEmpty)
            }
        }
        return found + waiting.flatMap { $0 }
    }

    // MARK: events

    private mutating func next() -> [String] {
        serial += Int.random(in: 0..<20, using: &random) == 0 ? -Int.random(in: 1...30, using: &random) : 1
        millis += [0, 0, 1, 4, 40, 900].randomElement(using: &random) ?? 0
        node = shape.nodes.randomElement(using: &random) ?? ""
        // A call that slept has the stamp of its entry.
        let entered = Int.random(in: 0..<12, using: &random) == 0 ? millis - 5_000 : millis
        let part = "\(1_000 + entered % 1_000)".dropFirst()
        stamp = "msg=audit(\(entered / 1_000).\(part):\(serial)):"
        let title = record("PROCTITLE", titles.randomElement(using: &random) ?? "")
        switch Int.random(in: 0..<22, using: &random) {
        case 0...5: return [socket(), title]
        case 6...10: return [call("c000003e", 3, exit: 0, [number(16), "0", "0", "0"]), title]
        case 11:
            let pair = record("FD_PAIR", "fd0=\(number(10)) fd1=\(number(10))")
            return [pair, call("c000003e", 53, exit: 0, ["1", "80001", "0", "7f00"]), pair, title]
        case 12:
            let which = ["1", "5", "8", "12", "3"].randomElement(using: &random) ?? ""
            let arguments = record("SOCKETCALL", "nargs=3 a0=2 a1=1 a2=0")
            return [call("40000003", 102, exit: 4, [which, "ffb0", "0", "0"]), arguments, title]
        case 13:
            return [
                call("c000003e", 59, exit: 0, ["1", "2", "3", "8"]), record("EXECVE", "argc=1 a0=\"x\""),
            ]
                + [record("CWD", "cwd=\"/\""), record("PATH", "item=0 name=\"/bin/x\""), title]
        case 14: return [call("c000003e", 231, exit: nil, ["0", "3c", "e7", "0"]), title]
        case 15:
            return [
                record("CONFIG_CHANGE", "auid=1 ses=3 op=add_rule key=\"x\" list=4 res=1"), other(), title,
            ]
        case 16: return [record("LOGIN", "pid=9 uid=0 old-auid=4 auid=1 res=1"), other(), title]
        case 17: return [user()]
        case 18: return [call("c000003e", 435, exit: 77, ["7f", "58", "0", "8"]), title, record("EOE", "")]
        case 19: return [denied(), other(), title]
        case 20: return [record(types.randomElement(using: &random) ?? "", "a=1 b=2"), socket(), title]
        default: return [call("c00000b7", 198, exit: 5, ["a", "2", "11", "0"]), record("EOE", "")]
        }
    }

    private let titles = [
        "proctitle=6E67696E78002D67", "proctitle=\"nginx\"", "proctitle=707974686F6E33002F6F70742F612E7079",
        "proctitle=(null)", "proctitle=\"a b\"", "proctitle=", "proctitle=6E6", "comm=\"x\" proctitle=\"sh\"",
    ]
    private let types = [
        "URINGOP", "UNKNOWN[1336]", "BPF", "KERNEL", "MAC_UNLBL_ALLOW", "ANOM_ABEND", "1300", "1327",
        "DAEMON_START",
        "SECCOMP", "TIME_ADJNTPVAL", "NETFILTER_CFG", "SOCKADDR", "IPC", "NOSUCHTYPE",
    ]

    private mutating func number(_ radix: Int) -> String {
        String(Int.random(in: 3..<9, using: &random), radix: radix)
    }

    private mutating func socket() -> String {
        let domain = ["2", "a", "1", "10"].randomElement(using: &random) ?? ""
        let type = ["1", "2", "80001", "80802", "3"].randomElement(using: &random) ?? ""
        let exit = Int.random(in: 0..<8, using: &random) == 0 ? -97 : Int.random(in: 3..<9, using: &random)
        return call("c000003e", 41, exit: exit, [domain, type, "0", "7ffd1234"])
    }

    private mutating func other() -> String { call("c000003e", 257, exit: 3, ["ffffff9c", "7f", "0", "0"]) }

    private mutating func user() -> String {
        let type = ["USER_LOGIN", "CRED_ACQ", "SERVICE_START"].randomElement(using: &random) ?? ""
        return record(type, "pid=1 uid=0 auid=3 ses=3 msg='op=login acct=\"ada\" exe=\"/bin/x\" res=success'")
    }

    private mutating func denied() -> String {
        let words = String(repeating: " ioctl_read_write", count: Int.random(in: 1...20, using: &random))
        return record("AVC", "avc:  denied  {\(words) } for  pid=7 comm=\"x\" name=\"y\"")
    }

    private mutating func call(_ arch: String, _ number: Int, exit: Int?, _ a: [String]) -> String {
        var text = "arch=\(arch) syscall=\(number) "
        if Int.random(in: 0..<10, using: &random) == 0 { text += "per=400000 " }
        if let exit { text += "success=\(exit < 0 ? "no" : "yes") exit=\(exit) " }
        text += a.enumerated().map { "a\($0.offset)=\($0.element) " }.joined()
        let pid = 100 + Int.random(in: 0..<4, using: &random)
        let name =
            ["\"nginx\"", "\"a)\"", "612062", "\"\"", "(null)", "\"x:\""].randomElement(using: &random) ?? ""
        text +=
            "items=0 ppid=1 pid=\(pid) auid=4294967295 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 "
        text += "fsgid=33 tty=(none) ses=3 comm=\(name) exe=\"/usr/sbin/nginx\" subj=unconfined key=(null)"
        if shape.enriched { text += "\u{1D}ARCH=x86_64 SYSCALL=socket AUID=\"unset\" UID=\"www data\"" }
        return record("SYSCALL", text)
    }

    private func record(_ type: String, _ body: String) -> String {
        (node.isEmpty ? "" : "node=\(node) ") + "type=\(type) \(stamp) \(body)"
    }
}
