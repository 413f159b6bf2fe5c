import AuditStream
import SockAuditCore

/// The daemon that gets every record of ours as well, and what that does to its log. Pure.
enum DaemonChecks {
    static func all(_ facts: DoctorFacts) -> [DoctorCheck] {
        guard facts.status != nil else { return [] }
        var checks = [registered(facts.daemon)]
        guard let daemon = facts.daemon, daemon.isAuditd else { return checks }
        checks += [configuration(daemon)]
        guard let conf = daemon.conf, let log = daemon.log else { return checks }
        checks += [evidence(conf, log)]
        if log.isWritten { checks += [disk(conf, log)] }
        return checks + [plugins(conf, daemon.plugins)]
    }

    static func registered(_ daemon: RegisteredDaemon?) -> DoctorCheck {
        let id = "daemon"
        guard let daemon else {
            return .pass(
                id,
                "No audit daemon is registered: records of ours go to the kernel's log as well, which limits their rate."
            )
        }
        let name = Escaping.visible(daemon.name)
        if daemon.name.isEmpty {
            return .warn(
                id, "The registered audit daemon (pid \(daemon.pid)) is gone.",
                remedy: "Start it again; until then the kernel keeps what it can for it.")
        }
        if daemon.name.elementsEqual("sockaudit".utf8) {
            return .pass(
                id, "A sockaudit (pid \(daemon.pid)) has the kernel's own stream (--source unicast).")
        }
        guard daemon.isAuditd else {
            return .warn(
                id,
                "Another audit daemon, \(name) (pid \(daemon.pid)), is registered and gets every record of ours; what it does with a flood of them is not known.",
                remedy: "See that it can take them, or filter the key sockaudit in it.")
        }
        let version = daemon.version ?? "of unknown version"
        return .pass(
            id, "auditd \(version) (pid \(daemon.pid)) is registered and gets every record of ours as well.")
    }

    static func configuration(_ daemon: RegisteredDaemon) -> DoctorCheck {
        let id = "daemon_conf"
        let path = Escaping.visible(daemon.confPath)
        guard let conf = daemon.conf else {
            return .warn(
                id, "\(path), by which auditd works, cannot be read (\(SystemText.error(daemon.confError))).",
                remedy: "Look at it by hand: what follows from it is not known here.")
        }
        if let fault = conf.faults.first {
            let more = conf.faults.count > 1 ? ", and \(conf.faults.count - 1) more lines like that" : ""
            return .warn(
                id,
                "\(path) has a line that auditd does not take, so it works by an older one: line \(fault.line), \(fault.text)\(more).",
                remedy: "Correct it; auditd would not start again with it.")
        }
        if daemon.isConfNewer {
            return .pass(
                id,
                "auditd works by \(path), which was changed after auditd had started; it goes by that only if it was told to (HUP)."
            )
        }
        return .pass(id, "auditd works by \(path).")
    }

    // MARK: the log

    /// An hour of 1,000 calls a second, which is not much on a busy host: a log that holds less than
    /// that loses its oldest evidence to us while nobody looks.
    static let busyHour: UInt64 = 3_600_000

    static func evidence(_ conf: AuditdConf, _ log: EvidenceLog) -> DoctorCheck {
        let id = "evidence_log"
        let folder = Escaping.visible(log.folder)
        guard log.isWritten else {
            return .pass(id, "auditd writes no log (write_logs); nothing of ours can push evidence out.")
        }
        guard let capacity = log.capacityBytes else {
            return .warn(
                id, "How much auditd's log in \(folder) may hold is not known: its disk does not answer.",
                remedy: "Look whether \(folder) is there and can be read.")
        }
        let events = capacity / EvidenceLog.bytesPerEvent(conf.logFormat)
        let now = "holds \(size(log.usedBytes)) now"
        switch log.end {
        case .rotation:
            let text =
                "auditd's log in \(folder) has \(conf.numberOfLogs) files of \(conf.maxLogFile) MiB (max_log_file_action \(conf.maxLogFileAction.rawValue)) and \(now); \(count(events)) calls of ours push the oldest evidence out"
            if events >= busyHour { return .pass(id, "\(text).") }
            return .warn(
                id, "\(text).",
                remedy:
                    "Watch a NAME instead of all, use --mode light, or enlarge max_log_file and num_logs first."
            )
        case .sizeAction(let action):
            let text =
                "auditd's log in \(folder) \(now), and stops when its file has \(conf.maxLogFile) MiB (max_log_file_action \(action.rawValue))"
            return .warn(
                id,
                "\(text); \(count(capacity - min(capacity, log.usedBytes), conf)) calls of ours are that much.",
                remedy: "Set max_log_file_action to rotate or keep_logs, or use --mode light.")
        case .diskAction, .fullDisk:
            return .pass(
                id,
                "auditd's log in \(folder) \(now) and grows until its disk is full (max_log_file_action \(conf.maxLogFileAction.rawValue))."
            )
        }
    }

    static func disk(_ conf: AuditdConf, _ log: EvidenceLog) -> DoctorCheck {
        let id = "evidence_disk"
        guard let free = log.freeBytes, let room = log.roomBytes else {
            return .warn(
                id, "Nobody knows how much room the disk of auditd's log has.",
                remedy: "Look whether its folder is there and can be read.")
        }
        let orders =
            "space_left \(space(conf.spaceLeft)) \(conf.spaceLeftAction.rawValue), "
            + "admin_space_left \(space(conf.adminSpaceLeft)) \(conf.adminSpaceLeftAction.rawValue), "
            + "disk_full \(conf.diskFullAction.rawValue)"
        let text = "The disk of auditd's log has \(size(free)) free (\(orders))"
        switch log.end {
        // The log turns over before the disk is full.
        case .rotation, .sizeAction: return .pass(id, "\(text), and the log cannot fill it.")
        case .fullDisk:
            if room / EvidenceLog.bytesPerEvent(conf.logFormat) >= busyHour { return .pass(id, "\(text).") }
            return .warn(
                id, "\(text), which \(count(room, conf)) calls of ours fill; then nothing more is written.",
                remedy: "Make room, or use --mode light.")
        case .diskAction(let setting, let action):
            let what =
                room == 0
                ? "\(setting) \(action.rawValue) is due now"
                : "\(setting) \(action.rawValue) comes after \(size(room)) more, \(count(room, conf)) calls of ours"
            // One that only makes room or runs a program may be followed by one that does harm.
            let orders = [conf.spaceLeftAction, conf.adminSpaceLeftAction, conf.diskFullAction]
            let danger = [AuditdConf.SpaceAction.halt, .single, .suspend].first(where: orders.contains)
            let isFar = room / EvidenceLog.bytesPerEvent(conf.logFormat) >= busyHour
            guard let danger else {
                if isFar { return .pass(id, "\(text); \(what).") }
                return .warn(id, "\(text); \(what).", remedy: "Make room, or use --mode light.")
            }
            return .warn(
                id, "\(text); \(what).",
                remedy:
                    "\(consequence(danger)): make room, let the log rotate, or watch a NAME instead of all.")
        }
    }

    private static func consequence(_ action: AuditdConf.SpaceAction) -> String {
        switch action {
        case .halt: "'halt' shuts this host down"
        case .single: "'single' takes this host into single user mode"
        default: "'suspend' stops the log, and with it all evidence"
        }
    }

    static func plugins(_ conf: AuditdConf, _ plugins: [AuditdPlugin]) -> DoctorCheck {
        let id = "plugins"
        guard !plugins.isEmpty else { return .pass(id, "auditd has no active plugins.") }
        let most = 8
        let names = plugins.prefix(most).map {
            "\(Escaping.visible($0.name)) (\(Escaping.visible($0.program)))"
        }.joined(separator: ", ")
        let more = plugins.count > most ? " and \(plugins.count - most) more" : ""
        let orders = "q_depth \(conf.queueDepth), overflow_action \(conf.overflowAction.rawValue)"
        return .warn(
            id, "Plugins of auditd get every record of ours as well: \(names)\(more); \(orders).",
            remedy: conf.overflowAction.isDangerous
                ? "A plugin that is too slow makes auditd do \(conf.overflowAction.rawValue): set overflow_action to syslog, or use --mode light."
                : "See that they can take a flood, and that what they send to is meant to have it.")
    }

    // MARK: words

    private static func count(_ bytes: UInt64, _ conf: AuditdConf) -> String {
        count(bytes / EvidenceLog.bytesPerEvent(conf.logFormat))
    }

    /// Two digits of it: it is no more exact than that.
    static func count(_ number: UInt64) -> String {
        switch number {
        case ..<1_000: "about \(number)"
        case ..<1_000_000: "about \((number + 500) / 1_000) thousand"
        case ..<1_000_000_000: "about \((number + 500_000) / 1_000_000) million"
        default: "more than a billion"
        }
    }

    static func size(_ bytes: UInt64) -> String {
        bytes >> 10 < 10 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 30) GiB"
    }

    private static func space(_ space: AuditdConf.Space) -> String {
        switch space {
        case .mebibytes(let number): "\(number) MiB"
        case .percent(let number): "\(number) %"
        }
    }
}
