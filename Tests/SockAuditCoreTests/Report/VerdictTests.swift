import Testing

@testable import SockAuditCore

/// What each reason code does to the verdict (interface.md, "The verdict").
@Suite struct VerdictTests {
    private func verdict(_ codes: [Reason.Code], fromInput: Bool = false) -> Verdict {
        Verdict(reasons: codes.map { Reason($0, count: 1, "text") }, fromInput: fromInput)
    }

    @Test func withoutReasons() {
        #expect(verdict([]) == .complete)
        #expect(verdict([], fromInput: true) == .unverified)
    }

    @Test(arguments: [Reason.Code.kernelLost, .streamOverrun, .missingSerials, .procDrift])
    func lossyCodes(_ code: Reason.Code) {
        #expect(verdict([code]) == .lossy)
        #expect(verdict([code], fromInput: true) == .lossy, "the input itself shows loss")
        #expect(verdict([.lightMode, code, .backlogWait]) == .lossy, "the gravest decides")
    }

    @Test(arguments: [
        Reason.Code.lightMode, .procMode, .exempted, .olderThanAudit, .behind, .shadowedRule, .archUnseen,
        .ioUring,
        .rulesChanged,
    ])
    func partialCodes(_ code: Reason.Code) {
        #expect(verdict([code]) == .partial)
        #expect(verdict([code], fromInput: true) == .unverified)
    }

    @Test func notesChangeNothing() {
        #expect(verdict([.backlogWait]) == .complete)
        #expect(verdict([.reportGap, .limitNear]) == .complete)
        #expect(verdict([.backlogWait, .skippedLines, .othersGrow], fromInput: true) == .unverified)
        #expect(verdict([.backlogWait, .behind]) == .partial)
    }

    /// Scripts read these words.
    @Test func theCodesAreThoseOfTheContract() {
        let contract: Set<String> = [
            "kernel_lost", "stream_overrun", "missing_serials", "proc_drift", "light_mode", "proc_mode",
            "exempted",
            "older_than_audit", "behind", "shadowed_rule", "arch_unseen", "io_uring", "rules_changed",
            "backlog_wait",
        ]
        #expect(contract.isSubset(of: Reason.Code.allCases.map(\.rawValue)))
        #expect(
            [Verdict.complete, .partial, .lossy, .unverified].map(\.rawValue) == [
                "complete", "partial", "lossy", "unverified",
            ])
    }
}
