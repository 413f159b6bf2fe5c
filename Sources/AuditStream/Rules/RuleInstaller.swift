import CAudit
import Glibc

/// Puts our rules in and takes exactly those out again. The only owner of changes to the kernel.
///
/// It knows nothing of the record stream, so that it can become a process of its own.
public struct RuleInstaller: ~Copyable {
    let control: AuditControl
    var installed: [KernelRule] = []
    /// What the plan wants, whoever's rules bring it.
    var planned: [KernelRule] = []
    /// How many of ours someone else had taken out when they were last to be changed.
    var removedByOthers = 0
    /// Rules that hid something before we came: told of once, at the start.
    var hidingBefore: [KernelRule] = []
    /// Auditing was off before this run, or before those that were here when it came: the daemon of then, or
    /// 0. Nil when it was on.
    private var wasOffBeside: UInt32?
    private var others = OtherRuns()
    private var done = false
    /// The rules are the administrator's: none goes in, none goes out.
    var isObserver = false
    /// Whether a pid is a running sockaudit, whose rules are not stale.
    private let isSockaudit: (Int32) -> Bool

    /// What was found and done while the rules went in.
    public struct Report: Equatable, Sendable {
        /// How many rules are ours.
        public var added = 0
        /// How many were there already, put in by someone else.
        public var shared = 0
        /// Rules of a killed run that were removed.
        public var swept = 0
        public var switchedOn = false
        /// Rules that someone put before ours and that hide part of what we watch.
        public var partlyShadowed: [String] = []
        /// Things that the user should know and that stop nothing.
        public var findings: [HostChecks.Finding] = []
        /// Architectures whose rules the kernel refused.
        public var refusedArchitectures: [String] = []
        /// The rules that bring our records, whoever put them in, in auditctl's words.
        public var rules: [String] = []
        /// Rules of the plan that nobody's bring; see ``observe(_:)``.
        public var missing = 0
        /// The kernel's settings before we changed anything.
        public var before: KernelStatus?

        public init() {}
    }

    public init(isSockaudit: @escaping (Int32) -> Bool) throws(AuditError) {
        control = try AuditControl()
        self.isSockaudit = isSockaudit
    }

    deinit {
        // The last resort; every ordinary way out calls `remove` and hears what failed.
        if !done { _ = Self.takeOut(control, installed, wasOffBeside, others, isSockaudit) }
    }

    /// See ``AuditControl/poke()``.
    public func poke() { control.poke() }

    /// How many rules of ours are in.
    public var count: Int { installed.count }

    public func status() throws(AuditError) -> KernelStatus { try control.status() }

    /// The rules that bring our records now, whoever put them in, in auditctl's words.
    public func texts() throws(AuditError) -> [String] {
        let review = RuleReview(existing: try control.rules())
        var texts: [String] = []
        for rule in planned {
            let text = installed.contains(rule) ? rule.text : review.covering(rule)?.text
            if let text, !texts.contains(text) { texts.append(text) }
        }
        return texts
    }

    /// Checks the host, sweeps what killed runs left, and puts the plan's rules in.
    ///
    /// - Parameter force: go on although a failure would panic the kernel.
    public mutating func install(_ plan: RulePlan, force: Bool) throws(AuditError) -> Report {
        others.enter()
        // Without rules there is nothing that it needs.
        defer { if plan.rules.isEmpty { others.leave() } else { others.endTurn() } }
        var report = Report()
        let status = try control.status()
        report.before = status
        var existing = try control.rules()
        let review = RuleReview(existing: existing)
        report.findings += try HostChecks.check(status, review, plan, force: force)
        for (rule, owner) in review.ours where !isSockaudit(owner) {
            if try Self.delete(rule, control) { report.swept += 1 }
            existing.removeAll { $0 == rule }
        }
        let cleared = RuleReview(existing: existing)
        planned = plan.rules
        hidingBefore = cleared.hiding(plan.rules, before: [])
        report.partlyShadowed = cleared.partlyShadowing(plan.rules).map { $0.text }
        do {
            try put(plan.rules, cleared, &report)
            if status.enabled == 0 && !plan.rules.isEmpty {
                try control.setEnabled(1)
                SwitchMarker.set(beside: status.daemon)
                wasOffBeside = status.daemon
                report.switchedOn = true
            } else if report.swept > 0 || Self.areThere(others, review, isSockaudit) {
                // A run that was killed or is still there may have: the last to leave switches it off.
                wasOffBeside = SwitchMarker.daemon
            } else {
                // Nobody is left whom a marker could speak for: auditing is on for someone else.
                SwitchMarker.clear()
            }
            if !plan.rules.isEmpty { others.stay() }
            report.rules = try texts()
        } catch {
            _ = remove()
            throw error
        }
        return report
    }

    private mutating func put(
        _ rules: [KernelRule], _ review: RuleReview, _ report: inout Report
    ) throws(AuditError) {
        for rule in rules {
            if review.covering(rule) != nil {
                report.shared += 1
                continue
            }
            do {
                try control.add(rule)
                installed.append(rule)
                report.added += 1
            } catch  where error.errno == EEXIST {
                report.shared += 1
            } catch  where error.errno == EINVAL && !Self.isNative(rule) {
                if !report.refusedArchitectures.contains("b32") { report.refusedArchitectures.append("b32") }
            }
        }
    }

    static func isNative(_ rule: KernelRule) -> Bool {
        let arch = rule.fields.first { $0.field == UInt32(AUDIT_ARCH) }
        return arch?.value == Architecture.local.first?.elf
    }

    /// What others did to the rules since they went in.
    public struct Inspection: Equatable, Sendable {
        /// Rules of the plan that nothing brings any more.
        public var missing = 0
        /// Ours are there, but in another order: some were out for a while.
        public var moved = false
        /// Rules that came after ours and hide something of what we watch, in auditctl's words.
        public var hiding: [String] = []

        public init() {}
    }

    public func inspect() throws(AuditError) -> Inspection {
        var found = Inspection()
        found.missing = removedByOthers
        guard !planned.isEmpty else { return found }
        let present = try control.rules()
        let review = RuleReview(existing: present)
        if isObserver { return review.inspection(of: planned, hidingBefore) }
        let missing = planned.count {
            installed.contains($0) ? !present.contains($0) : review.covering($0) == nil
        }
        found.missing = max(missing, removedByOthers)
        let ours = present.filter(installed.contains)
        found.moved = ours != installed.filter(ours.contains)
        found.hiding = review.hiding(planned, before: installed).filter { !hidingBefore.contains($0) }.map(
            \.text)
        return found
    }

    /// Takes out exactly what ``install(_:force:)`` put in. May be called again.
    /// - Returns: what could not be undone; empty when all is as before.
    public mutating func remove() -> [AuditError] {
        guard !done else { return [] }
        done = true
        others.enter()
        let failures = Self.takeOut(control, installed, wasOffBeside, others, isSockaudit)
        others.leave()
        installed = []
        wasOffBeside = nil
        return failures
    }

    /// Other sockaudits need auditing on: they say so, or, where they could not, have rules in.
    private static func areThere(
        _ others: borrowing OtherRuns, _ review: RuleReview, _ isSockaudit: (Int32) -> Bool
    ) -> Bool {
        others.areThere || review.ours.contains { isSockaudit($0.owner) }
    }

    /// - Returns: false when someone else was first, another sockaudit that begins just now: what we wanted.
    private static func delete(
        _ rule: KernelRule, _ control: borrowing AuditControl
    ) throws(AuditError) -> Bool {
        do {
            try control.delete(rule)
            return true
        } catch {
            if error.errno == ENOENT { return false }
            throw error
        }
    }

    private static func takeOut(
        _ control: borrowing AuditControl, _ rules: [KernelRule], _ wasOffBeside: UInt32?,
        _ others: borrowing OtherRuns, _ isSockaudit: (Int32) -> Bool
    ) -> [AuditError] {
        var failures: [AuditError] = []
        for rule in rules.reversed() {
            do { _ = try delete(rule, control) } catch { failures.append(error) }
        }
        guard let wasOffBeside else { return failures }
        do {
            // They still need it, and the last of them does what follows.
            if areThere(others, RuleReview(existing: try control.rules()), isSockaudit) { return failures }
            let status = try control.status()
            // A daemon that came since switched auditing on for itself.
            if status.enabled == 1 && (status.daemon == 0 || status.daemon == wasOffBeside) {
                try control.setEnabled(0)
            }
            SwitchMarker.clear()
        } catch { failures.append(error) }
        return failures
    }

    /// Removes the rules that a sockaudit put in and that no running one owns.
    /// - Returns: how many were removed.
    public mutating func clear() throws(AuditError) -> Int {
        others.enter()
        defer { others.leave() }
        var removed = 0
        for (rule, owner) in RuleReview(existing: try control.rules()).ours where !isSockaudit(owner) {
            if try Self.delete(rule, control) { removed += 1 }
        }
        // A killed run may have switched auditing on as well.
        if removed > 0,
            let failure = Self.takeOut(control, [], SwitchMarker.daemon, others, isSockaudit).first
        {
            throw failure
        }
        return removed
    }
}
