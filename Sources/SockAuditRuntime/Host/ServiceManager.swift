import Glibc

/// Tells systemd that we are ready (sd_notify(3)): one datagram to $NOTIFY_SOCKET, when there is one.
enum ServiceManager {
    static func notifyReady() { send("READY=1") }

    private static func send(_ text: String) {
        // Nobody in this process changes its environment.
        guard let variable = unsafe getenv("NOTIFY_SOCKET") else { return }
        var path = unsafe Array(String(cString: variable).utf8)
        guard path.first == UInt8(ascii: "/") || path.first == UInt8(ascii: "@") else { return }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // No more bytes than it has: that was asked above.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        // A socket address of the length that is said.
        _ = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                unsafe Array(text.utf8).withUnsafeBytes {
                    unsafe sendto(fd, $0.baseAddress, $0.count, 0, target, length)
                }
            }
        }
    }
}
