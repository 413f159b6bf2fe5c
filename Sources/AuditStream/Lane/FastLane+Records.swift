import CAudit
import Glibc
import SockAuditCore

/// What each record does to its event.
extension FastLane {
    /// Takes in a line with its newline if it is a record that is written as auditd does.
    /// - Parameter stays: the bytes stay as they are until the next ``pump()``.
    /// - Returns: false when it may be one all the same: see ``push(odd:)``.
    @inline(__always)
    mutating func push(line start: UnsafeRawPointer, _ end: UnsafeRawPointer, stays: Bool) -> Bool {
        guard unsafe head.read(line: start, end), let body = unsafe head.body else {
            last = -1
            return false
        }
        let role = head.role
        // The line between its ends, which the caller holds; so for all that is handed on below.
        let line = unsafe UnsafeRawBufferPointer(start: start, count: end - start)
        let place: Int
        var isNew = false
        if head.isSame, last >= 0, assembly.isBuilding(last) {
            // Most records, and most of them tell us nothing.
            if role.kind == .other && !role.ends { return true }
            place = last
        } else if let found = assembly.find(head.stamp, head.serial, head.node) {
            place = found
        } else {
            // It ends nothing, so libauparse does not look at it. Live, where a call ends its event, what
            // stands beside one that tells us nothing comes late.
            if role.kind == .end || (live && (role.kind == .pair || role.kind == .socketcall)) {
                last = -1
                return true
            }
            place = assembly.begin(head.stamp, seconds: head.seconds, head.serial, head.node)
            isNew = true
        }
        last = place
        switch role.kind {
        case .other, .end, .permissions: break
        // The line that the caller holds.
        case .call: unsafe takeCall(place, line, body, end)
        case .title: unsafe takeTitle(place, line, body, end)
        case .socketcall, .pair, .change: unsafe takeRare(place, role.kind, line)
        }
        if !stays && role.kind == .call { keepRecent() }
        close(place, live ? isComplete(place, role) : role.ends, head.seconds, isNew)
        return true
    }

    /// A record whose head is not as auditd writes it: libauparse says what it is and whose.
    mutating func push(odd line: UnsafeRawBufferPointer) {
        last = -1
        keepRecent()
        // The line that the caller holds.
        let text = unsafe Array(line)
        var found = probe.events(of: text)
        if found.isEmpty, let beside = Self.companion(text) {
            // Refused, or an EOE, which shows beside another record only.
            found = probe.events(of: beside + text).filter { $0.records == 2 && $0.type == AUDIT_EOE }
        }
        for event in found {
            let ends = event.type == AUDIT_EOE || probe.ends(text, event)
            // The line that the caller holds.
            unsafe add(head.role(type: event.type, ends: ends), event, line)
        }
    }

    private mutating func add(
        _ role: RecordRole, _ record: ParserProbe.Event, _ line: UnsafeRawBufferPointer
    ) {
        let stamp = record.seconds * 1_000 + record.millis
        let node = record.host.map { decoder.names.intern($0) } ?? .none
        var place = assembly.find(stamp, record.serial, node)
        let isNew = place == nil
        if isNew {
            if role.kind == .end { return }
            place = assembly.begin(stamp, seconds: record.seconds, record.serial, node)
        }
        guard let place else { return }
        switch role.kind {
        case .other, .end, .permissions: break
        // The line that the caller holds.
        case .call: unsafe takeOddCall(place, line)
        case .title:
            assembly.events[place].hasTitle = true
            if wantsScripts && (isOdd(place) || assembly.events[place].isFollowed) {
                makeOdd(place)
                // The line that the caller holds.
                unsafe assembly.keep(line, of: place)
            }
        case .socketcall, .pair, .change: unsafe takeRare(place, role.kind, line)
        }
        close(place, role.ends, record.seconds, isNew)
    }

    @inline(__always)
    private mutating func close(_ place: Int, _ ends: Bool, _ seconds: Int64, _ isNew: Bool) {
        if ends { assembly.end(place) }
        assembly.age(seconds)
        if isNew { release() }
    }

    // MARK: SYSCALL

    @inline(__always)
    private mutating func takeCall(
        _ place: Int, _ line: UnsafeRawBufferPointer, _ body: UnsafeRawPointer, _ end: UnsafeRawPointer
    ) {
        // A second one, or one beside a change of rules; and without a time an event is malformed.
        if assembly.events[place].isCall || isOdd(place) || head.seconds == 0 {
            return unsafe takeOddCall(place, line)
        }
        switch unsafe scan.scan(body, end) {
        case .odd:
            if live { assembly.events[place].awaited = Awaited.unknown }
            // The line that the caller holds.
            return unsafe takeOddCall(place, line)
        case .other(let isForeign): assembly.events[place].outcome = isForeign ? .foreign : .nothing
        case .followed:
            // Their other half stands in a record of its own.
            if scan.call == .socketpair || scan.call == .socketcall {
                if live {
                    assembly.events[place].awaited = Awaited.records(of: scan.call, scan.fields)
                }
                // The line that the caller holds.
                return unsafe takeOddCall(place, line)
            }
            decode(place)
        }
        assembly.events[place].isCall = true
        if recent.place >= 0 && assembly.isBuilding(recent.place) { keepRecent() }
        // The line that the caller holds.
        recent = unsafe RecentCall(place: place, stamp: head.stamp, serial: head.serial, text: line)
    }

    private mutating func takeOddCall(_ place: Int, _ line: UnsafeRawBufferPointer) {
        makeOdd(place)
        assembly.events[place].isCall = true
        // The line that the caller holds.
        unsafe assembly.keep(line, of: place)
    }

    @inline(__always)
    private mutating func decode(_ place: Int) {
        assembly.events[place].take(scan)
        assembly.events[place].isOurs = ownPid != 0 && scan.pid == ownPid
    }

    // MARK: the others

    @inline(__always)
    private mutating func takeTitle(
        _ place: Int, _ line: UnsafeRawBufferPointer, _ body: UnsafeRawPointer, _ end: UnsafeRawPointer
    ) {
        assembly.events[place].hasTitle = true
        guard wantsScripts else { return }
        if isOdd(place) {
            // The line that the caller holds.
            unsafe assembly.keep(line, of: place)
        } else if assembly.events[place].isFollowed {
            if let script = unsafe scripts.read(body, end) {
                assembly.events[place].event.script = script
            } else {
                makeOdd(place)
                // The line that the caller holds.
                unsafe assembly.keep(line, of: place)
            }
        }
    }

    private mutating func takeRare(_ place: Int, _ kind: RecordRole.Kind, _ line: UnsafeRawBufferPointer) {
        if kind == .change { makeOdd(place) }
        // The calls that have such a record are odd; beside any other it tells nothing.
        if isOdd(place) { unsafe assembly.keep(line, of: place) }
    }

    /// The line's head on a record of another type.
    private static func companion(_ line: [UInt8]) -> [UInt8]? {
        guard let type = line.firstRange(of: Array("type=".utf8)),
            let stamp = line[type.upperBound...].firstRange(of: Array(" msg=audit(".utf8)),
            let colon = line[stamp.upperBound...].firstRange(of: Array("):".utf8))
        else { return nil }
        return line[..<type.upperBound] + Array("PATH".utf8) + line[stamp.lowerBound..<colon.upperBound]
            + Array(" a=1\n".utf8)
    }
}
