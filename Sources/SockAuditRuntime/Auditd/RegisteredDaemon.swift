import Glibc
import SockAuditCore

/// The process that the kernel hands its records to (AUDIT_GET's pid), and what it does with them.
public struct RegisteredDaemon: Equatable, Sendable {
    public var pid: Int32
    /// Its comm; empty when it is gone or cannot be read.
    public var name: [UInt8]
    /// nil when nothing tells.
    public var version: String?
    /// Only of an auditd: nil for other daemons, and when its file cannot be read.
    public var conf: AuditdConf?
    /// Where that file is.
    public var confPath: [UInt8]
    /// Why there is no `conf`: an errno; 0 when nothing failed.
    public var confError: Int32
    /// The file was changed after the daemon had started: it may work by an older one.
    public var isConfNewer: Bool
    public var log: EvidenceLog?
    public var plugins: [AuditdPlugin]

    public var isAuditd: Bool { name.elementsEqual("auditd".utf8) }

    public init(pid: Int32, name: [UInt8]) {
        (self.pid, self.name) = (pid, name)
        (confPath, confError, isConfNewer, plugins) = ([], 0, false, [])
    }

    /// Looks at the daemon's files, in its own root.
    /// - Parameter searching: for its version as well, which may take reading some of its log.
    public static func find(pid: Int32, clock: Clock, searching: Bool = true) -> RegisteredDaemon {
        let process = ProcScanner.stat(pid)
        var daemon = RegisteredDaemon(pid: pid, name: process.map { Array($0.comm) } ?? [])
        guard daemon.isAuditd else { return daemon }
        let command = commandLine(of: pid)
        let root = root(of: pid)
        daemon.confPath = confPath(command, pid)
        let file = root + String(decoding: daemon.confPath, as: UTF8.self)
        var info = stat()
        var bytes: [UInt8]?
        // C fills the struct that it is given.
        if unsafe stat(file, &info) == 0 {
            // A pipe would keep us waiting; auditd takes none either.
            bytes = info.st_mode & S_IFMT == S_IFREG ? SmallFile.read(file, limit: 1 << 20) : nil
            if bytes == nil { daemon.confError = errno == 0 ? EINVAL : errno }
        } else if errno == ENOENT {
            // auditd goes by its defaults then.
            bytes = []
        } else {
            daemon.confError = errno
        }
        guard let bytes else { return daemon }
        let conf = AuditdConf.parse(bytes)
        daemon.conf = conf
        if let process {
            let changed = Int64(info.st_mtim.tv_sec) * 1_000
            daemon.isConfNewer = changed > clock.start(ticks: process.startTicks) + 1_000
        }
        let log = EvidenceLog.read(conf, isWritten: !command.isForeground, root: root)
        daemon.log = log
        guard searching else { return daemon }
        let plugins = root + String(decoding: conf.pluginFolder, as: UTF8.self)
        // Where they were before audit 3.0.
        daemon.plugins =
            AuditdPlugin.active(in: plugins) ?? AuditdPlugin.active(in: root + "/etc/audisp/plugins.d") ?? []
        let logFile = root + String(decoding: conf.logFile, as: UTF8.self)
        let folder = root + String(decoding: log.folder, as: UTF8.self)
        daemon.version = AuditdVersion.find(
            pid: pid, logs: EvidenceLog.files(logFile, folder).map(\.path), root: root)
        return daemon
    }

    /// Where an auditd's settings are for us.
    static func confFile(of pid: Int32) -> String {
        root(of: pid) + String(decoding: confPath(commandLine(of: pid), pid), as: UTF8.self)
    }

    private static func commandLine(of pid: Int32) -> AuditdCommandLine {
        AuditdCommandLine(commandLine: SmallFile.read("/proc/\(pid)/cmdline", limit: 65_536) ?? [])
    }

    private static func confPath(_ command: AuditdCommandLine, _ pid: Int32) -> [UInt8] {
        path(command.configFolder, pid) + Array("/auditd.conf".utf8)
    }

    /// The prefix under which its files are found: service managers give daemons a mount namespace of
    /// their own.
    private static func root(of pid: Int32) -> String {
        let theirs = SmallFile.link("/proc/\(pid)/ns/mnt")
        return theirs == nil || theirs == SmallFile.link("/proc/self/ns/mnt") ? "" : "/proc/\(pid)/root"
    }

    private static func path(_ given: [UInt8]?, _ pid: Int32) -> [UInt8] {
        guard let given else { return Array("/etc/audit".utf8) }
        guard given.first != UInt8(ascii: "/") else { return given }
        // It was read before auditd became a daemon; one that stayed (-n) is still in that folder.
        return (SmallFile.link("/proc/\(pid)/cwd") ?? []) + [UInt8(ascii: "/")] + given
    }
}
