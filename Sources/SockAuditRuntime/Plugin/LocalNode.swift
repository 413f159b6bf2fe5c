import AuditStream
import Glibc
import SockAuditCore

/// How the audit daemon calls this host in front of its records (auditd.conf, name_format), as against hosts
/// whose records it was sent.
final class LocalNode {
    private let names: [[UInt8]]
    /// The host's name, of which a full name begins.
    private let host: [UInt8]
    private let format: AuditdConf.NameFormat?
    /// What the last one was called, and whether it is this host: they come in long runs.
    private var last: (name: [UInt8], isThis: Bool) = ([], false)

    /// - Parameter conf: nil where it cannot be read: whatever auditd could call this host is it then.
    init(conf: AuditdConf?, host: String, addresses: @autoclosure () -> [String]) {
        self.host = Array(host.utf8)
        format = conf?.nameFormat
        var names: [[UInt8]] = []
        switch format {
        case nil: names = [self.host] + addresses().map { Array($0.utf8) }
        case .some(.none): break
        case .hostname, .fqd: names = [self.host]
        case .numeric: names = addresses().map { Array($0.utf8) }
        case .user: names = [conf?.name ?? self.host]
        }
        self.names = names
    }

    func isThis(_ node: UnsafeBufferPointer<UInt8>) -> Bool {
        // The name that the caller holds.
        if !last.name.isEmpty, unsafe node.elementsEqual(last.name) { return last.isThis }
        last = unsafe (Array(node), judge(node))
        return last.isThis
    }

    private func judge(_ node: UnsafeBufferPointer<UInt8>) -> Bool {
        // The name that the caller holds.
        if names.contains(where: { unsafe node.elementsEqual($0) }) { return true }
        guard format == nil || format == .fqd else { return false }
        return unsafe node.starts(with: host + [UInt8(ascii: ".")])
    }

    /// All addresses of this host, as auditd would write them (getnameinfo, numeric).
    static func addresses() -> [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var found: [String] = []
        var next = unsafe list
        while let one = unsafe next?.pointee {
            unsafe next = one.ifa_next
            guard let address = unsafe one.ifa_addr else { continue }
            let length: Int
            switch unsafe Int32(address.pointee.sa_family) {
            case AF_INET: length = MemoryLayout<sockaddr_in>.size
            case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
            default: continue
            }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            // An address of the length of its family, and as much room as is said.
            let code = unsafe getnameinfo(
                address, socklen_t(length), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard code == 0 else { continue }
            found.append(
                String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return found
    }
}
