import CAudit
import Glibc
import SockAuditCore

/// An event as libauparse holds it: its cursor, which goes from record to record and from field to field.
///
/// Of use only within the callback that it came with: what it gives out lies in libauparse's memory until the
/// callback returns. No call of its kind takes anything but the parser, so the parser is all that there is to
/// be wrong about.
@safe struct ParsedEvent {
    struct Stamp {
        var seconds: Int64
        var millis: Int64
        var serial: UInt64
        /// Nil without a node= prefix.
        var host: Bytes?
    }

    private let parser: OpaquePointer

    init(_ parser: OpaquePointer) {
        // The one that has called back.
        unsafe self.parser = parser
    }

    // Unsafe, here and below: the parser is alive, for it is in its callback.
    func firstRecord() -> Bool { unsafe auparse_first_record(parser) > 0 }
    func nextRecord() -> Bool { unsafe auparse_next_record(parser) > 0 }
    func firstField() -> Bool { unsafe auparse_first_field(parser) > 0 }
    func nextField() -> Bool { unsafe auparse_next_field(parser) > 0 }
    var recordType: Int32 { unsafe auparse_get_type(parser) }

    var stamp: Stamp? {
        // Points into the parser, and is read at once.
        guard let at = unsafe auparse_get_timestamp(parser)?.pointee else { return nil }
        return unsafe Stamp(
            seconds: Int64(at.sec), millis: Int64(at.milli), serial: UInt64(at.serial),
            // A C string of the event.
            host: unsafe at.host.map { unsafe Self.bytes($0) })
    }

    /// The field's name as ``FieldName`` packs it, and its text as the record has it.
    var field: (name: UInt64, value: Bytes)? {
        // C strings of the record.
        guard let name = unsafe auparse_get_field_name(parser),
            let text = unsafe auparse_get_field_str(parser)
        else { return nil }
        return unsafe (FieldName.pack(cString: name), Self.bytes(text))
    }

    /// For a name of more than eight bytes.
    func isField(_ name: String) -> Bool {
        // Both are C strings.
        unsafe auparse_get_field_name(parser).map { unsafe strcmp($0, name) == 0 } ?? false
    }

    private static func bytes(_ text: UnsafePointer<CChar>) -> Bytes {
        // A C string has as many bytes before its zero.
        unsafe Bytes(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}
