extension SocketLedger {
    /// The figures of a node begin anew, as if we had begun to watch it now: what is open was open
    /// before (`earlier`), and its closes are nobody's closes; what has gone is gone.
    ///
    /// - Parameter now: milliseconds since the epoch. Threads of what ended right before may still write.
    public func beginWindow(node: NameID, at now: Int64) {
        for (slot, account) in current where slot.node == node { account.beginWindow() }
        past.removeAll { $0.node == node }
        fresh = fresh.dropFirst(freshHead).filter { account in
            if account.node != node { return true }
            guard (account.ended ?? .min) + Self.dyingMilliseconds >= now else { return false }
            account.beginWindow()
            return true
        }
        freshHead = 0
        freshSockets = fresh.reduce(0) { $0 + $1.descriptors.remembered }
        folded = folded.filter { $0.key.node != node }
    }
}

extension ProcessAccount {
    fileprivate func beginWindow() {
        descriptors = descriptors.asEarlier()
        strangeSockets = 0
        startInterval()
    }
}

extension DescriptorTable {
    /// The same sockets, as those that were open before we came.
    fileprivate func asEarlier() -> DescriptorTable {
        var table = DescriptorTable()
        table.threaded = threaded
        for (fd, descriptor) in live {
            var earlier = descriptor
            earlier.origin = .earlier
            table.open(fd: fd, earlier)
        }
        return table
    }
}
