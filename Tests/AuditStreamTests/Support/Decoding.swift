import TestSupport

@testable import AuditStream
@testable import SockAuditCore

/// What libauparse and the decoder make of a text.
struct Decoded {
    var events: [AuditEvent] = []
    var counters = EventDecoder.Counters()
    let names = NameTable()

    var operations: [Operation] { events.map(\.operation) }
    func text(_ id: NameID) -> String { String(decoding: names[id], as: UTF8.self) }

    /// - Parameter pieces: how many bytes are fed at a time.
    init(_ text: String, ownPid: Int32 = 0, scripts: Bool = false, pieces: Int = .max) throws {
        let decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: scripts)
        let bytes = Array(text.utf8)
        try OneAtATime.run {
            let feed = try AuparseFeed(decoder: decoder)
            var start = 0
            while start < bytes.count {
                let end = pieces >= bytes.count - start ? bytes.count : start + pieces
                // The bytes stay for the call.
                unsafe bytes[start..<end].withUnsafeBytes { unsafe feed.feed($0) }
                start = end
            }
            feed.flush()
        }
        var found: [AuditEvent] = []
        decoder.take { found.append($0) }
        events = found
        counters = decoder.counters
    }

    init(_ records: Records) throws { try self.init(records.text) }
}
