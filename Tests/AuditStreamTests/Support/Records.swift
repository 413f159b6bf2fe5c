/// Records as the kernel and auditd write them (domain.md), one call one event.
struct Records {
    /// Machines by the number in arch=, with the numbers of their calls.
    enum Machine: String {
        case x86_64 = "c000003e"
        case i386 = "40000003"
        case aarch64 = "c00000b7"
        case ppc64le = "c0000015"
    }

    var serial = 456
    var seconds = 1_700_000_000
    var millis = 123
    var machine = Machine.x86_64
    var node = ""
    var pid = 1_234
    var ppid = 1
    var comm = "\"nginx\""
    var exe = "\"/usr/sbin/nginx\""
    /// What ENRICHED appends after the record.
    var enriched = false
    private(set) var text = ""

    private var stamp: String {
        "msg=audit(\(seconds).\(millis < 100 ? "0" : "")\(millis < 10 ? "0" : "")\(millis):\(serial)): "
    }
    private var prefix: String { node.isEmpty ? "" : "node=\(node) " }

    func line(_ type: String, _ body: String) -> String { "\(prefix)type=\(type) \(stamp)\(body)\n" }

    /// - Parameter exit: what the call returned; failed when negative.
    func syscall(_ number: Int, _ arguments: [String] = [], exit: Int? = 0) -> String {
        var a = arguments
        while a.count < 4 { a.append("0") }
        var body = "arch=\(machine.rawValue) syscall=\(number) "
        if let exit { body += "success=\(exit < 0 ? "no" : "yes") exit=\(exit) " }
        body += "a0=\(a[0]) a1=\(a[1]) a2=\(a[2]) a3=\(a[3]) items=0 ppid=\(ppid) pid=\(pid) auid=1000 "
        body += "uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=pts0 ses=3 "
        body += "comm=\(comm) exe=\(exe) subj=unconfined key=\"sockaudit\""
        if enriched {
            body +=
                "\u{1D}ARCH=x86_64 SYSCALL=close AUID=\"root\" UID=\"www-data\" GID=\"www-data\" EUID=\"root\" SUID=\"root\" "
            body += "FSUID=\"root\" EGID=\"root\" SGID=\"root\" FSGID=\"root\""
        }
        return line("SYSCALL", body)
    }

    /// Adds one whole event: the call, what else belongs to it, PROCTITLE, and EOE on a live stream.
    mutating func add(
        _ number: Int, _ arguments: [String] = [], exit: Int? = 0, also: [(String, String)] = [],
        title: String = "6E67696E78", eoe: Bool = false
    ) {
        text += syscall(number, arguments, exit: exit)
        for (type, body) in also { text += line(type, body) }
        text += line("PROCTITLE", "proctitle=\(title)")
        if eoe { text += line("EOE", "") }
        serial += 1
        millis += 3
        if millis >= 1_000 {
            millis -= 1_000
            seconds += 1
        }
    }

    mutating func raw(_ more: String) { text += more }
}
