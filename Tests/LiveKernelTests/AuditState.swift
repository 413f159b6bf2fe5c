import Foundation
import Glibc
import TestSupport

/// The kernel's audit settings and rules, as auditctl says them.
struct AuditState: Equatable {
    /// By which sockaudits take turns; the last to leave takes it away.
    static let lock = "/run/sockaudit.lock"
    /// Files of sockaudits; the marker is where one remembers that it switched auditing on, until it is off again.
    private static let files = ["marker": "/run/sockaudit.auditing-was-off", "lock": lock]
    /// What nobody may change; counters are not among them.
    static let names = [
        "enabled", "failure", "pid", "rate_limit", "backlog_limit", "backlog_wait_time", "loginuid_immutable",
        "marker", "lock",
    ]
    var settings: [String: String] = [:]
    var rules: [String] = []
    /// Rules of a sockaudit that is none of ours and runs now (a developer's): not our business.
    var foreign: [String] = []

    static func read() throws -> AuditState {
        var state = AuditState()
        state.settings = try status().filter { names.contains($0.key) }
        let list = try run("auditctl", ["-l"])
        guard list.code == 0 else { throw SupportError("auditctl -l: \(list.code) \(list.err)") }
        for rule in list.out.split(separator: "\n").map(String.init) where rule.hasPrefix("-") {
            if isForeign(rule) { state.foreign.append(rule) } else { state.rules.append(rule) }
        }
        for (name, path) in files {
            // C reads the path during the call alone.
            state.settings[name] = unsafe access(path, F_OK) == 0 ? "there" : "none"
        }
        return state
    }

    /// All that `auditctl -s` says, counters too.
    static func status() throws -> [String: String] {
        let status = try run("auditctl", ["-s"])
        guard status.code == 0 else { throw SupportError("auditctl -s: \(status.code) \(status.err)") }
        var found: [String: String] = [:]
        for line in status.out.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2 { found[words[0]] = words[1] }
        }
        return found
    }

    /// How many records the kernel has lost since it started.
    static func lost() throws -> Int {
        guard let lost = try status()["lost"].flatMap({ Int($0) }) else { throw SupportError("no `lost`") }
        return lost
    }

    /// What auditctl sets a setting with.
    private static let options = [
        "rate_limit": "-r", "backlog_limit": "-b", "backlog_wait_time": "--backlog_wait_time",
        "enabled": "-e",
    ]

    static func set(_ name: String, _ value: String) throws {
        guard let option = options[name], value != "2" || name != "enabled" else {
            throw SupportError("\(name) cannot be set to \(value)")
        }
        let done = try run("auditctl", [option, value])
        guard done.code == 0 else { throw SupportError("auditctl \(option) \(value): \(done.err)") }
    }

    /// Runs the body with other settings, then puts the old ones back.
    static func with(settings: [String: String], _ body: () throws -> Void) throws {
        let before = try read()
        defer {
            for name in settings.keys { if let old = before.settings[name] { try? set(name, old) } }
        }
        for (name, value) in settings { try set(name, value) }
        try body()
    }

    /// Who put a sockaudit rule in.
    static func owner(_ rule: String) -> pid_t? {
        guard rule.hasSuffix("key=sockaudit") else { return nil }
        return rule.split(separator: " ").first { $0.hasPrefix("pid!=") }.flatMap { pid_t($0.dropFirst(5)) }
    }

    private static func isForeign(_ rule: String) -> Bool {
        guard let pid = owner(rule), !Children.shared.contains(pid) else { return false }
        return Proc.comm(pid) == "sockaudit"
    }

    func rules(of pid: pid_t) -> [String] { rules.filter { Self.owner($0) == pid } }

    var isEnabled: Bool { settings["enabled"] != "0" }

    /// In words, what is different in `later`; empty when nothing is.
    func changes(to later: AuditState) -> [String] {
        var found: [String] = []
        for name in Self.names where settings[name] != later.settings[name] {
            // A stranger's sockaudit switches auditing on and off at its own times.
            if ["enabled", "marker", "lock"].contains(name) && !(foreign.isEmpty && later.foreign.isEmpty) {
                continue
            }
            found.append("\(name) was \(settings[name] ?? "-") and is \(later.settings[name] ?? "-")")
        }
        for rule in later.rules where !rules.contains(rule) { found.append("new rule \(rule)") }
        for rule in rules where !later.rules.contains(rule) { found.append("lost rule \(rule)") }
        if found.isEmpty && rules != later.rules { found.append("the order of the rules") }
        return found
    }

    /// Puts back what a failed test has changed: rule by rule, never all at once.
    func restore(from now: AuditState) {
        guard foreign.isEmpty && now.foreign.isEmpty else { return restoreRules(from: now) }
        restoreRules(from: now)
        for (name, path) in Self.files where settings[name] != now.settings[name] {
            // C reads the path during the call alone.
            unsafe unlink(path)
        }
        try? Self.forgetDeadReader()
        for name in Self.options.keys where settings[name] != now.settings[name] {
            if let value = settings[name] { try? Self.set(name, value) }
        }
    }

    /// The kernel lets go of a registered reader that is dead when it has something to send it.
    static func forgetDeadReader() throws {
        let now = try read()
        guard let pid = now.settings["pid"].flatMap({ pid_t($0) }), pid > 0, Proc.comm(pid) == nil else {
            return
        }
        for value in now.isEnabled ? ["0", "1"] : ["1", "0"] { _ = try run("auditctl", ["-e", value]) }
        try eventually("the kernel forgets the reader \(pid)") { try read().settings["pid"] != "\(pid)" }
    }

    private func restoreRules(from now: AuditState) {
        for rule in now.rules where !rules.contains(rule) { try? Self.delete(rule) }
        for rule in rules where !now.rules.contains(rule) { try? Self.add(rule) }
    }

    static func add(_ rule: String) throws {
        let done = try run("auditctl", words(rule))
        guard done.code == 0 else { throw SupportError("auditctl \(rule): \(done.err)") }
    }

    /// Takes out the rule that `add` put in, or one that `auditctl -l` printed.
    static func delete(_ rule: String) throws {
        var words = words(rule)
        words[0] = words[0] == "-w" ? "-W" : "-d"
        let done = try run("auditctl", words)
        guard done.code == 0 else { throw SupportError("auditctl \(words): \(done.err)") }
    }

    private static func words(_ rule: String) -> [String] { rule.split(separator: " ").map(String.init) }

    /// Runs the body with these rules of an administrator, then takes them out.
    static func with(_ rules: [String], _ body: () throws -> Void) throws {
        var added: [String] = []
        // A change waits for room in the queue as a call does; on a busy host that may be too long once.
        defer { for rule in added.reversed() where (try? delete(rule)) == nil { try? delete(rule) } }
        for rule in rules {
            try add(rule)
            added.append(rule)
        }
        try body()
    }
}

enum Proc {
    static func comm(_ pid: pid_t) -> String? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/comm") else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// How many sockets the process holds, whoever opened them.
    static func sockets(_ pid: pid_t) -> Int { socketLinks(pid).count }

    /// Descriptor and `socket:[INODE]`.
    static func socketLinks(_ pid: pid_t) -> [String: String] {
        let folder = "/proc/\(pid)/fd"
        var found: [String: String] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
            if let link, link.hasPrefix("socket:") { found[name] = link }
        }
        return found
    }

    /// Parent of every process, by pid.
    static func parents() -> [pid_t: pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var found: [pid_t: pid_t] = [:]
        for pid in names.compactMap({ pid_t($0) }) {
            guard let stat = stat(pid), let parent = pid_t(stat[1]) else { continue }
            found[pid] = parent
        }
        return found
    }

    /// The fields of /proc/PID/stat behind the name (proc(5)): state, parent, ...
    static func stat(_ pid: pid_t) -> [Substring]? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        guard let name = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: name)...].split(separator: " ")
    }

    /// The process and all that it and its children started, while they live.
    static func descendants(_ pid: pid_t) -> [pid_t] {
        let parents = parents()
        var found = parents[pid] == nil ? [] : [pid]
        var next = 0
        while next < found.count {
            found += parents.filter { $0.value == found[next] }.keys
            next += 1
        }
        return found
    }

    /// The inodes of its sockets, one for each descriptor.
    static func socketInodes(_ pid: pid_t) -> [String] {
        socketLinks(pid).values.map { String($0.dropFirst("socket:[".count).dropLast()) }
    }

    /// The letter of proc(5): R, S, T (stopped), Z ...; nil when there is no such process.
    static func state(_ pid: pid_t) -> Character? { stat(pid)?.first?.first }

    static func children(_ pid: pid_t) -> [pid_t] {
        let data = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(pid)/children") ?? Data()
        return String(decoding: data, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
    }
}
