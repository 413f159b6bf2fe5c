import AuditStream
import Glibc
import SockAuditCore

/// What /proc says about processes. Reads only; every answer may be old by the time it is used.
public struct ProcScanner {
    let clock: Clock
    private let names: NameTable
    let memory = ScanMemory()
    private let readsUnits: Bool

    /// - Parameter readsUnits: whether ``probe(_:)`` tells units and containers too.
    public init(clock: Clock, names: NameTable, readsUnits: Bool = false) {
        self.clock = clock
        self.readsUnits = readsUnits
        self.names = names
    }

    /// The fields of /proc/PID/stat that we use (proc(5)).
    struct Stat {
        var comm: ArraySlice<UInt8>
        var state: UInt8
        var threads: Int
        var startTicks: UInt64
        var isKernelThread: Bool
        /// In the program and in the kernel for it, all threads together.
        var processorTicks: UInt64

        init?(_ bytes: [UInt8]) {
            // comm may hold spaces and parentheses; the last one closes it.
            guard let open = bytes.firstIndex(of: UInt8(ascii: "(")),
                let shut = bytes.lastIndex(of: UInt8(ascii: ")")), open < shut, shut + 2 < bytes.count
            else { return nil }
            // Of some fifty fields a few are wanted, for each process and table: none is cut out.
            var field = 0
            var wanted: (flags: UInt64?, threads: UInt64?, start: UInt64?) = (nil, nil, nil)
            processorTicks = 0
            for index in (shut + 2)..<bytes.count where bytes[index] == UInt8(ascii: " ") {
                field += 1
                switch field {
                case 6: wanted.flags = Self.number(bytes, index + 1)
                case 11, 12: processorTicks &+= Self.number(bytes, index + 1) ?? 0
                case 17: wanted.threads = Self.number(bytes, index + 1)
                case 19: wanted.start = Self.number(bytes, index + 1)
                default: continue
                }
                if field == 19 { break }
            }
            guard let flags = wanted.flags, let threads = wanted.threads, let start = wanted.start else {
                return nil
            }
            comm = bytes[(open + 1)..<shut]
            state = bytes[shut + 2]
            self.threads = Int(clamping: threads)
            startTicks = start
            // PF_KTHREAD, include/linux/sched.h.
            isKernelThread = flags & 0x0020_0000 != 0
        }

        /// The number that begins there and ends with a space, or the text.
        private static func number(_ bytes: [UInt8], _ start: Int) -> UInt64? {
            var value: UInt64 = 0
            var index = start
            while index < bytes.count, bytes[index] != UInt8(ascii: " "), bytes[index] != 0x0A {
                let digit = bytes[index] &- 0x30
                let (tens, over) = value.multipliedReportingOverflow(by: 10)
                let (sum, beyond) = tens.addingReportingOverflow(UInt64(digit))
                guard digit < 10, !over, !beyond else { return nil }
                value = sum
                index += 1
            }
            return index > start ? value : nil
        }

        var isDead: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
        /// Running, or waiting in the kernel where nothing may disturb it.
        var isBusy: Bool { state == UInt8(ascii: "D") || state == UInt8(ascii: "R") }
    }

    /// How much of a processor the process has had, in ticks of 1/100 s (proc(5)); nil when it is gone.
    static func processorTicks(_ pid: Int32) -> UInt64? {
        stat(pid).flatMap { $0.isDead ? nil : $0.processorTicks }
    }

    static func stat(_ pid: Int32) -> Stat? {
        SmallFile.read("/proc/\(pid)/stat", limit: 4_096).flatMap(Stat.init)
    }

    /// Who owns the pid now; nil when nobody does.
    public func probe(_ pid: Int32) -> ProcessProbe? {
        let isAsked = ProcFiles.prefetch(["/proc/\(pid)/stat", "/proc/\(pid)/cmdline"])
        defer { if isAsked { ProcFiles.drop() } }
        guard let stat = Self.stat(pid) else { return nil }
        var probe = ProcessProbe(
            startTicks: stat.startTicks, start: clock.start(ticks: stat.startTicks),
            comm: names.intern(stat.comm), script: names.intern(Self.script(pid)))
        probe.threaded = stat.threads > 1
        if readsUnits {
            probe.unit = names.intern(ControlGroup.unit(SmallFile.read("/proc/\(pid)/cgroup") ?? []))
        }
        return probe
    }

    /// How live processes belong together, from /proc and kcmp(2).
    public static let kin: ProcessKin = {
        let ours = SmallFile.link("/proc/self/ns/pid")
        return ProcessKin(
            isThread: { id in
                SmallFile.read("/proc/\(id)/status", limit: 4_096).flatMap(owner(of:)).map {
                    !$0.elementsEqual("\(id)".utf8)
                }
            },
            shareTable: { a, b in
                guard SharedTable.isShared(a, b) == true else { return false }
                // Those whose main thread has ended have no table at all, and in that are alike.
                return stat(a)?.isDead == false && stat(b)?.isDead == false
            },
            isInOtherNamespace: { pid in SmallFile.link("/proc/\(pid)/ns/pid").map { $0 != ours } })
    }()

    static func script(_ pid: Int32) -> [UInt8] {
        ScriptName.find(commandLine: SmallFile.read("/proc/\(pid)/cmdline", limit: 8_192) ?? [])
    }

    /// Begins a look at all processes. From then on a process that has not run since it was last read
    /// is not read again; before the first call every one is.
    public func beginLook() { memory.beginLook() }

    /// One process's sockets and whether it lives.
    ///
    /// - Parameter afresh: read it in any case, and whether a thread of it is in the middle of something.
    public func scan(_ pid: Int32, afresh: Bool = false) -> ProcessScan {
        guard memory.isInUse else { return read(pid, asksBusy: afresh).scan }
        // Before the rest is read: whatever it does while we read makes the next one different.
        let activity = memory.takeActivity(pid) ?? ScanMemory.Activity.of(pid)
        if !afresh, let activity, let known = memory.scan(pid, activity) { return known }
        let (scan, isAsleep) = read(pid, asksBusy: afresh)
        memory.keep(pid, scan, isAsleep ? activity : nil)
        return scan
    }

    /// The program's file; empty when it cannot be read.
    public func executable(_ pid: Int32) -> [UInt8] { SmallFile.link("/proc/\(pid)/exe") ?? [] }

    /// - Returns: also whether it was asleep, with one thread, before its descriptors were read.
    private func read(_ pid: Int32, asksBusy: Bool) -> (scan: ProcessScan, isAsleep: Bool) {
        guard let stat = Self.stat(pid) else {
            return (ProcessScan(presence: SharedTable.exists(pid) ? .unreadable : .gone), false)
        }
        if stat.isDead && stat.threads <= 1 { return (ProcessScan(presence: .gone), false) }
        var scan = ProcessScan(
            presence: .unreadable, startTicks: stat.startTicks, start: clock.start(ticks: stat.startTicks),
            comm: names.intern(stat.comm), threaded: stat.threads > 1)
        // A main thread that ended before the others has no descriptors any more: ask another one.
        let folder = stat.isDead ? Self.livingTask(pid) : "/proc/\(pid)/fd"
        guard let folder, let sockets = Self.sockets(folder, &scan) else {
            if errno == ENOENT || errno == ESRCH, !SharedTable.exists(pid) { scan.presence = .gone }
            return (scan, false)
        }
        scan.presence = .alive(sockets: sockets)
        if scan.descriptors >= Self.fewDescriptors { scan.descriptorLimit = Self.descriptorLimit(pid) }
        if asksBusy { scan.isBusy = stat.isBusy || stat.threads > 1 && Self.hasBusyTask(pid) }
        return (scan, stat.threads == 1 && !stat.isBusy)
    }

    /// Who holds fewer is near no limit that anyone sets: their files are not read.
    private static let fewDescriptors = 50

    private static func hasBusyTask(_ pid: Int32) -> Bool {
        list("/proc/\(pid)/task").contains { tid in
            SmallFile.read("/proc/\(pid)/task/\(tid)/stat").flatMap(Stat.init)?.isBusy == true
        }
    }

    private static func livingTask(_ pid: Int32) -> String? {
        list("/proc/\(pid)/task").first { tid in
            tid != pid && SmallFile.read("/proc/\(pid)/task/\(tid)/stat").flatMap(Stat.init)?.isDead == false
        }.map { "/proc/\(pid)/task/\($0)/fd" }
    }

    /// A living process that is no kernel thread.
    public struct Running: Equatable, Sendable {
        public var pid: Int32
        public var startTicks: UInt64
        public var start: Int64
        public var comm: [UInt8]
        public var exe: [UInt8]
        public var script: [UInt8]
    }

    /// All processes of now.
    public func running() -> [Running] {
        defer { ProcFiles.drop() }
        let pids = Self.list("/proc")
        return pids.enumerated().compactMap { index, pid in
            if index % Self.chunk == 0 {
                ProcFiles.drop()
                ProcFiles.prefetch(
                    pids[index...].prefix(Self.chunk).flatMap { ["/proc/\($0)/stat", "/proc/\($0)/cmdline"] })
            }
            guard let stat = Self.stat(pid), !stat.isKernelThread, !stat.isDead else { return nil }
            return Running(
                pid: pid, startTicks: stat.startTicks, start: clock.start(ticks: stat.startTicks),
                comm: Array(stat.comm), exe: SmallFile.link("/proc/\(pid)/exe") ?? [],
                script: Self.script(pid))
        }
    }

    /// Who a process runs as: owner, login and session (4294967295 when not set).
    static func identity(_ pid: Int32) -> (uid: UInt32, auid: UInt32, session: UInt32) {
        let owner = HostInfo.owner("/proc/\(pid)")
        func number(_ file: String) -> UInt32 {
            UInt32(SmallFile.line("/proc/\(pid)/\(file)")) ?? AuditEvent.unset
        }
        return (owner ?? AuditEvent.unset, number("loginuid"), number("sessionid"))
    }

    /// Whether this pid is a running sockaudit.
    public static func isSockaudit(_ pid: Int32) -> Bool {
        if pid == getpid() { return true }
        guard let stat = stat(pid), !stat.isDead else { return false }
        if stat.comm.elementsEqual("sockaudit".utf8) { return true }
        return Scope.fileName(SmallFile.link("/proc/\(pid)/exe") ?? []).elementsEqual("sockaudit".utf8)
    }
}
