import CAudit

/// The capabilities of a process that bear on auditing (capabilities(7)). Pure.
public struct HeldCapabilities: Equatable, Sendable {
    public enum Needed: String, CaseIterable, Sendable {
        /// Rules and settings.
        case auditControl = "CAP_AUDIT_CONTROL"
        /// The multicast stream.
        case auditRead = "CAP_AUDIT_READ"
        /// /proc/PID/fd of other users' processes.
        case ptrace = "CAP_SYS_PTRACE"
        case readAnything = "CAP_DAC_READ_SEARCH"

        var bit: Int32 {
            switch self {
            case .auditControl: CAP_AUDIT_CONTROL
            case .auditRead: CAP_AUDIT_READ
            case .ptrace: CAP_SYS_PTRACE
            case .readAnything: CAP_DAC_READ_SEARCH
            }
        }
    }

    private let bits: UInt64

    public init(_ held: Set<Needed>) { bits = held.reduce(0) { $0 | 1 << UInt64($1.bit) } }

    /// - Parameter status: the text of /proc/PID/status; nil when it has no CapEff line.
    public init?(status: String) {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let word = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last,
            let bits = UInt64(word, radix: 16)
        else { return nil }
        self.bits = bits
    }

    public func has(_ capability: Needed) -> Bool { bits & 1 << UInt64(capability.bit) != 0 }
    public var missing: [Needed] { Needed.allCases.filter { !has($0) } }
}
