import SockAuditCore

/// Reads `journalctl -o export`: entries of NAME=VALUE lines with a blank line behind each, and values
/// that are no text as NAME, a length in eight bytes (little endian) and the bytes.
///
/// journald takes records from the kernel and keeps stamp, serial and type as fields of their own, so
/// that the record can be put together again.
struct JournalExport {
    static let magic = Array("__CURSOR=".utf8)

    /// What an entry came to.
    enum Entry {
        /// A record as auditd writes it, newline included.
        case record([UInt8])
        /// A text that another program, or the kernel's log, gave to the journal.
        case text([UInt8], host: [UInt8], identifier: [UInt8])
    }

    private enum Place { case line, length(name: [UInt8]), data(name: [UInt8], left: UInt64), newline }

    private static let wanted: Set<[UInt8]> = Set(
        [
            "MESSAGE", "_AUDIT_TYPE", "_AUDIT_ID", "_SOURCE_REALTIME_TIMESTAMP", "_HOSTNAME", "_TRANSPORT",
            "SYSLOG_IDENTIFIER",
        ].map { Array($0.utf8) })

    private var place = Place.line
    private var buffer: [UInt8] = []
    /// The line is longer than any record: it is not kept.
    private var isTooLong = false
    private var fields: [[UInt8]: [UInt8]] = [:]
    /// journald gets the kernel's records itself; what stands in its log beside them are the same again.
    private var hasOwn = false

    mutating func push(_ block: UnsafeRawBufferPointer, _ body: (Entry) -> Void) {
        // Of use for this call alone.
        var rest = unsafe Bytes(block)[...]
        while !rest.isEmpty { rest = step(rest, body) }
    }

    /// The end of the input: an entry without its blank line counts too.
    mutating func finish(_ body: (Entry) -> Void) {
        if case .line = place, !buffer.isEmpty { endLine(body) }
        endEntry(body)
        place = .line
        buffer = []
        isTooLong = false
    }

    private mutating func step(
        _ rest: Slice<Bytes>, _ body: (Entry) -> Void
    ) -> Slice<Bytes> {
        switch place {
        case .line:
            guard let newline = rest.firstIndex(of: 0x0A) else {
                keep(rest)
                return rest[rest.endIndex...]
            }
            keep(rest[..<newline])
            endLine(body)
            return rest[(newline + 1)...]
        case .length(let name):
            let part = rest.prefix(8 - buffer.count)
            buffer += part
            if buffer.count == 8 {
                let length = buffer.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                buffer = []
                isTooLong = length > UInt64(LineSplitter.longest)
                place = length == 0 ? .newline : .data(name: name, left: length)
                if length == 0 { set(name, []) }
            }
            return rest.dropFirst(part.count)
        case .data(let name, let left):
            let part = rest.prefix(Int(clamping: left))
            keep(part)
            let after = left - UInt64(part.count)
            place = after == 0 ? .newline : .data(name: name, left: after)
            if after == 0 {
                set(name, buffer)
                buffer = []
                isTooLong = false
            }
            return rest.dropFirst(part.count)
        case .newline:
            place = .line
            return rest.dropFirst()
        }
    }

    private mutating func keep(_ part: Slice<Bytes>) {
        if buffer.count + part.count > LineSplitter.longest { isTooLong = true }
        if isTooLong { return }
        buffer += part
    }

    private mutating func endLine(_ body: (Entry) -> Void) {
        defer {
            buffer = []
            isTooLong = false
        }
        if isTooLong { return }
        if buffer.isEmpty { return endEntry(body) }
        guard let equals = buffer.firstIndex(of: UInt8(ascii: "=")) else {
            place = .length(name: buffer)
            return
        }
        set(Array(buffer[..<equals]), Array(buffer[(equals + 1)...]))
    }

    private mutating func set(_ name: [UInt8], _ value: [UInt8]) {
        if Self.wanted.contains(name) { fields[name] = value }
    }

    private mutating func endEntry(_ body: (Entry) -> Void) {
        defer { fields.removeAll(keepingCapacity: true) }
        guard let message = field("MESSAGE") else { return }
        let host = field("_HOSTNAME") ?? []
        if field("_TRANSPORT").map({ $0.elementsEqual("audit".utf8) }) ?? false {
            hasOwn = true
            if let record = record(message, host) { return body(.record(record)) }
        }
        if hasOwn && !isLoss(message) { return }
        body(.text(message, host: host, identifier: field("SYSLOG_IDENTIFIER") ?? []))
    }

    /// The kernel's word about what it lost itself stands in its log alone.
    private func isLoss(_ message: [UInt8]) -> Bool {
        message.starts(with: "audit: audit_lost=".utf8) || message.starts(with: "audit_lost=".utf8)
    }

    private func field(_ name: String) -> [UInt8]? { fields[Array(name.utf8)] }

    private func number(_ name: String) -> Int? {
        field(name).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }

    /// The message is the type's name, a blank, and the record from behind its stamp on.
    private func record(_ message: [UInt8], _ host: [UInt8]) -> [UInt8]? {
        guard let type = number("_AUDIT_TYPE").flatMap(UInt16.init(exactly:)),
            let serial = number("_AUDIT_ID"),
            let stamp = number("_SOURCE_REALTIME_TIMESTAMP"), stamp >= 0, serial >= 0,
            let blank = message.firstIndex(of: 0x20)
        else { return nil }
        let millis = stamp / 1_000
        let fraction = String(millis % 1_000 + 1_000).dropFirst()
        let head = "type=\(RecordType.name(type)) msg=audit(\(millis / 1_000).\(fraction):\(serial)): "
        let node = host.isEmpty || host.contains(0x20) ? [] : Array("node=".utf8) + host + [0x20]
        // No record has a newline; what is called one here must stay one line.
        let text = message[(blank + 1)...].map { $0 == 0x0A ? 0x20 : $0 }
        return node + Array(head.utf8) + text + [0x0A]
    }
}
