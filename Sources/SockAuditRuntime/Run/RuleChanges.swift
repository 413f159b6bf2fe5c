import AuditStream
import SockAuditCore

/// What others did to the audit rules and switches while we ran. Sticky: calls that were not audited are
/// missing from the totals for the rest of the run, also when everything is as before again.
struct RuleChanges {
    private var mostMissing = 0
    private var missingSince: Int64?
    private var movedSince: Int64?
    private var offSince: Int64?
    private var offBy = AuditEvent.unset
    private var hiding: [(text: String, since: Int64)] = []
    /// Who removed rules last, as far as a record told.
    private var removedBy = AuditEvent.unset
    /// The kernel itself took rules out: the folder of the program that they were about has gone.
    private var removedByKernel = false
    /// We put them in, and will not again; others are their administrator's to load.
    private let areOurs: Bool
    /// Of an administrator's rules: their keys, and how many with such a key came and went since.
    private let keys: Set<[UInt8]>
    private var balance = 0

    init() { (areOurs, keys) = (true, []) }

    /// - Parameter rules: the administrator's, in auditctl's words.
    init(of rules: [String]) {
        areOurs = false
        keys = Set(
            rules.flatMap { $0.split(separator: " ") }.filter { $0.hasPrefix("key=") }
                .map { Array($0.utf8.dropFirst(4)) })
    }

    /// Loaded anew (augenrules takes all out first): for that moment nothing was audited. Whoever adds rules
    /// of the same key and takes those out again, as a sockaudit beside us does, takes none of these.
    private mutating func tookSomeOut(_ records: [ConfigChange]) -> Bool {
        var took = false
        for record in records where keys.contains(record.key) {
            switch record.what {
            case .ruleAdded: balance += 1
            case .ruleRemoved: balance -= 1
            default: break
            }
            if balance < 0 { took = true }
            balance = max(0, balance)
        }
        return took
    }

    mutating func take(
        _ status: KernelStatus, _ inspection: RuleInstaller.Inspection, _ records: [ConfigChange],
        at now: Int64
    ) {
        for record in records {
            switch record.what {
            case .enabled(0):
                if offSince == nil { (offSince, offBy) = (record.stamp, record.auid) }
            case .ruleRemoved(let byKernel):
                removedBy = record.auid
                if byKernel { removedByKernel = true }
            default: break
            }
        }
        if status.enabled == 0 && offSince == nil { offSince = now }
        if inspection.missing > mostMissing {
            mostMissing = inspection.missing
            missingSince = missingSince ?? now
        }
        if inspection.moved && missingSince == nil { movedSince = movedSince ?? now }
        if !areOurs, tookSomeOut(records), missingSince == nil { movedSince = movedSince ?? now }
        for text in inspection.hiding where !hiding.contains(where: { $0.text == text }) {
            hiding.append((text, now))
        }
    }

    /// - Parameter clock: how to write a time of day.
    func reasons(clock: (Int64) -> String) -> [Reason] {
        var reasons: [Reason] = []
        if let since = missingSince {
            reasons.append(
                Reason(
                    .rulesChanged, count: mostMissing,
                    areOurs
                        ? "\(remover) removed \(mostMissing) of our rules, noticed at \(clock(since)); they are not put back"
                        : "\(remover) removed \(mostMissing) of the rules that sockaudit needs, noticed at \(clock(since)) (augenrules --load puts them in again)"
                ))
        }
        if let since = movedSince {
            reasons.append(
                Reason(
                    .rulesChanged, count: 1,
                    "someone\(Self.who(removedBy)) took some of \(areOurs ? "our" : "the") rules out for a while, noticed at \(clock(since))"
                ))
        }
        if let since = offSince {
            reasons.append(
                Reason(
                    .rulesChanged, count: 1,
                    "someone\(Self.who(offBy)) switched auditing off at \(clock(since)) while we ran (auditctl -e 0)"
                ))
        }
        for (text, since) in hiding {
            reasons.append(
                Reason(
                    .shadowedRule, count: 1,
                    "a rule that someone added hides part of what is in scope, noticed at \(clock(since)): \(text)"
                ))
        }
        return reasons
    }

    private var remover: String {
        removedByKernel
            ? "the kernel (the program's folder was moved or removed)" : "someone\(Self.who(removedBy))"
    }

    private static func who(_ auid: UInt32) -> String { auid == AuditEvent.unset ? "" : " (auid \(auid))" }
}
