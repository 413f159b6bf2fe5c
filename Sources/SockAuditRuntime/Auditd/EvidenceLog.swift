import Glibc

/// The log that auditd writes, and how much goes into it before evidence is lost or auditd acts on a
/// full disk: what our records would push out.
public struct EvidenceLog: Equatable, Sendable {
    /// What comes when ``capacityBytes`` are reached.
    public enum End: Equatable, Sendable {
        /// The oldest file goes, and the evidence in it.
        case rotation
        /// auditd stops writing: what comes then is not written.
        case sizeAction(AuditdConf.SizeAction)
        /// The disk is as full as the named setting of auditd.conf allows, and this is done.
        case diskAction(setting: String, AuditdConf.SpaceAction)
        /// The disk is full, which auditd has no orders for.
        case fullDisk
    }

    /// Room on a disk, in bytes.
    public struct Disk: Equatable, Sendable {
        public var total: UInt64
        /// What a process that is not root may use: auditd goes by that too.
        public var free: UInt64
        public var block: UInt64

        public init(total: UInt64, free: UInt64, block: UInt64) {
            self.total = total
            self.free = free
            self.block = block
        }
    }

    public let file: [UInt8]
    public let folder: [UInt8]
    /// write_logs = no, or auditd runs in the foreground: nothing is written.
    public let isWritten: Bool
    /// The oldest evidence makes room for the newest.
    public let rotates: Bool
    /// What the log holds before ``end`` comes; nil when nobody knows.
    public let capacityBytes: UInt64?
    /// What its files hold now.
    public let usedBytes: UInt64
    /// Free on its disk; nil when nobody knows.
    public let freeBytes: UInt64?
    /// How much of that may be used before auditd acts on it.
    public let roomBytes: UInt64?
    public let end: End

    /// - Parameters:
    ///   - current: bytes in the file that is written now; `older`: in those that were rotated.
    ///   - disk: nil when it could not be asked.
    public init(_ conf: AuditdConf, isWritten: Bool, current: UInt64, older: UInt64, disk: Disk?) {
        file = conf.logFile
        let slash = conf.logFile.lastIndex(of: UInt8(ascii: "/"))
        // The root's own slash stays.
        folder = slash.map { Array(conf.logFile[..<max($0, 1)]) } ?? Array(".".utf8)
        self.isWritten = isWritten && conf.writesLogs
        freeBytes = disk?.free
        let floor = disk.map { Self.floor(conf, $0) }
        var room: UInt64?
        if let disk, let floor { room = disk.free > floor.bytes ? disk.free - floor.bytes : 0 }
        roomBytes = room
        let used = current.addingClamped(older)
        usedBytes = used
        let diskCapacity = room.map { used.addingClamped($0) }
        let most = conf.maxLogFile.multipliedClamped(1 << 20)
        var capacity = diskCapacity
        var end = floor?.end ?? .fullDisk
        switch conf.maxLogFileAction {
        case .rotate where conf.numberOfLogs > 1:
            let files = most.multipliedClamped(conf.numberOfLogs)
            if capacity.map({ files <= $0 }) ?? true { (capacity, end) = (files, .rotation) }
        case .suspend, .exec:
            let file = older.addingClamped(most)
            if capacity.map({ file <= $0 }) ?? true {
                (capacity, end) = (file, .sizeAction(conf.maxLogFileAction))
            }
        // Files are added, or the one grows: the disk is the end.
        default: break
        }
        var rotates = end == .rotation
        if case .diskAction(_, .rotate) = end, conf.numberOfLogs > 1 { rotates = true }
        (capacityBytes, self.end, self.rotates) = (self.isWritten ? capacity : nil, end, rotates)
    }

    /// About what one event of ours takes: its SYSCALL and PROCTITLE records, measured with audit 3.0.9.
    public static func bytesPerEvent(_ format: AuditdConf.LogFormat) -> UInt64 {
        format == .raw ? 360 : 580
    }

    /// The free room at which something is done, and what.
    private static func floor(_ conf: AuditdConf, _ disk: Disk) -> (bytes: UInt64, end: End) {
        // auditd does not use the last blocks (check_space_left).
        let last = disk.block.multipliedClamped(5)
        var found = (
            bytes: last,
            end: conf.diskFullAction.acts
                ? End.diskAction(setting: "disk_full_action", conf.diskFullAction) : .fullDisk
        )
        for (setting, space, action) in [
            ("admin_space_left_action", conf.adminSpaceLeft, conf.adminSpaceLeftAction),
            ("space_left_action", conf.spaceLeft, conf.spaceLeftAction),
        ] where action.acts {
            let bytes = self.bytes(space, disk)
            if bytes > found.bytes { found = (bytes, .diskAction(setting: setting, action)) }
        }
        return found
    }

    static func bytes(_ space: AuditdConf.Space, _ disk: Disk) -> UInt64 {
        switch space {
        case .mebibytes(let count): count.multipliedClamped(1 << 20)
        // As calc_percent: whole mebibytes.
        case .percent(let percent):
            (disk.total / 100).multipliedClamped(percent) & ~0xF_FFFF
        }
    }
}

extension EvidenceLog {
    /// Asks the disk.
    /// - Parameter root: where the daemon's files are for us, "" where its root is ours.
    public static func read(_ conf: AuditdConf, isWritten: Bool = true, root: String = "") -> EvidenceLog {
        let file = root + String(decoding: conf.logFile, as: UTF8.self)
        let log = EvidenceLog(conf, isWritten: isWritten, current: 0, older: 0, disk: nil)
        let folder = root + String(decoding: log.folder, as: UTF8.self)
        var current: UInt64 = 0
        var older: UInt64 = 0
        for (number, path) in files(file, folder) {
            let size = size(path)
            if number == 0 { current = size } else { older = older.addingClamped(size) }
        }
        return EvidenceLog(conf, isWritten: isWritten, current: current, older: older, disk: disk(folder))
    }

    /// The log and its rotated files (`audit.log.1` ...), newest first.
    static func files(_ file: String, _ folder: String) -> [(number: Int, path: String)] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        let name = String(file[(file.lastIndex(of: "/").map(file.index(after:)) ?? file.startIndex)...])
        var found: [(Int, String)] = []
        // An entry stays until the next is read, and its name ends with a zero.
        while let entry = unsafe readdir(directory) {
            let each = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if each == name {
                found.append((0, file))
            } else if each.hasPrefix(name + "."), let number = Int(each.dropFirst(name.utf8.count + 1)),
                number > 0
            {
                found.append((number, folder + "/" + each))
            }
        }
        return found.sorted { $0.0 < $1.0 }.map { (number: $0.0, path: $0.1) }
    }

    private static func size(_ path: String) -> UInt64 {
        var info = stat()
        // C fills the struct that it is given.
        guard unsafe lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return 0 }
        return UInt64(clamping: info.st_size)
    }

    private static func disk(_ folder: String) -> Disk? {
        var info = statvfs()
        // C fills the struct that it is given.
        guard unsafe statvfs(folder, &info) == 0 else { return nil }
        let unit = UInt64(info.f_frsize)
        return Disk(
            total: UInt64(info.f_blocks).multipliedClamped(unit),
            free: UInt64(info.f_bavail).multipliedClamped(unit), block: UInt64(info.f_bsize))
    }
}

extension UInt64 {
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, over) = addingReportingOverflow(other)
        return over ? .max : sum
    }

    func multipliedClamped(_ other: UInt64) -> UInt64 {
        let (product, over) = multipliedReportingOverflow(by: other)
        return over ? .max : product
    }
}
