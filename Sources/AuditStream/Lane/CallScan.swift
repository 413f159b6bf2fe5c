import Glibc
import SockAuditCore

/// Reads SYSCALL records that look as the kernel writes them: every field in its place, nothing else
/// between (audit_log_exit and audit_log_task_info, kernel/auditsc.c and kernel/audit.c).
struct CallScan {
    enum Result {
        /// A call that we do not follow. `isForeign`: libaudit does not know its architecture.
        case other(isForeign: Bool)
        /// In ``call``, ``fields`` and ``caller``.
        case followed
        /// Not as the kernel writes it: libauparse must say what it is.
        case odd
    }

    private(set) var call = FollowedCall.close
    private(set) var fields = RecordFields()
    private(set) var pid: Int32 = 0
    private(set) var ppid: Int32 = 0
    private var place = 0

    var caller: Caller {
        // A place that the cache gave.
        @inline(__always) get { unsafe callers.callers[place] }
    }

    private var calls = SyscallTable()
    /// The eight digits of the last architecture, and what they say.
    private var lastArch: (text: UInt64, elf: UInt32) = (0, 0)
    private let callers: CallerCache

    init(_ callers: CallerCache) { self.callers = callers }

    mutating func forgetNames() { callers.forget() }

    /// - Parameter at: behind the head's last colon.
    mutating func scan(_ at: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Result {
        var cursor = unsafe TextCursor(at, end)
        guard cursor.take(" arch="), let elf = readArch(&cursor), cursor.take(" syscall="),
            let number = cursor.shortDecimal() ?? cursor.decimal(digits: 5), cursor.byte == 0x20
        else { return .odd }
        guard let call = calls.call(elf: elf, number: number) else {
            return .other(isForeign: !calls.knowsLast)
        }
        self.call = call
        // What else is in there is never set.
        fields.elf = elf
        fields.succeeded = nil
        fields.exit = nil
        if cursor.take(" per=") { guard cursor.hexadecimal() != nil else { return .odd } }
        guard readOutcome(&cursor), readArguments(&cursor), cursor.skip(" items="), cursor.take(" ppid="),
            let ppid = cursor.decimal(digits: 10), ppid <= Int32.max, cursor.take(" pid="),
            let pid = cursor.decimal(digits: 10), pid > 0, pid <= Int32.max, let place = callers.read(&cursor)
        else { return .odd }
        self.ppid = Int32(truncatingIfNeeded: ppid)
        self.pid = Int32(truncatingIfNeeded: pid)
        self.place = place
        return .followed
    }

    @inline(__always)
    private mutating func readArch(_ cursor: inout TextCursor) -> UInt32? {
        // Sixteen bytes are there, and eight are read.
        guard unsafe cursor.end - cursor.at >= 16 else { return nil }
        let text = unsafe cursor.at.loadUnaligned(as: UInt64.self)
        if text == lastArch.text {
            unsafe cursor.at += 8
            return lastArch.elf
        }
        // Sixteen bytes are there, and eight are read.
        let start = unsafe cursor.at
        guard let elf = cursor.hexadecimal().flatMap(UInt32.init(exactly:)) else { return nil }
        if unsafe cursor.at - start == 8 { lastArch = (text, elf) }
        return elf
    }

    /// Calls that never return have none.
    @inline(__always)
    private mutating func readOutcome(_ cursor: inout TextCursor) -> Bool {
        if cursor.take(" success=yes exit=") {
            fields.succeeded = true
        } else if cursor.take(" success=no exit=") {
            fields.succeeded = false
        } else {
            return true
        }
        let isNegative = cursor.take("-")
        guard let value = cursor.shortDecimal() ?? cursor.decimal(digits: 18) else { return false }
        fields.exit = isNegative ? -Int64(value) : Int64(value)
        return true
    }

    @inline(__always)
    private mutating func readArguments(_ cursor: inout TextCursor) -> Bool {
        // Each must be a number, but not each one's value is asked for.
        let asked =
            switch call {
            case .execve, .exitGroup, .exit: 0
            case .close: 1
            case .socket: 3
            default: 4
            }
        guard cursor.take(" a0="), let a0 = cursor.hexadecimal(wanted: asked > 0), cursor.take(" a1="),
            let a1 = cursor.hexadecimal(wanted: asked > 1), cursor.take(" a2="),
            let a2 = cursor.hexadecimal(wanted: asked > 1), cursor.take(" a3="),
            let a3 = cursor.hexadecimal(wanted: asked > 3)
        else { return false }
        fields.arguments = (a0, a1, a2, a3)
        fields.argumentCount = 4
        return true
    }
}

/// Who made a call: what stands behind its pids.
struct Caller {
    var auid = AuditEvent.unset
    var uid = AuditEvent.unset
    var session = AuditEvent.unset
    var comm = NameID.none
    var exe = NameID.none
}

/// What was read of the last callers. Behind the two pids the same program of the same user writes the
/// same bytes with each call, and to compare them costs a tenth of reading them.
///
/// In memory that ``LaneTables`` owns: the lanes of several nodes share it, and a class would be counted with
/// each call.
@safe struct CallerCache {
    private static let places = 256
    /// Longer texts are read each time.
    private static let room = 256

    private let names: NameTable
    private let texts: UnsafeMutableRawPointer
    /// Which of its two places the last one went to, where both were taken.
    private let turn: UnsafeMutablePointer<Bool>
    private let lengths: UnsafeMutablePointer<Int>
    let callers: UnsafeMutablePointer<Caller>

    init(names: NameTable) {
        self.names = names
        // Given back by deallocate(), which the owner calls once.
        unsafe texts = .allocate(byteCount: Self.places * Self.room, alignment: 16)
        unsafe turn = .allocate(capacity: 1)
        unsafe turn.initialize(to: false)
        unsafe lengths = .allocate(capacity: Self.places)
        unsafe lengths.initialize(repeating: 0, count: Self.places)
        unsafe callers = .allocate(capacity: Self.places)
        unsafe callers.initialize(repeating: Caller(), count: Self.places)
    }

    func deallocate() {
        // Allocated in init; no copy is used after the owner has gone.
        unsafe texts.deallocate()
        unsafe turn.deallocate()
        unsafe lengths.deallocate()
        unsafe callers.deallocate()
    }

    /// From ` auid=` to the end of exe=.
    /// - Returns: where in ``callers`` it is; nil when it is not as the kernel writes it.
    @inline(__always)
    func read(_ cursor: inout TextCursor) -> Int? {
        let seed = Self.seed(cursor)
        // Two places for each, so that two programs do not drive each other out with every call.
        let first = seed & (Self.places - 1)
        let second = seed >> 8 & (Self.places - 1)
        if isKept(cursor, first) {
            // So many bytes were found to be there, and the same.
            unsafe cursor.at += lengths[first]
            return first
        }
        if isKept(cursor, second) {
            // So many bytes were found to be there, and the same.
            unsafe cursor.at += lengths[second]
            return second
        }
        // One value; both places are less than there are of them.
        unsafe turn.pointee.toggle()
        return unsafe readAnew(&cursor, turn.pointee || lengths[first] == 0 ? first : second)
    }

    func forget() {
        // All that was allocated.
        unsafe lengths.update(repeating: 0, count: Self.places)
    }

    @inline(__always)
    private func isKept(_ cursor: TextCursor, _ place: Int) -> Bool {
        // A place is less than there are; more bytes than are compared are there.
        let length = unsafe lengths[place]
        return unsafe length > 0 && cursor.end - cursor.at > length
            && memcmp(cursor.at, texts + place * Self.room, length) == 0
            && Self.isEnd(cursor.at.load(fromByteOffset: length, as: UInt8.self))
    }

    /// What tells programs apart stands in the second half; how long the line is helps too.
    @inline(__always)
    private static func seed(_ cursor: TextCursor) -> Int {
        let rest = unsafe cursor.end - cursor.at
        guard rest >= 112 else { return 0 }
        func word(_ offset: Int) -> UInt64 {
            // No offset but those below, each of which was found to be within the line.
            unsafe cursor.at.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        }
        var seed = UInt64(rest) &* 0x9E37_79B9_7F4A_7C15 ^ word(6)
        seed = (seed ^ word(76)) &* 0xC2B2_AE3D_27D4_EB4F
        seed = (seed ^ seed >> 29 ^ word(90)) &* 0x9E37_79B9_7F4A_7C15
        seed = (seed ^ seed >> 29 ^ word(104)) &* 0xC2B2_AE3D_27D4_EB4F
        if rest >= 144 { seed = (seed ^ seed >> 29 ^ word(120) ^ word(136)) &* 0x9E37_79B9_7F4A_7C15 }
        return Int(truncatingIfNeeded: seed >> 40)
    }

    private func readAnew(_ cursor: inout TextCursor, _ place: Int) -> Int? {
        // Sixteen bytes are there, and eight are read.
        let start = unsafe cursor.at
        guard let caller = parse(&cursor) else { return nil }
        let length = unsafe cursor.at - start
        if length <= Self.room {
            unsafe (texts + place * Self.room).copyMemory(from: start, byteCount: length)
        }
        unsafe lengths[place] = length <= Self.room ? length : 0
        unsafe callers[place] = caller
        return place
    }

    private func parse(_ cursor: inout TextCursor) -> Caller? {
        var caller = Caller()
        guard cursor.take(" auid="), let auid = cursor.decimal(digits: 10).flatMap(UInt32.init(exactly:)),
            cursor.take(" uid="), let uid = cursor.decimal(digits: 10).flatMap(UInt32.init(exactly:)),
            cursor.skip(" gid="), cursor.skip(" euid="), cursor.skip(" suid="), cursor.skip(" fsuid="),
            cursor.skip(" egid="), cursor.skip(" sgid="), cursor.skip(" fsgid="), cursor.take(" tty="),
            cursor.skipWord(), cursor.take(" ses="),
            let session = cursor.decimal(digits: 10).flatMap(UInt32.init(exactly:)), cursor.take(" comm="),
            let comm = cursor.untrusted(), cursor.take(" exe=")
        else { return nil }
        if cursor.take("(null)") {
            caller.exe = .none
        } else {
            guard let exe = cursor.untrusted() else { return nil }
            caller.exe = name(exe)
        }
        guard Self.isEnd(cursor.byte) else { return nil }
        caller.auid = auid
        caller.uid = uid
        caller.session = session
        caller.comm = name(comm)
        return caller
    }

    private func name(_ value: Bytes) -> NameID {
        if value.first == UInt8(ascii: "\"") {
            return names.intern(value.part(1..<(value.count - 1)))
        }
        return names.intern(UntrustedText.decode(value))
    }

    /// Where a field ends: at a blank, at the line's end, or where ENRICHED appends its own.
    @inline(__always)
    private static func isEnd(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x1D }
}
