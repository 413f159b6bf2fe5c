import CAudit
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
    func decode(_ parsed: ParsedEvent) {
        guard parsed.firstRecord() else { return }
        var fields = RecordFields()
        var call: FollowedCall?
        var comm = NameID.none
        var exe = NameID.none
        var script = NameID.none
        var isOurs = false
        var isCall = false
        var hasTitle = false
        repeat {
            switch parsed.recordType {
            case AUDIT_SYSCALL:
                isCall = true
                call = readSyscall(parsed, &fields, &comm, &exe)
                isOurs = ownPid != 0 && fields.pid == ownPid
            case AUDIT_CONFIG_CHANGE: readChange(parsed)
            case AUDIT_SOCKETCALL where call == .socketcall: readSocketcall(parsed, &fields)
            case AUDIT_FD_PAIR where call == .socketpair || call == .socketcall: readPair(parsed, &fields)
            case AUDIT_PROCTITLE:
                hasTitle = true
                if wantsScripts && call != nil { script = readScript(parsed) }
            default: break
            }
        } while parsed.nextRecord()
        if isOurs { return }
        counters.events += 1
        if isCall && ownPid == 0 && countsTitles {
            titles.saw(host(parsed.stamp?.host), hasTitle: hasTitle)
            counters.torn = titles.torn
        }
        guard let call else {
            if fields.malformed { counters.malformed += 1 }
            return
        }
        guard !fields.malformed, let pid = fields.pid, pid > 0, let at = parsed.stamp
        else {
            counters.malformed += 1
            return
        }
        switch OperationBuilder.build(call, fields) {
        case .nothing: break
        case .malformed: counters.malformed += 1
        case .operation(let operation):
            var event = AuditEvent(
                node: host(at.host), serial: at.serial,
                stamp: at.seconds.multipliedReportingOverflow(by: 1_000).partialValue &+ at.millis,
                pid: pid, ppid: fields.ppid, uid: fields.uid, auid: fields.auid, session: fields.session,
                comm: comm, exe: exe, operation: operation)
            event.script = script
            if case .socket = operation { event.kind = OperationBuilder.kind(call, fields) }
            ready.append(event)
        }
    }

    private func host(_ bytes: Bytes?) -> NameID {
        guard let bytes else { return .none }
        if !lastHost.bytes.elementsEqual(bytes) {
            lastHost = (Array(bytes), names.intern(bytes))
        }
        return lastHost.id
    }

    // MARK: records

    /// Walks the SYSCALL record up to exe=; nil when the call is none that we follow.
    private func readSyscall(
        _ parsed: ParsedEvent, _ fields: inout RecordFields, _ comm: inout NameID, _ exe: inout NameID
    ) -> FollowedCall? {
        var call: FollowedCall?
        guard parsed.firstField() else {
            fields.malformed = true
            return nil
        }
        repeat {
            guard let (name, value) = parsed.field else { continue }
            switch name {
            case FieldName.arch: fields.elf = number(RecordNumber.hex(value), &fields)
            case FieldName.syscall:
                guard let number = RecordNumber.decimal(value), number >= 0, let elf = fields.elf
                else {
                    fields.malformed = true
                    return nil
                }
                call = calls.call(elf: elf, number: UInt64(number))
                if call == nil {
                    if !calls.knows(elf: elf) { counters.foreign += 1 }
                    return nil
                }
            case FieldName.success: fields.succeeded = value.first == UInt8(ascii: "y")
            case FieldName.exit: fields.exit = RecordNumber.decimal(value)
            case FieldName.a0: fields.arguments.0 = argument(value, &fields)
            case FieldName.a1: fields.arguments.1 = argument(value, &fields)
            case FieldName.a2: fields.arguments.2 = argument(value, &fields)
            case FieldName.a3: fields.arguments.3 = argument(value, &fields)
            case FieldName.ppid: fields.ppid = number(RecordNumber.decimal(value), &fields) ?? 0
            case FieldName.pid: fields.pid = number(RecordNumber.decimal(value), &fields)
            case FieldName.auid: fields.auid = identity(value)
            case FieldName.uid: fields.uid = identity(value)
            case FieldName.ses: fields.session = identity(value)
            case FieldName.comm: comm = untrusted(value)
            case FieldName.exe:
                exe = untrusted(value)
                if value.first == UInt8(ascii: "\""),
                    value.count < 2 || value.last != UInt8(ascii: "\"")
                {
                    break
                }
                return check(call, &fields)
            default: break
            }
        } while parsed.nextField()
        // The kernel always writes exe= (audit_log_task_info): what ends before it, or in it, is cut.
        fields.malformed = true
        return call
    }

    private func check(_ call: FollowedCall?, _ fields: inout RecordFields) -> FollowedCall? {
        if call == nil { fields.malformed = true }
        return call
    }

    private func readSocketcall(_ parsed: ParsedEvent, _ fields: inout RecordFields) {
        guard parsed.firstField() else { return }
        var found: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        repeat {
            guard let (name, value) = parsed.field else { continue }
            guard let value = RecordNumber.hex(value) else { continue }
            switch name {
            case FieldName.a0: found.0 = value
            case FieldName.a1: found.1 = value
            case FieldName.a2: found.2 = value
            case FieldName.a3: found.3 = value
            default: break
            }
        } while parsed.nextField()
        fields.socketcall = found
    }

    private func readPair(_ parsed: ParsedEvent, _ fields: inout RecordFields) {
        guard parsed.firstField() else { return }
        var found: (Int32, Int32) = (-1, -1)
        repeat {
            guard let (name, value) = parsed.field else { continue }
            guard let value = RecordNumber.decimal(value).flatMap(Int32.init(exactly:))
            else {
                continue
            }
            switch name {
            case FieldName.fd0: found.0 = value
            case FieldName.fd1: found.1 = value
            default: break
            }
        } while parsed.nextField()
        fields.pair = found
    }

    private func readChange(_ parsed: ParsedEvent) {
        guard let stamp = parsed.stamp, parsed.firstField() else {
            return
        }
        var change = ConfigChange(
            what: .other, stamp: stamp.seconds * 1_000 + stamp.millis, auid: AuditEvent.unset)
        repeat {
            guard let (name, value) = parsed.field else { continue }
            switch name {
            case FieldName.op:
                if value.elementsEqual("add_rule".utf8) { change.what = .ruleAdded }
                if value.elementsEqual("remove_rule".utf8) {
                    change.what = .ruleRemoved(byKernel: false)
                }
                if value.elementsEqual("autoremove_rule".utf8) {
                    change.what = .ruleRemoved(byKernel: true)
                }
            case FieldName.auditEnabled where parsed.isField("audit_enabled"):
                change.what =
                    RecordNumber.decimal(value).flatMap(UInt32.init(exactly:)).map { .enabled($0) }
                    ?? .other
            case FieldName.auid: change.auid = identity(value)
            case FieldName.key: change.key = UntrustedText.decode(value)
            default: break
            }
        } while parsed.nextField()
        changes.append(change)
    }

    private func readScript(_ parsed: ParsedEvent) -> NameID {
        guard parsed.firstField() else { return .none }
        repeat {
            guard let (name, value) = parsed.field, name == FieldName.proctitle else { continue }
            return names.intern(ScriptName.find(commandLine: UntrustedText.decode(value)))
        } while parsed.nextField()
        return .none
    }

    // MARK: values

    private func number<T: FixedWidthInteger>(
        _ value: (some FixedWidthInteger)?, _ fields: inout RecordFields
    ) -> T? {
        guard let value, let fitting = T(exactly: value) else {
            fields.malformed = true
            return nil
        }
        return fitting
    }

    private func argument(_ value: Bytes, _ fields: inout RecordFields) -> UInt64 {
        guard let number = RecordNumber.hex(value) else {
            fields.malformed = true
            return 0
        }
        fields.argumentCount += 1
        return number
    }

    /// An id, which older records write as -1 when it is not set.
    private func identity(_ value: Bytes) -> UInt32 {
        RecordNumber.decimal(value).flatMap(UInt32.init(exactly:)) ?? AuditEvent.unset
    }

    private func untrusted(_ value: Bytes) -> NameID {
        if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
            return names.intern(value.part(1..<(value.count - 1)))
        }
        return names.intern(UntrustedText.decode(value))
    }
}
