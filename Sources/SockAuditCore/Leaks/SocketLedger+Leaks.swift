extension SocketLedger {
    /// The sockets of one process that are open now; nil where none is, or none old enough.
    func openSockets(_ account: ProcessAccount, _ request: OpenSocketRequest) -> OpenSockets? {
        if account.descriptors.isEmpty || account.hasEnded { return nil }
        var found = OpenSockets(limit: request.takeRoom(account.descriptors.live.count))
        var socket = OpenSocket()
        socket.pid = account.pid
        socket.name = names[account.comm]
        (socket.uid, socket.auid, socket.session) = (account.uid, account.auid, account.session)
        for (fd, descriptor) in account.descriptors.live where request.families.contains(descriptor.family) {
            socket.age = nil
            socket.opened = nil
            if descriptor.serial != 0 {
                let age = Double(max(0, request.now - descriptor.stamp)) / 1_000
                if age < request.olderThan { continue }
                (socket.age, socket.opened) = (age, descriptor.stamp)
            }
            socket.fd = fd
            socket.family = descriptor.family
            socket.kind = descriptor.kind
            socket.origin = descriptor.origin
            socket.serial = descriptor.serial
            socket.thread = names[descriptor.thread]
            socket.endpoint = nil
            let answer = request.endpoint(account.pid, fd, descriptor.inode)
            if case .known(let endpoint) = answer { socket.endpoint = endpoint }
            found.add(socket, isUnreadable: answer == .unreadable)
        }
        found.finish()
        return found.total > 0 ? found : nil
    }

    /// The same of one process, at any time.
    ///
    /// - Parameters:
    ///   - node: the host, as its row names it.
    ///   - start: milliseconds since the epoch, as its row tells it.
    /// - Returns: nil where it is not there (any more), or holds nothing.
    public func openSockets(
        node: [UInt8], pid: Int32, start: Int64, _ request: OpenSocketRequest
    ) -> OpenSockets? {
        for (slot, account) in current where slot.pid == pid && account.start == start {
            if names[slot.node] == node { return openSockets(account, request) }
        }
        return nil
    }
}
