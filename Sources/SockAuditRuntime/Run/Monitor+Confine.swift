import AuditStream
import Glibc

extension Monitor {
    /// The last step before the first record is read: from here on this process opens nothing, starts nothing and
    /// connects to nobody, whatever a record makes it do. Of /proc the keeper opens a fixed list of files for it.
    ///
    /// - Parameter named: files outside of /proc that it may have opened again.
    mutating func confine(named: [String] = []) {
        guard let sockets = keeper?.sockets else { return }
        // What the C library and we would open later is read now: the time zone, the kernel's name for this boot.
        _ = Clock.utcOffset(at: Clock.wall())
        _ = HostInfo.boot()
        do throws(AuditError) {
            try Privileges.dropStream()
            try CallFilter.monitor(pid: getpid(), links: sockets).install()
            keeper?.openFiles(named: named)
        } catch { messages.error(error.description) }
    }
}
