import AuditStream
import SockAuditCore
import Testing

@testable import SockAuditRuntime

/// What a plugin says when the administrator's rules change.
@Suite("Rules that are not ours") struct RuleChangesTests {
    private static let rules = ["-a always,exit -F arch=b64 -S socket -F key=mine"]

    private static func change(_ what: ConfigChange.What, _ key: String) -> ConfigChange {
        ConfigChange(what: what, stamp: 1, auid: 1_000, key: Array(key.utf8))
    }

    private static func status() -> KernelStatus {
        KernelStatus(
            enabled: 1, failure: 1, daemon: 1, rateLimit: 0, backlogLimit: 64, lost: 0, backlog: 0,
            backlogWaitTime: 0, backlogWaitActual: 0)
    }

    private func said(_ records: [ConfigChange], missing: Int = 0) -> [Reason] {
        var changes = RuleChanges(of: Self.rules)
        var inspection = RuleInstaller.Inspection()
        inspection.missing = missing
        changes.take(Self.status(), inspection, records, at: 5)
        return changes.reasons { "\($0)" }
    }

    @Test("Rules that were taken out and loaded again were out for a while")
    func reloaded() throws {
        let records = [Self.change(.ruleRemoved(byKernel: false), "mine"), Self.change(.ruleAdded, "mine")]
        let reason = try #require(said(records).first)
        #expect(
            reason.code == .rulesChanged && reason.text.contains("took some of the rules out for a while"))
        #expect(reason.text.contains("auid 1000"))
    }

    @Test("Rules of others, and those of one who adds first, are no matter")
    func others() {
        #expect(said([Self.change(.ruleRemoved(byKernel: false), "theirs")]).isEmpty)
        #expect(
            said([Self.change(.ruleAdded, "mine"), Self.change(.ruleRemoved(byKernel: false), "mine")])
                .isEmpty)
    }

    @Test("Rules that are gone are the administrator's to load")
    func gone() throws {
        let reason = try #require(said([], missing: 3).first)
        #expect(reason.text.contains("removed 3 of the rules") && reason.text.contains("augenrules --load"))
    }
}
