import CAudit
import Glibc
import SockAuditCore

/// Reads one event out of libauparse's cursor and reduces it to an ``AuditEvent``.
///
/// A class, because libauparse's callback carries a reference to it. One thread.
public final class EventDecoder {
    /// What passed through.
    public struct Counters: Equatable, Sendable {
        /// Events of any kind, without our own.
        public var events = 0
        /// Events of ours that lack a field or have one that cannot be.
        public var malformed = 0
        /// Events of architectures that libaudit does not know.
        public var foreign = 0
        /// Calls without their PROCTITLE, in a log that has it before and after: the kernel writes it with
        /// every call (audit_log_exit, kernel/auditsc.c), so records were lost.
        public var torn = 0
    }

    public private(set) var counters = Counters()
    let names: NameTable
    /// Events of this process are our own.
    let ownPid: Int32
    /// PROCTITLE is read for the script's name.
    let wantsScripts: Bool
    /// False when another counts the calls that lack their PROCTITLE.
    var countsTitles = true
    private var calls = SyscallTable()
    private var titles = TitleWatch()
    /// Filled by the callback, emptied by ``take(_:)``.
    private var ready: [AuditEvent] = []
    /// Changes of rules and switches, emptied by ``takeChanges()``.
    private var changes: [ConfigChange] = []
    private var lastHost: (bytes: [UInt8], id: NameID) = ([], .none)

    /// - Parameter ownPid: 0 from an input, where nothing is our own.
    public init(names: NameTable, ownPid: Int32, wantsScripts: Bool) {
        self.names = names
        self.ownPid = ownPid
        self.wantsScripts = wantsScripts
    }

    /// Hands over what was decoded since the last time, in the order of the stream.
    public func take(_ body: (AuditEvent) -> Void) {
        for event in ready { body(event) }
        ready.removeAll(keepingCapacity: true)
    }

    /// The same, all at once.
    func takeAll(_ body: ([AuditEvent]) -> Void) {
        if ready.isEmpty { return }
        body(ready)
        ready.removeAll(keepingCapacity: true)
    }

    /// What others, and we, did to the audit configuration since the last time.
    public func takeChanges() -> [ConfigChange] {
        defer { changes = [] }
        return changes
    }

    /// See ``NameTable/sweep(_:)``.
    public func markNames(_ mark: (NameID) -> Void) { titles.markNames(mark) }

    /// What is remembered of names that nobody marks.
    public func forgetNames() { lastHost = ([], .none) }

    /// Called by libauparse for each complete event.
    func decode(_ au: OpaquePointer) {
        guard unsafe auparse_first_record(au) > 0 else { return }
        var fields = RecordFields()
        var call: FollowedCall?
        var comm = NameID.none
        var exe = NameID.none
        var script = NameID.none
        var isOurs = false
        var isCall = false
        var hasTitle = false
        repeat {
            switch unsafe auparse_get_type(au) {
            case AUDIT_SYSCALL:
                isCall = true
                call = unsafe readSyscall(au, &fields, &comm, &exe)
                isOurs = ownPid != 0 && fields.pid == ownPid
            case AUDIT_CONFIG_CHANGE: unsafe readChange(au)
            case AUDIT_SOCKETCALL where call == .socketcall: unsafe readSocketcall(au, &fields)
            case AUDIT_FD_PAIR where call == .socketpair || call == .socketcall: unsafe readPair(au, &fields)
            case AUDIT_PROCTITLE:
                hasTitle = true
                if wantsScripts && call != nil { script = unsafe readScript(au) }
            default: break
            }
        } while unsafe auparse_next_record(au) > 0
        if isOurs { return }
        counters.events += 1
        if isCall && ownPid == 0 && countsTitles {
            unsafe titles.saw(host(auparse_get_timestamp(au)?.pointee.host), hasTitle: hasTitle)
            counters.torn = titles.torn
        }
        guard let call else {
            if fields.malformed { counters.malformed += 1 }
            return
        }
        guard !fields.malformed, let pid = fields.pid, pid > 0, let stamp = unsafe auparse_get_timestamp(au)
        else {
            counters.malformed += 1
            return
        }
        switch OperationBuilder.build(call, fields) {
        case .nothing: break
        case .malformed: counters.malformed += 1
        case .operation(let operation):
            let at = unsafe stamp.pointee
            var event = unsafe AuditEvent(
                node: host(at.host), serial: UInt64(at.serial),
                stamp: Int64(at.sec).multipliedReportingOverflow(by: 1_000).partialValue &+ Int64(at.milli),
                pid: pid, ppid: fields.ppid, uid: fields.uid, auid: fields.auid, session: fields.session,
                comm: comm, exe: exe, operation: operation)
            event.script = script
            if case .socket = operation { event.kind = OperationBuilder.kind(call, fields) }
            ready.append(event)
        }
    }

    private func host(_ text: UnsafePointer<CChar>?) -> NameID {
        guard let text = unsafe text else { return .none }
        let bytes = unsafe Self.bytes(text)
        if unsafe !lastHost.bytes.elementsEqual(bytes) {
            lastHost = unsafe (Array(bytes), names.intern(bytes))
        }
        return lastHost.id
    }

    // MARK: records

    /// Walks the SYSCALL record up to exe=; nil when the call is none that we follow.
    private func readSyscall(
        _ au: OpaquePointer, _ fields: inout RecordFields, _ comm: inout NameID, _ exe: inout NameID
    ) -> FollowedCall? {
        var call: FollowedCall?
        guard unsafe auparse_first_field(au) > 0 else {
            fields.malformed = true
            return nil
        }
        repeat {
            guard let name = unsafe auparse_get_field_name(au), let text = unsafe auparse_get_field_str(au)
            else {
                continue
            }
            let value = unsafe Self.bytes(text)
            switch unsafe FieldName.pack(name) {
            case FieldName.arch: fields.elf = unsafe number(RecordNumber.hex(value), &fields)
            case FieldName.syscall:
                guard let number = unsafe RecordNumber.decimal(value), number >= 0, let elf = fields.elf
                else {
                    fields.malformed = true
                    return nil
                }
                call = calls.call(elf: elf, number: UInt64(number))
                if call == nil {
                    if !calls.knows(elf: elf) { counters.foreign += 1 }
                    return nil
                }
            case FieldName.success: fields.succeeded = unsafe value.first == UInt8(ascii: "y")
            case FieldName.exit: fields.exit = unsafe RecordNumber.decimal(value)
            case FieldName.a0: fields.arguments.0 = unsafe argument(value, &fields)
            case FieldName.a1: fields.arguments.1 = unsafe argument(value, &fields)
            case FieldName.a2: fields.arguments.2 = unsafe argument(value, &fields)
            case FieldName.a3: fields.arguments.3 = unsafe argument(value, &fields)
            case FieldName.ppid: fields.ppid = unsafe number(RecordNumber.decimal(value), &fields) ?? 0
            case FieldName.pid: fields.pid = unsafe number(RecordNumber.decimal(value), &fields)
            case FieldName.auid: fields.auid = unsafe identity(value)
            case FieldName.uid: fields.uid = unsafe identity(value)
            case FieldName.ses: fields.session = unsafe identity(value)
            case FieldName.comm: comm = unsafe untrusted(value)
            case FieldName.exe:
                exe = unsafe untrusted(value)
                if unsafe value.first == UInt8(ascii: "\""),
                    unsafe value.count < 2 || value.last != UInt8(ascii: "\"")
                {
                    break
                }
                return check(call, &fields)
            default: break
            }
        } while unsafe auparse_next_field(au) > 0
        // The kernel always writes exe= (audit_log_task_info): what ends before it, or in it, is cut.
        fields.malformed = true
        return call
    }

    private func check(_ call: FollowedCall?, _ fields: inout RecordFields) -> FollowedCall? {
        if call == nil { fields.malformed = true }
        return call
    }

    private func readSocketcall(_ au: OpaquePointer, _ fields: inout RecordFields) {
        guard unsafe auparse_first_field(au) > 0 else { return }
        var found: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        repeat {
            guard let name = unsafe auparse_get_field_name(au), let text = unsafe auparse_get_field_str(au)
            else {
                continue
            }
            guard let value = unsafe RecordNumber.hex(Self.bytes(text)) else { continue }
            switch unsafe FieldName.pack(name) {
            case FieldName.a0: found.0 = value
            case FieldName.a1: found.1 = value
            case FieldName.a2: found.2 = value
            case FieldName.a3: found.3 = value
            default: break
            }
        } while unsafe auparse_next_field(au) > 0
        fields.socketcall = found
    }

    private func readPair(_ au: OpaquePointer, _ fields: inout RecordFields) {
        guard unsafe auparse_first_field(au) > 0 else { return }
        var found: (Int32, Int32) = (-1, -1)
        repeat {
            guard let name = unsafe auparse_get_field_name(au), let text = unsafe auparse_get_field_str(au)
            else {
                continue
            }
            guard let value = unsafe RecordNumber.decimal(Self.bytes(text)).flatMap(Int32.init(exactly:))
            else {
                continue
            }
            switch unsafe FieldName.pack(name) {
            case FieldName.fd0: found.0 = value
            case FieldName.fd1: found.1 = value
            default: break
            }
        } while unsafe auparse_next_field(au) > 0
        fields.pair = found
    }

    private func readChange(_ au: OpaquePointer) {
        guard let stamp = unsafe auparse_get_timestamp(au)?.pointee, unsafe auparse_first_field(au) > 0 else {
            return
        }
        var change = unsafe ConfigChange(
            what: .other, stamp: Int64(stamp.sec) * 1_000 + Int64(stamp.milli), auid: AuditEvent.unset)
        repeat {
            guard let name = unsafe auparse_get_field_name(au), let text = unsafe auparse_get_field_str(au)
            else {
                continue
            }
            let value = unsafe Self.bytes(text)
            switch unsafe FieldName.pack(name) {
            case FieldName.op:
                if unsafe value.elementsEqual("add_rule".utf8) { change.what = .ruleAdded }
                if unsafe value.elementsEqual("remove_rule".utf8) {
                    change.what = .ruleRemoved(byKernel: false)
                }
                if unsafe value.elementsEqual("autoremove_rule".utf8) {
                    change.what = .ruleRemoved(byKernel: true)
                }
            case FieldName.auditEnabled where unsafe strcmp(name, "audit_enabled") == 0:
                change.what =
                    unsafe RecordNumber.decimal(value).flatMap(UInt32.init(exactly:)).map { .enabled($0) }
                    ?? .other
            case FieldName.auid: change.auid = unsafe identity(value)
            case FieldName.key: change.key = unsafe UntrustedText.decode(value)
            default: break
            }
        } while unsafe auparse_next_field(au) > 0
        changes.append(change)
    }

    private func readScript(_ au: OpaquePointer) -> NameID {
        guard unsafe auparse_first_field(au) > 0 else { return .none }
        repeat {
            guard let name = unsafe auparse_get_field_name(au), let text = unsafe auparse_get_field_str(au),
                unsafe FieldName.pack(name) == FieldName.proctitle
            else { continue }
            return unsafe names.intern(ScriptName.find(commandLine: UntrustedText.decode(Self.bytes(text))))
        } while unsafe auparse_next_field(au) > 0
        return .none
    }

    // MARK: values

    private static func bytes(_ text: UnsafePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
        // CChar and UInt8 share size and layout.
        let start = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
        return unsafe UnsafeBufferPointer(start: start, count: strlen(text))
    }

    private func number<T: FixedWidthInteger>(
        _ value: (some FixedWidthInteger)?, _ fields: inout RecordFields
    ) -> T? {
        guard let value, let fitting = T(exactly: value) else {
            fields.malformed = true
            return nil
        }
        return fitting
    }

    private func argument(_ value: UnsafeBufferPointer<UInt8>, _ fields: inout RecordFields) -> UInt64 {
        guard let number = unsafe RecordNumber.hex(value) else {
            fields.malformed = true
            return 0
        }
        fields.argumentCount += 1
        return number
    }

    /// An id, which older records write as -1 when it is not set.
    private func identity(_ value: UnsafeBufferPointer<UInt8>) -> UInt32 {
        unsafe RecordNumber.decimal(value).flatMap(UInt32.init(exactly:)) ?? AuditEvent.unset
    }

    private func untrusted(_ value: UnsafeBufferPointer<UInt8>) -> NameID {
        if value.count >= 2, unsafe value.first == UInt8(ascii: "\""), unsafe value.last == UInt8(ascii: "\"")
        {
            return unsafe names.intern(UnsafeBufferPointer(rebasing: value[1..<(value.count - 1)]))
        }
        return unsafe names.intern(UntrustedText.decode(value))
    }
}
