import CAudit

/// The protocol's name that every socket carries as an extended attribute (sockfs, net/socket.c).
public enum SocketName {
    /// - Returns: TCP, TCPv6, UDP, UNIX and the like; nil when it cannot be read.
    public static func of(pid: Int32, fd: Int32) -> String? {
        unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            let count = unsafe getxattr(
                "/proc/\(pid)/fd/\(fd)", "system.sockprotoname", buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            // As many bytes as were filled.
            return unsafe String(decoding: buffer.prefix(count).prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
