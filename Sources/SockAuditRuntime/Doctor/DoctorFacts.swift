import AuditStream
import SockAuditCore

/// Everything that the checks go by, gathered once. The checks themselves ask nobody.
struct DoctorFacts {
    var scope = Scope.all
    var mode = AuditMode.standard
    var capabilities = HeldCapabilities(Set(HeldCapabilities.Needed.allCases))
    /// nil when the kernel answered; else why it did not.
    var refusal: AuditError?
    var status: KernelStatus?
    var existing: [KernelRule] = []
    /// Of the owners of rules that a sockaudit put in: those that run.
    var livingOwners: Set<Int32> = []
    /// Other sockaudits that run.
    var otherRuns: [Int32] = []
    var answer = ExecutableFinder.Answer.all(because: "")
    var running: [ProcScanner.Running] = []
    /// Since when new processes are audited (ms since the epoch); nil from boot, or in proc mode.
    var auditedSince: Int64?
    /// Those in scope that began before auditing did.
    var older: [ProcScanner.Running] = []
    var daemon: RegisteredDaemon?
    /// The kernel takes 32-bit calls; nil when it could not be tried.
    var takes32BitCalls: Bool?
    var takesX32Calls = false
    /// The names of this machine's system call tables, as rules call them.
    var tables = Architecture.local.map(\.name)
    /// The kernel, and whatever holds us, lets a process give up system calls (seccomp(2)).
    var takesFilters = true
    /// The hidepid= of /proc; nil for none.
    var hidepid: String?

    /// What a run of these names would put in; its own `pid!=` apart.
    var plan: RulePlan {
        var files: [[UInt8]] = []
        if case .files(let found) = answer { files = found }
        return RulePlan(mode: mode, executables: files)
    }

    var review: RuleReview { RuleReview(existing: existing) }
    var inScope: [ProcScanner.Running] {
        running.filter { scope.contains(comm: $0.comm, exe: $0.exe, script: $0.script) }
    }
}
