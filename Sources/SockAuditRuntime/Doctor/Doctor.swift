import AuditStream
import Glibc
import SockAuditCore

/// `sockaudit doctor`: looks at this host and says what a run will and will not show, and what stands
/// in its way. It changes nothing: it asks the kernel, reads files, and starts one process of our own
/// that tries a 32-bit call.
public enum Doctor {
    /// - Parameter measure: for so many seconds the rules are put in, and taken out again.
    public static func run(names: [String], mode: AuditMode, json: Bool, measure: Double?) -> Int32 {
        let report = examine(Scope(patterns: names), mode, measure: measure)
        let text =
            json
            ? DoctorOutput.json(report)
            : DoctorOutput.text(report, utcOffset: Clock.utcOffset(at: report.time))
        print(text, terminator: "")
        return report.exitStatus
    }

    public static func examine(_ scope: Scope, _ mode: AuditMode, measure: Double? = nil) -> DoctorReport {
        let facts = gather(scope, mode)
        var report = DoctorReport(
            host: HostInfo.name(), kernel: HostInfo.kernel(), time: Clock.wall(), scope: scope.labels,
            mode: mode.rawValue, checks: checks(facts), rules: RuleChecks.rules(facts))
        if let measure { trial(facts, measure, &report) }
        return report
    }

    private static func trial(_ facts: DoctorFacts, _ seconds: Double, _ report: inout DoctorReport) {
        let id = "measured_rate"
        guard report.result != .cannot, facts.mode != .proc, let status = facts.status else {
            let why = facts.mode == .proc ? "proc mode has no rules" : "of what is said above"
            report.checks.append(
                .warn(id, "Nothing was measured, because \(why).", remedy: "Mend that and measure again."))
            return
        }
        do throws(AuditError) {
            let run = try Measurement.run(
                facts.mode, files: facts.plan.executables, seconds: seconds, status: status,
                auditedSince: facts.auditedSince)
            report.checks += MeasureChecks.all(run, facts)
            report.measured = MeasureChecks.figures(run, facts)
        } catch {
            report.checks.append(DoctorCheck(id, .fail, message: error.description))
        }
    }

    static func checks(_ facts: DoctorFacts) -> [DoctorCheck] {
        KernelChecks.all(facts) + DaemonChecks.all(facts) + RuleChecks.all(facts) + ProcessChecks.all(facts)
    }

    private static func gather(_ scope: Scope, _ mode: AuditMode) -> DoctorFacts {
        let clock = Clock()
        var facts = DoctorFacts()
        (facts.scope, facts.mode) = (scope, mode)
        let own = String(decoding: SmallFile.read("/proc/self/status") ?? [], as: UTF8.self)
        facts.capabilities = HeldCapabilities(status: own) ?? HeldCapabilities([])
        facts.hidepid = ProcessChecks.hidepid(
            String(decoding: SmallFile.read("/proc/self/mountinfo", limit: 16 << 20) ?? [], as: UTF8.self))
        facts.running = ProcScanner(clock: clock, names: NameTable()).running()
        facts.answer = ExecutableFinder.find(scope, running: facts.running)
        facts.otherRuns = facts.running.map(\.pid).filter {
            // A script of that name may have started us.
            $0 != getpid() && $0 != getppid() && ProcScanner.isSockaudit($0)
        }
        facts.takes32BitCalls = OwnProgram.takes32BitCalls()
        facts.takesX32Calls = ForeignCalls.takesX32
        facts.takesFilters = CallFilter.isTaken
        do throws(AuditError) {
            let control = try AuditControl()
            let status = try control.status()
            facts.existing = try control.rules()
            facts.status = status
        } catch {
            facts.refusal = error
        }
        guard let status = facts.status else { return facts }
        facts.livingOwners = Set(facts.review.ours.map(\.owner).filter(ProcScanner.isSockaudit))
        if status.daemon != 0 {
            facts.daemon = RegisteredDaemon.find(pid: Int32(bitPattern: status.daemon), clock: clock)
        }
        if mode != .proc {
            facts.auditedSince = AuditAge.known(
                enabledBefore: status.enabled != 0, daemon: status.daemon, now: Clock.wall(), clock: clock)
            facts.older = OlderProcesses.find(
                facts.running, auditedSince: facts.auditedSince, scope: scope)
        }
        return facts
    }
}
