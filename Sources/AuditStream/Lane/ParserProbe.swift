import CAudit
import Glibc
import SockAuditCore

/// Asks libauparse what it makes of a line, so that the lane need not know it: which records end an
/// event and how long one may wait for more differs from version to version and from host to host
/// (end_of_event_timeout in auditd.conf).
@safe final class ParserProbe {
    /// One event as it came out.
    struct Event: Equatable {
        /// Of its last record.
        var type: Int32
        var records: UInt32
        var seconds: Int64
        var millis: Int64
        var serial: UInt64
        /// Nil without a node= prefix.
        var host: [UInt8]?
    }

    private let state: OpaquePointer
    private var found: [Event] = []

    init() throws(AuditError) {
        // Destroyed in deinit alone; this outlives every call that it makes.
        guard let state = unsafe auparse_init(AUSOURCE_FEED, nil) else {
            throw AuditError(
                .socketFailed, errno: errno, "libauparse could not be set up; is there memory left?")
        }
        // The parser that was just made; what it is given goes after it.
        unsafe self.state = state
        unsafe auparse_add_callback(
            state,
            { au, kind, user in
                // Both as they were given to auparse_add_callback.
                guard kind == AUPARSE_CB_EVENT_READY, let au = unsafe au, let user = unsafe user else {
                    return
                }
                // The probe destroys the parser before it goes itself.
                unsafe Unmanaged<ParserProbe>.fromOpaque(user).takeUnretainedValue().note(au)
            }, unsafe Unmanaged.passUnretained(self).toOpaque(), nil)
    }

    // The parser lives as long as this.
    deinit { unsafe auparse_destroy(state) }

    /// The events of a text that is all there is.
    func events(of text: [UInt8]) -> [Event] {
        found = []
        feed(text)
        // The parser lives as long as this.
        unsafe auparse_flush_feed(state)
        return found
    }

    /// Whether nothing is waited for after this line, the first of its event.
    func ends(_ line: [UInt8], _ event: Event) -> Bool {
        let node = event.host.map { Array("node=".utf8) + $0 + [0x20] } ?? []
        let millis = String(1_000 + event.millis).dropFirst()
        let next = "type=SYSCALL msg=audit(\(event.seconds).\(millis):\(event.serial + 1)): a=1\n"
        found = []
        feed(line + node + Array(next.utf8))
        // The parser lives as long as this.
        defer { unsafe auparse_flush_feed(state) }
        return !found.isEmpty
    }

    /// Whether records of this type end their event.
    func ends(type: String) -> Bool {
        let line = Array("type=\(type) msg=audit(1000000.000:1): a=1\n".utf8)
        // EOE alone is no event.
        guard let event = events(of: line).first else { return true }
        return ends(line, event)
    }

    /// Seconds of the log's time after which an event that waits is given out as it is.
    func patience() -> Int64 {
        found = []
        defer { unsafe auparse_flush_feed(state) }
        for more in 0..<Self.mostPatience {
            feed(Array("type=SYSCALL msg=audit(\(1_000_000 + more).000:\(more + 1)): a=1\n".utf8))
            if !found.isEmpty { return more }
        }
        return Self.mostPatience
    }

    private static let mostPatience: Int64 = 600

    private func feed(_ text: [UInt8]) {
        // libauparse copies what it is fed, as many bytes as there are.
        unsafe text.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, unsafe !bytes.isEmpty else { return }
            _ = unsafe sockaudit_feed(state, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
    }

    private func note(_ au: OpaquePointer) {
        // Within the callback the event stays.
        guard unsafe auparse_first_record(au) > 0 else { return }
        // Its parts: of an event at the time 0 auparse_get_timestamp tells nothing.
        var event = unsafe Event(
            type: auparse_get_type(au), records: auparse_get_num_records(au),
            seconds: Int64(auparse_get_time(au)), millis: Int64(auparse_get_milli(au)),
            serial: UInt64(auparse_get_serial(au)), host: nil)
        // A copy of ours, a C string: freed once it is read.
        if let host = unsafe auparse_get_node(au) {
            event.host = unsafe Array(UnsafeBufferPointer(start: host, count: strlen(host))).map {
                UInt8(bitPattern: $0)
            }
            // The copy that we were given.
            unsafe free(UnsafeMutableRawPointer(mutating: host))
        }
        while unsafe auparse_next_record(au) > 0 { event.type = unsafe auparse_get_type(au) }
        found.append(event)
    }
}
