import SockAuditCore

/// Names come and go: see ``NameTable/sweep(_:)``.
extension FastLane {
    /// The names of events that are not given out, and of the nodes. Call it after ``take(_:)``.
    public func markNames(_ mark: (NameID) -> Void) {
        head.markNames(mark)
        titles.markNames(mark)
        assembly.forEach { $0.markNames(mark) }
    }

    /// What was remembered to save reading the same again.
    public mutating func forgetNames() {
        scan.forgetNames()
        scripts.forget()
    }
}
