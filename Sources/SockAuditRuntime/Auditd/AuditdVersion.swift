import AuditStream
import Glibc

/// Which version of auditd runs. It has no option that says so: its own first record in its log does
/// (`type=DAEMON_START ... ver=3.0.9`), and else what its package left on the disk.
enum AuditdVersion {
    /// How much of the log is looked through for that record, from its end.
    private static let most = 64 << 20
    private static let piece = 1 << 20

    /// - Parameter logs: newest first.
    static func find(pid: Int32, logs: [String], root: String) -> String? {
        inLogs(pid, logs) ?? inPackages(root)
    }

    /// `op=start ver=3.0.9 ... pid=612` of that daemon, which may have started in the middle of a file.
    static func parse(_ line: ArraySlice<UInt8>, pid: Int32) -> String? {
        var words = line.split(separator: 0x20)
        if words.first?.starts(with: "node=".utf8) == true { words.removeFirst() }
        guard words.first?.elementsEqual("type=DAEMON_START".utf8) == true,
            words.contains(where: { $0.elementsEqual("pid=\(pid)".utf8) }),
            let version = words.first(where: { $0.starts(with: "ver=".utf8) })?.dropFirst(4)
        else { return nil }
        return isVersion(version) ? String(decoding: version, as: UTF8.self) : nil
    }

    /// It is printed, so nothing else than a version may stand there.
    private static func isVersion(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.count <= 40
            && text.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-.:+~_".utf8.contains(byte)
            }
    }

    private static func inLogs(_ pid: Int32, _ logs: [String]) -> String? {
        var left = most
        for log in logs where left > 0 {
            // C reads the path during the call alone.
            let fd = unsafe open(log, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
            guard fd >= 0 else { continue }
            defer { close(fd) }
            var info = stat()
            // C fills the struct that it is given.
            guard unsafe fstat(fd, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            if let found = fromItsEnd(fd, Int(info.st_size), pid, &left) { return found }
        }
        return nil
    }

    /// Piece by piece: the newest start is the one that counts.
    private static func fromItsEnd(_ fd: Int32, _ size: Int, _ pid: Int32, _ left: inout Int) -> String? {
        var end = size
        var piece = [UInt8](repeating: 0, count: piece)
        while end > 0 && left > 0 {
            let start = max(0, end - piece.count)
            // No more than the buffer holds.
            let count = unsafe piece.withUnsafeMutableBytes { buffer in
                SystemText.retrying { unsafe pread(fd, buffer.baseAddress, end - start, off_t(start)) }
            }
            guard count > 0 else { return nil }
            left -= count
            // A piece begins in the middle of a line, which belongs to the one before.
            let first = start == 0 ? 0 : (piece[..<count].firstIndex(of: 0x0A).map { $0 + 1 } ?? count)
            if let found = newest(in: piece[first..<count], pid) { return found }
            // One line that fills a piece would hold us here for ever.
            end = first > 0 && first < count ? start + first : start
        }
        return nil
    }

    private static func newest(in lines: ArraySlice<UInt8>, _ pid: Int32) -> String? {
        var found: String?
        var start = lines.startIndex
        while start < lines.endIndex {
            let stop = lines[start...].firstIndex(of: 0x0A) ?? lines.endIndex
            let line = lines[start..<stop]
            if line.starts(with: "type=DAEMON_S".utf8) || line.starts(with: "node=".utf8) {
                found = parse(line, pid: pid) ?? found
            }
            start = stop + 1
        }
        return found
    }

    private static func inPackages(_ root: String) -> String? {
        // Debian and its kin.
        if let status = SmallFile.read(root + "/var/lib/dpkg/status", limit: 64 << 20),
            let version = dpkg(status)
        {
            return version
        }
        // The package of Fedora and its kin has the change log, which begins with the version.
        let first = SmallFile.line(root + "/usr/share/doc/audit/ChangeLog")
        return isVersion(Array(first.utf8)[...]) && first.first?.isNumber == true ? first : nil
    }

    /// `Version:` in the paragraph of auditd.
    static func dpkg(_ status: [UInt8]) -> String? {
        var isOurs = false
        for line in status.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if line.isEmpty { isOurs = false }
            if line.elementsEqual("Package: auditd".utf8) { isOurs = true }
            let mark = "Version: "
            if isOurs, line.starts(with: mark.utf8) {
                let version = line.dropFirst(mark.utf8.count)
                return isVersion(version) ? String(decoding: version, as: UTF8.self) : nil
            }
        }
        return nil
    }
}
