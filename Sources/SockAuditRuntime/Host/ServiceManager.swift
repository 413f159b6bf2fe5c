import Glibc

/// Tells systemd that we are ready (sd_notify(3)): one datagram to $NOTIFY_SOCKET, when there is one.
struct ServiceManager: ~Copyable {
    private let socket: Int32

    /// Makes the connection, which whoever reads records cannot any more.
    init() { socket = Self.connected() }

    deinit { if socket >= 0 { close(socket) } }

    func notifyReady() {
        guard socket >= 0 else { return }
        let text = Array("READY=1".utf8)
        // The bytes stay for the call.
        _ = unsafe text.withUnsafeBytes { unsafe send(socket, $0.baseAddress, $0.count, 0) }
    }

    private static func connected() -> Int32 {
        // Nobody in this process changes its environment.
        guard let variable = unsafe getenv("NOTIFY_SOCKET") else { return -1 }
        var path = unsafe Array(String(cString: variable).utf8)
        guard path.first == UInt8(ascii: "/") || path.first == UInt8(ascii: "@") else { return -1 }
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
        // No more bytes than it has: that was asked above.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let fd = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return -1 }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        // A socket address of the length that is said.
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(fd, $0, length) }
        }
        if result == 0 { return fd }
        close(fd)
        return -1
    }
}
