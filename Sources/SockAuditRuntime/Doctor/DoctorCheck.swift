/// One line of what doctor says.
public struct DoctorCheck: Equatable, Sendable {
    public enum Status: String, Sendable { case pass, warn, fail }

    /// Stays the same for ever; scripts go by it.
    public var id: String
    public var status: Status
    /// One full sentence or more; plain characters only.
    public var text: String
    /// What to do about it, as sentences; empty when nothing is to be done.
    public var remedy: String

    public init(_ id: String, _ status: Status, _ text: String, remedy: String = "") {
        self.id = id
        self.status = status
        self.text = text
        self.remedy = remedy
    }

    static func pass(_ id: String, _ text: String) -> DoctorCheck { DoctorCheck(id, .pass, text) }
    static func warn(_ id: String, _ text: String, remedy: String) -> DoctorCheck {
        DoctorCheck(id, .warn, text, remedy: remedy)
    }
    static func fail(_ id: String, _ text: String, remedy: String) -> DoctorCheck {
        DoctorCheck(id, .fail, text, remedy: remedy)
    }

    /// From a message that says what is wrong and, behind its last semicolon, what to do.
    init(_ id: String, _ status: Status, message: String) {
        self.init(id, status, message)
        // Backwards: a key in the text of a rule may hold a semicolon as well.
        let bytes = Array(message.utf8)
        guard
            let cut = bytes.indices.dropLast().last(where: {
                bytes[$0] == UInt8(ascii: ";") && bytes[$0 + 1] == 0x20
            })
        else { return }
        text = String(decoding: bytes[..<cut], as: UTF8.self) + "."
        let rest = String(decoding: bytes[(cut + 2)...], as: UTF8.self)
        remedy = rest.prefix(1).uppercased() + rest.dropFirst()
    }
}

/// One rule that a run would have in the kernel.
public struct DoctorRule: Equatable, Sendable {
    public enum State: String, Sendable {
        /// A run puts it in.
        case add
        /// Somebody else's rule brings the same already.
        case there
        /// A rule before it keeps all of its events from being written, or some.
        case hidden
        case partlyHidden = "partly_hidden"
    }

    /// As auditctl(8) reads it.
    public var text: String
    public var state: State
    /// The other rule; empty for `add`.
    public var by: String
}

/// What a trial of the rules measured, for scripts.
public struct DoctorFigures: Equatable, Sendable {
    public var seconds: Double
    public var events: Int
    public var programs: [(exe: [UInt8], events: Int)]
    /// Of the audit daemon's log; nil where there is none.
    public var megabytesPerDay: Double?
    /// Until its oldest evidence is gone, or it is full; nil where that never comes, or nobody knows.
    public var hoursOfLog: Double?
    /// Of one processor, in percent.
    public var processor: Double
    public var lost: Int
    /// Milliseconds, all callers together.
    public var waited: Double
    /// socket() and close() calls of our own: made, and counted.
    public var made: (socket: Int, close: Int)
    public var counted: (socket: Int, close: Int)

    public static func == (a: DoctorFigures, b: DoctorFigures) -> Bool {
        a.seconds == b.seconds && a.events == b.events && a.lost == b.lost && a.made == b.made
            && a.counted == b.counted
    }
}

/// All that doctor says.
public struct DoctorReport: Equatable, Sendable {
    public enum Result: String, Sendable { case fine, warnings, cannot }

    public var host: String
    public var kernel: String
    /// Milliseconds since the epoch.
    public var time: Int64
    public var scope: [String]
    public var mode: String
    public var checks: [DoctorCheck]
    public var rules: [DoctorRule]
    /// The figures of a trial; nil where nothing was measured.
    public var measured: DoctorFigures?

    public var result: Result {
        if checks.contains(where: { $0.status == .fail }) { return .cannot }
        return checks.contains { $0.status == .warn } ? .warnings : .fine
    }

    public var exitStatus: Int32 {
        switch result {
        case .fine: ExitStatus.done
        case .warnings: ExitStatus.doubtful
        case .cannot: ExitStatus.cannotAudit
        }
    }
}
