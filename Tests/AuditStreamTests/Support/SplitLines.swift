@testable import AuditStream

/// The records that come out of a text, and what was counted.
struct SplitLines {
    private(set) var records: [String] = []
    private(set) var counters = LineSplitter.Counters()

    /// - Parameter block: how many bytes are pushed at a time.
    init(_ bytes: [UInt8], block: Int) {
        var splitter = LineSplitter()
        var start = 0
        while start < bytes.count {
            let end = start + min(block, bytes.count - start)
            // The bytes stay for the call.
            unsafe bytes[start..<end].withUnsafeBufferPointer { block in
                unsafe splitter.push(block) { unsafe records.append(String(decoding: $0, as: UTF8.self)) }
            }
            start = end
        }
        // The bytes stay for the call.
        unsafe splitter.finish { unsafe records.append(String(decoding: $0, as: UTF8.self)) }
        counters = splitter.counters
    }
}
