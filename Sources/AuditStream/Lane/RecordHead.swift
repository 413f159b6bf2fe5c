import Glibc
import SockAuditCore

/// Reads the heads of records: `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL):`.
///
/// Most records have the stamp of the one before them, so that is what is compared first. What it
/// takes, ``LineGate`` takes too; what it does not take may still be a record.
@safe struct RecordHead {
    /// The event that the last record belongs to.
    private(set) var seconds: Int64 = 0
    /// In milliseconds.
    private(set) var stamp: Int64 = 0
    private(set) var serial: UInt64 = 0
    private(set) var node = NameID.none
    /// The last record's role, and where its fields begin: behind the head's last colon.
    private(set) var role: RecordRole
    /// It belongs to the same event as the one before.
    private(set) var isSame = false
    private(set) var body: UnsafeRawPointer?

    private var roles: RecordRoles
    private let partsTellNothing: Bool
    private let names: NameTable
    /// `msg=audit(...):` of the last record, and its length; 0 where it is no length that can be compared.
    private var last = Words()
    private var lastLength = 0
    /// The last node's name, a space behind it.
    private var lastNode: [UInt8] = []
    private var lastNodeID = NameID.none

    /// libauparse reads names up to some three hundred bytes (extract_timestamp, auparse/auparse.c).
    private static let longestNode = 255

    init(_ roles: RecordRoles, names: NameTable) {
        self.roles = roles
        partsTellNothing = [roles.path, roles.folder, roles.arguments].allSatisfy {
            $0.kind == .other && !$0.ends
        }
        self.names = names
        role = roles.call
    }

    /// - Returns: false when the line is no record, or one that is not written as auditd does.
    @inline(__always)
    mutating func read(line start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
        var cursor = unsafe TextCursor(start, end)
        let node = self.node
        if cursor.byte == UInt8(ascii: "n") {
            guard readNode(&cursor) else { return false }
        } else {
            self.node = .none
        }
        isSame = node == self.node
        // Twenty-four bytes are there, and no more are read here and in readType.
        guard unsafe cursor.end - cursor.at >= 24,
            unsafe UInt64(littleEndian: cursor.at.loadUnaligned(as: UInt64.self)) & 0xFF_FFFF_FFFF
                == Word.type
        else { return false }
        // Five were compared.
        unsafe cursor.at += 5
        guard readType(&cursor) else { return false }
        return readStamp(&cursor)
    }

    func markNames(_ mark: (NameID) -> Void) {
        mark(node)
        mark(lastNodeID)
    }

    /// Whether a line is one of those that most lines are: a PATH, CWD or EXECVE of the event of the line before,
    /// and none names a node. What ``read(line:_:)`` would say of it, in less time.
    @inline(__always)
    func isPart(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
        guard partsTellNothing, lastLength > 0, node == .none, unsafe end - start >= 24 else { return false }
        let length: Int
        switch unsafe UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 5, as: UInt64.self)) {
        case Word.path: length = 10
        case Word.folder: length = 9
        case Word.arguments: length = 12
        default: return false
        }
        // Within the line, for so many bytes are there.
        return unsafe end - start >= length + lastLength
            && UInt64(littleEndian: start.loadUnaligned(as: UInt64.self)) & 0xFF_FFFF_FFFF == Word.type
            && Words(start + length, lastLength) == last
    }

    func role(type: Int32, ends: Bool) -> RecordRole { roles.role(type: type, ends: ends) }

    @inline(__always)
    private mutating func readType(_ cursor: inout TextCursor) -> Bool {
        // Eight bytes at once; what follows the name is `msg=`.
        switch unsafe UInt64(littleEndian: cursor.at.loadUnaligned(as: UInt64.self)) {
        case Word.syscall:
            role = roles.call
            // So many bytes were compared just now.
            unsafe cursor.at += 8
        case Word.proctitle:
            unsafe cursor.at += 8
            guard cursor.take("E ") else { return false }
            role = roles.title
        case Word.path:
            role = roles.path
            // Five were compared.
            unsafe cursor.at += 5
        case Word.folder:
            role = roles.folder
            // So many bytes were compared just now.
            unsafe cursor.at += 4
        case Word.arguments:
            role = roles.arguments
            // So many bytes were compared just now.
            unsafe cursor.at += 7
        case Word.address:
            unsafe cursor.at += 8
            guard cursor.take(" ") else { return false }
            role = roles.address
        case Word.end:
            role = roles.end
            // So many bytes were compared just now.
            unsafe cursor.at += 4
        default: return readRareType(&cursor)
        }
        return true
    }

    private mutating func readRareType(_ cursor: inout TextCursor) -> Bool {
        var length = 0
        // Below the line's end.
        let most = unsafe min(cursor.end - cursor.at, RecordRoles.longest)
        while length < most, unsafe cursor.at.load(fromByteOffset: length, as: UInt8.self) != 0x20 {
            length += 1
        }
        // Below the line's end.
        guard length < most, let found = unsafe roles.role(cursor.at, length) else { return false }
        role = found
        unsafe cursor.at += length + 1
        return unsafe found.kind != .permissions || isShort(cursor.at, cursor.end)
    }

    /// What is refused is a list of permissions beyond 255 bytes (parse_up_record, auparse/ellist.c).
    private func isShort(_ body: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
        guard let open = unsafe memchr(body, 0x7B, end - body) else { return true }
        let rest = UnsafeRawPointer(open)
        guard let shut = unsafe memchr(rest, 0x7D, end - rest) else { return unsafe end - rest < 200 }
        return unsafe UnsafeRawPointer(shut) - rest < 200
    }

    @inline(__always)
    private mutating func readStamp(_ cursor: inout TextCursor) -> Bool {
        // Read where so many bytes are there.
        let text = unsafe cursor.at
        if lastLength > 0, unsafe cursor.end - text >= lastLength, unsafe Words(text, lastLength) == last {
            unsafe body = text + lastLength
            return true
        }
        isSame = false
        return readOtherStamp(&cursor)
    }

    @inline(__always)
    private mutating func readOtherStamp(_ cursor: inout TextCursor) -> Bool {
        // Read where so many bytes are there.
        let text = unsafe cursor.at
        var seconds = self.seconds
        if lastLength > 0, unsafe cursor.end - text >= 40, unsafe Words(text, 24).hasSecond(of: last) {
            unsafe cursor.at += Words.second
        } else {
            guard cursor.take("msg=audit("), let value = cursor.decimal(digits: 11), cursor.take(".") else {
                return false
            }
            seconds = Int64(value)
        }
        // A distance within the line.
        let fraction = unsafe cursor.at
        guard let millis = cursor.shortDecimal(), unsafe cursor.at - fraction == 3, cursor.take(":"),
            let serial = cursor.decimal(digits: 10), cursor.take("):")
        else { return false }
        self.seconds = seconds
        stamp = seconds * 1_000 + Int64(millis)
        self.serial = serial
        // Both within the line.
        unsafe body = cursor.at
        lastLength = unsafe cursor.at - text
        if Words.lengths.contains(lastLength) {
            last = unsafe Words(text, lastLength)
        } else {
            lastLength = 0
        }
        return true
    }

    /// A text of 24 to 40 bytes, to be compared at once.
    private struct Words: Equatable {
        static let lengths = 24...40
        /// `msg=audit(1700000000.`: seconds have ten digits from 2001 to 2286.
        static let second = 21

        private var first: UInt64 = 0
        private var next: UInt64 = 0
        private var middle: UInt64 = 0
        private var late: UInt64 = 0
        private var end: UInt64 = 0

        init() {}

        @inline(__always)
        init(_ text: UnsafeRawPointer, _ length: Int) {
            // Whoever makes one has found `length` bytes, at least 24.
            first = unsafe text.loadUnaligned(as: UInt64.self)
            next = unsafe text.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            middle = unsafe text.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            late = unsafe text.loadUnaligned(fromByteOffset: length - 16, as: UInt64.self)
            end = unsafe text.loadUnaligned(fromByteOffset: length - 8, as: UInt64.self)
        }

        @inline(__always)
        static func == (a: Words, b: Words) -> Bool {
            (a.first ^ b.first) | (a.next ^ b.next) | (a.middle ^ b.middle) | (a.late ^ b.late)
                | (a.end ^ b.end)
                == 0
        }

        /// Whether both begin with the same second, and it has ten digits.
        @inline(__always)
        func hasSecond(of other: Words) -> Bool {
            let five: UInt64 = 0xFF_FFFF_FFFF
            return first == other.first && next == other.next && (middle ^ other.middle) & five == 0
                && middle >> 32 & 0xFF == 0x2E
        }
    }

    private mutating func readNode(_ cursor: inout TextCursor) -> Bool {
        guard cursor.take("node=") else { return false }
        let known = lastNode.count
        // Compared where the line has as many bytes.
        if known > 0, unsafe cursor.end - cursor.at >= known,
            unsafe lastNode.withUnsafeBytes({
                unsafe memcmp(cursor.at, $0.baseAddress.unsafelyUnwrapped, known) == 0
            })
        {
            // So many bytes were compared just now.
            unsafe cursor.at += known
            node = lastNodeID
            return true
        }
        // Both within the line.
        let name = unsafe cursor.at
        guard cursor.skipWord(), cursor.byte == 0x20, unsafe cursor.at - name <= Self.longestNode else {
            return false
        }
        // Both within the line.
        let bytes = unsafe UnsafeRawBufferPointer(start: name, count: cursor.at - name)
        lastNode = unsafe Array(bytes) + [0x20]
        lastNodeID = unsafe names.intern(bytes)
        node = lastNodeID
        unsafe cursor.at += 1
        return true
    }

    /// The first eight bytes behind `type=` of the commonest records, first byte lowest.
    private enum Word {
        /// "type=".
        static let type: UInt64 = 0x3D_6570_7974
        /// "SYSCALL ", "PROCTITL", "PATH msg", "CWD msg=", "EXECVE m", "SOCKADDR", "EOE msg=".
        static let syscall: UInt64 = 0x204C_4C41_4353_5953
        static let proctitle: UInt64 = 0x4C54_4954_434F_5250
        static let path: UInt64 = 0x6773_6D20_4854_4150
        static let folder: UInt64 = 0x3D67_736D_2044_5743
        static let arguments: UInt64 = 0x6D20_4556_4345_5845
        static let address: UInt64 = 0x5244_4441_4B43_4F53
        static let end: UInt64 = 0x3D67_736D_2045_4F45
    }
}
