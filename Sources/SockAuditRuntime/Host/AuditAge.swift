import Glibc
import SockAuditCore

/// Since when this host audits new processes. A process that is older has no audit context and is
/// never seen (audit_alloc, kernel/auditsc.c); the kernel does not tell, so evidence decides.
public enum AuditAge {
    /// The earliest time (ms since the epoch) at which auditing is known to have been on; nil when
    /// it was on from boot.
    ///
    /// - Parameters:
    ///   - enabledBefore: auditing was on when we came.
    ///   - daemon: the registered daemon, 0 for none.
    public static func known(enabledBefore: Bool, daemon: UInt32, now: Int64, clock: Clock) -> Int64? {
        let line = SmallFile.line("/proc/cmdline")
        if line.split(separator: " ").contains(where: { $0 == "audit=1" || $0 == "audit=on" }) { return nil }
        var earliest = now
        if let remembered { earliest = min(earliest, remembered) }
        if let seen = firstRecordInKernelLog() { earliest = min(earliest, seen) }
        if enabledBefore, daemon != 0, let stat = ProcScanner.stat(Int32(bitPattern: daemon)) {
            // auditd switches auditing on a moment after it starts.
            earliest = min(earliest, clock.start(ticks: stat.startTicks) + 1_000)
        }
        return earliest
    }

    /// Kept for the length of a boot: the kernel's log forgets, and the kernel itself does not say.
    private static let note = "/run/sockaudit.audited-since"

    private static var bootIdentity: String { HostInfo.boot() }

    private static var remembered: Int64? {
        let words = SmallFile.line(note).split(separator: " ")
        guard words.count == 2, String(words[0]) == bootIdentity else { return nil }
        return Int64(words[1])
    }

    /// Call when auditing is on: later runs know that processes which begin from now on are audited.
    /// A note that cannot be written costs only that.
    public static func remember(at now: Int64) {
        guard remembered == nil else { return }
        unsafe unlink(note)
        let fd = unsafe open(note, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let text = Array("\(bootIdentity) \(now)\n".utf8)
        // No more than the buffer holds.
        _ = unsafe text.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
    }

    /// The stamp of the first record that the kernel printed to its log: it prints them only while
    /// auditing is on and no daemon takes them. The one at boot says that it is off.
    private static func firstRecordInKernelLog() -> Int64? {
        let fd = unsafe open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var line = [UInt8](repeating: 0, count: 8_192)
        while true {
            // No more than the buffer holds.
            let count = unsafe read(fd, &line, line.count)
            if count < 0 && (errno == EPIPE || errno == EINTR) { continue }
            guard count > 0 else { return nil }
            let text = String(decoding: line.prefix(count), as: UTF8.self)
            guard let mark = text.range(of: "audit: type="), !text.contains("state=initialized"),
                let stamp = stamp(text[mark.upperBound...])
            else { continue }
            return stamp
        }
    }

    private static func stamp(_ text: Substring) -> Int64? {
        guard let open = text.range(of: "audit(") else { return nil }
        let digits = text[open.upperBound...].prefix { $0 != ":" }.split(separator: ".")
        guard digits.count == 2, let seconds = Int64(digits[0]), let millis = Int64(digits[1]) else {
            return nil
        }
        return seconds * 1_000 + millis
    }
}

extension StringProtocol {
    /// The first place of a text; plain search, without Foundation.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
