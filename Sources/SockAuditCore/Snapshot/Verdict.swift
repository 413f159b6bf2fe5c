/// How far a table may be believed.
public enum Verdict: String, Sendable {
    case complete, partial, lossy, unverified
}

/// One thing that bears on the verdict, or, for a note, that the reader should know.
public struct Reason: Equatable, Sendable {
    /// The codes of interface.md. A note changes no verdict.
    public enum Code: String, Sendable, CaseIterable {
        case kernelLost = "kernel_lost"
        case streamOverrun = "stream_overrun"
        case missingSerials = "missing_serials"
        case procDrift = "proc_drift"
        case lightMode = "light_mode"
        case procMode = "proc_mode"
        case exempted
        case olderThanAudit = "older_than_audit"
        case behind
        case shadowedRule = "shadowed_rule"
        case archUnseen = "arch_unseen"
        case ioUring = "io_uring"
        case rulesChanged = "rules_changed"
        /// Rules that only the administrator puts in are not in the kernel.
        case rulesMissing = "rules_missing"
        /// Something in scope could not be read: /proc of a process, or part of an input.
        case unreadable
        /// Lines or records of an input, or messages of the stream, that could not be understood.
        case malformed
        /// A compressed input ended in damage: what was behind it is lost.
        case inputDamaged = "input_damaged"
        /// Lines of an input that are no audit records.
        case skippedLines = "skipped_lines"
        /// Sockets that came by accept and the like keep growing: a server leaks those.
        case othersGrow = "others_grow"
        case backlogWait = "backlog_wait"
        /// A process holds nearly as many descriptors as it may.
        case limitNear = "limit_near"
        /// Intervals of an input in which nothing happened, and which got no table.
        case quietIntervals = "quiet_intervals"
        /// The stamps of an input went back.
        case clockSet = "clock_set"
        /// Records of threads do not say which of two calls was first: see ``DescriptorTable``.
        case threadOrder = "thread_order"
        /// Tables are missing from the report file: there was no room for them.
        case reportGap = "report_gap"

        /// The verdict that this code alone calls for; nil for a note.
        public var verdict: Verdict? {
            switch self {
            case .kernelLost, .streamOverrun, .missingSerials, .procDrift, .malformed, .inputDamaged: .lossy
            case .othersGrow, .backlogWait, .skippedLines, .threadOrder, .quietIntervals, .clockSet,
                .reportGap,
                .limitNear:
                nil
            default: .partial
            }
        }
    }

    public var code: Code
    public var count: Int
    /// A full sentence without the final stop; plain characters only.
    public var text: String

    public init(_ code: Code, count: Int, _ text: String) {
        self.code = code
        self.count = count
        self.text = text
    }
}

extension Verdict {
    /// The gravest of the reasons decides. An input without signs of loss stays unverified: it
    /// cannot say what was lost before it was written.
    public init(reasons: [Reason], fromInput: Bool) {
        let called = reasons.compactMap { $0.code.verdict }
        if called.contains(.lossy) {
            self = .lossy
        } else if fromInput {
            self = .unverified
        } else {
            self = called.isEmpty ? .complete : .partial
        }
    }
}
