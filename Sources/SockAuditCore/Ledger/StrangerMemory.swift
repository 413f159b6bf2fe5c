/// What is remembered of a process that has nothing on the books, for a fork record that its parent
/// writes after it (vfork, posix_spawn).
struct Stranger {
    /// Stamps (ms) of its end and of its last execve; none is `.min`.
    var endedAt = Int64.min
    var executedAt = Int64.min
    /// Its names then.
    var comm = NameID.none
    var exe = NameID.none

    var ended: Int64? { endedAt == .min ? nil : endedAt }
    var executed: Int64? { executedAt == .min ? nil : executedAt }

    /// What is remembered was entered no earlier than this (ms).
    func isAfter(_ stamp: Int64) -> Bool { max(endedAt, executedAt) >= stamp }
}

/// The strangers of late: a fixed number of places, in which a new one takes that of an old one. Every
/// short command makes two calls that come here, and its parent's record follows soon or never.
struct StrangerMemory {
    private static let places = 2_048

    private var entries: ContiguousArray<(slot: SocketLedger.Slot, stranger: Stranger)> = []

    /// Short commands have pids that follow each other: so do their places, which keeps them near.
    @inline(__always)
    private func place(_ slot: SocketLedger.Slot) -> Int {
        Int(truncatingIfNeeded: slot.word ^ slot.word >> 29) & (Self.places - 1)
    }

    subscript(slot: SocketLedger.Slot) -> Stranger? {
        if entries.isEmpty { return nil }
        let entry = entries[place(slot)]
        return entry.slot == slot ? entry.stranger : nil
    }

    @inline(__always)
    mutating func change(_ slot: SocketLedger.Slot, _ body: (inout Stranger) -> Void) {
        if entries.isEmpty {
            // A process 0 makes no calls.
            let none = SocketLedger.Slot(node: .none, pid: 0)
            entries = ContiguousArray(repeating: (none, Stranger()), count: Self.places)
        }
        let place = place(slot)
        if entries[place].slot != slot { entries[place] = (slot, Stranger()) }
        body(&entries[place].stranger)
    }

    func markNames(_ mark: (NameID) -> Void) {
        for entry in entries {
            mark(entry.stranger.comm)
            mark(entry.stranger.exe)
        }
    }
}
