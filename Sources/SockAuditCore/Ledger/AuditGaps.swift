/// What of the calls in scope leaves no record, because the guard took it out of the rules.
public struct AuditGaps: Equatable, Sendable {
    /// Only socket() is audited.
    public var light = false
    /// Nothing is.
    public var nothing = false
    public var processes: Set<Int32> = []
    public var programs: Set<NameID> = []

    public init() {}

    public var isEmpty: Bool { self == AuditGaps() }

    mutating func add(_ other: AuditGaps) {
        light = light || other.light
        nothing = nothing || other.nothing
        processes.formUnion(other.processes)
        programs.formUnion(other.programs)
    }

    func leavesOut(_ account: ProcessAccount) -> Bool {
        processes.contains(account.pid) || programs.contains(account.exe)
    }

    /// How /proc is to be read for one process: of what was not audited it alone tells.
    func widen(_ look: LookSettings, for account: ProcessAccount) -> LookSettings {
        guard !isEmpty else { return look }
        var wide = look
        if light {
            wide.closesUnseen = true
            wide.light = true
        }
        if nothing || leavesOut(account) { wide.callsUnseen = true }
        return wide
    }
}
