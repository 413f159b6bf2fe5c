import CAudit
import Glibc

/// What a record is to the event that it belongs to.
struct RecordRole {
    enum Kind: UInt8 {
        case call, title, socketcall, pair, change
        /// EOE: it ends an event and begins none.
        case end
        /// libauparse may refuse it for its length (parse_up_record, auparse/ellist.c).
        case permissions
        case other
    }

    var kind: Kind
    /// Nothing is waited for after it.
    var ends: Bool
}

/// The roles of records by the names of their types. Copies share what they learn: the lanes of several nodes each
/// have one.
struct RecordRoles {
    /// A name of at most 32 bytes, padded with zeros.
    private struct Name: Equatable {
        var words: (UInt64, UInt64, UInt64, UInt64)
        static func == (a: Name, b: Name) -> Bool { a.words == b.words }
    }

    let call: RecordRole
    let title: RecordRole
    let end: RecordRole
    let path: RecordRole
    let folder: RecordRole
    let arguments: RecordRole
    let address: RecordRole
    private let probe: ParserProbe
    private let known: Known

    private final class Known {
        /// Open addressing; a free place has length 0.
        var slots = Array(
            repeating: (
                length: 0, name: Name(words: (0, 0, 0, 0)), role: RecordRole(kind: .other, ends: false)
            ),
            count: RecordRoles.capacity)
        var used = 0
        /// Whether records of this number end their event.
        var ends: [Int32: Bool] = [:]
    }

    /// Longer names are no types.
    static let longest = 32
    /// A hostile log may bear any number of names; there are some two hundred.
    private static let capacity = 1_024

    init(_ probe: ParserProbe) {
        self.probe = probe
        call = RecordRole(kind: .call, ends: probe.ends(type: "SYSCALL"))
        title = RecordRole(kind: .title, ends: probe.ends(type: "PROCTITLE"))
        end = RecordRole(kind: .end, ends: true)
        path = RecordRole(kind: .other, ends: probe.ends(type: "PATH"))
        folder = RecordRole(kind: .other, ends: probe.ends(type: "CWD"))
        arguments = RecordRole(kind: .other, ends: probe.ends(type: "EXECVE"))
        address = RecordRole(kind: .other, ends: probe.ends(type: "SOCKADDR"))
        known = Known()
    }

    /// The role of the type whose name is here; nil when that is none that auditd or the kernel write.
    func role(_ text: UnsafeRawPointer, _ length: Int) -> RecordRole? {
        guard length > 0, length < Self.longest else { return nil }
        var name = Name(words: (0, 0, 0, 0))
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<length {
            // Below the length that the caller has found.
            let byte = unsafe UInt64(text.load(fromByteOffset: index, as: UInt8.self))
            hash = (hash ^ byte) &* 0x100_0000_01B3
            let shifted = byte << UInt64(8 * (index & 7))
            switch index >> 3 {
            case 0: name.words.0 |= shifted
            case 1: name.words.1 |= shifted
            case 2: name.words.2 |= shifted
            default: name.words.3 |= shifted
            }
        }
        var place = Int(truncatingIfNeeded: hash >> 20) & (Self.capacity - 1)
        while known.slots[place].length != 0 {
            let slot = known.slots[place]
            if slot.length == length && slot.name == name { return slot.role }
            place = (place + 1) & (Self.capacity - 1)
        }
        // The caller has found so many bytes.
        guard let role = unsafe ask(text, length) else { return nil }
        if known.used < Self.capacity / 2 {
            known.slots[place] = (length, name, role)
            known.used += 1
        }
        return role
    }

    /// The role of a type by its number, and by what is known of the line that bears it.
    func role(type: Int32, ends: Bool) -> RecordRole {
        switch type {
        case AUDIT_SYSCALL: RecordRole(kind: .call, ends: ends)
        case AUDIT_PROCTITLE: RecordRole(kind: .title, ends: ends)
        case AUDIT_SOCKETCALL: RecordRole(kind: .socketcall, ends: ends)
        case AUDIT_FD_PAIR: RecordRole(kind: .pair, ends: ends)
        case AUDIT_CONFIG_CHANGE: RecordRole(kind: .change, ends: ends)
        case AUDIT_EOE: end
        case AUDIT_AVC, AUDIT_USER_AVC: RecordRole(kind: .permissions, ends: ends)
        default: RecordRole(kind: .other, ends: ends)
        }
    }

    private func ask(_ text: UnsafeRawPointer, _ length: Int) -> RecordRole? {
        // So many bytes the caller has found; they stay for the call.
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: length)
        let isPlain = unsafe bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5B, 0x5D, 0x5F: true
            default: false
            }
        }
        guard isPlain else { return nil }
        // As above, and a C string for the call alone.
        let name = unsafe String(decoding: bytes, as: UTF8.self)
        let type = unsafe audit_name_to_msg_type(name)
        let ends = known.ends[type] ?? probe.ends(type: name)
        known.ends[type] = ends
        return role(type: type, ends: ends)
    }
}
