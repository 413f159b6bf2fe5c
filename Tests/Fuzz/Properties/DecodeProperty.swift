import AuditStream
import DecoderTranscript
import SockAuditCore
import SockAuditRuntime

/// A log of any bytes: the lane and libauparse make the same of it, however it is cut into blocks.
enum DecodeProperty {
    private static let blocks = [1 << 18, 4_000, 700, 97, 16, 3]
    /// Beyond it libauparse is slow, and nothing new happens.
    private static let most = 1 << 16

    /// - Parameter bytes: one that says how it is to be read, and the log.
    static func fault(_ bytes: [UInt8]) -> String? {
        guard let first = bytes.first, bytes.count <= most else { return nil }
        let log = bytes.dropFirst()
        let scripts = first & 1 != 0
        let ownPid: Int32 = first & 2 != 0 ? 101 : 0
        let block = blocks[Int(first >> 2) % blocks.count]
        do {
            if first & 0x80 != 0 { return try tablesFault(log, scripts: scripts, block: block) }
            let lane = try Transcript(log, .lane, scripts: scripts, block: block, ownPid: ownPid)
            let parser = try Transcript(log, .auparse, scripts: scripts, block: block, ownPid: ownPid)
            return lane.difference(parser)
        } catch { return "no decoder could be made: \(error)" }
    }

    /// The same on the way that a run takes, node by node and through the books, to the last figure.
    private static func tablesFault(
        _ log: ArraySlice<UInt8>, scripts: Bool, block: Int
    ) throws(AuditError) -> String? {
        let lane = try rows(log, .auto, scripts, block)
        let parser = try rows(log, .auparse, scripts, block)
        if lane.rows == parser.rows && lane.counters == parser.counters { return nil }
        return "the tables disagree:\n  lane    \(lane)\n  auparse \(parser)"
    }

    private static func rows(
        _ log: ArraySlice<UInt8>, _ decoder: WatchSettings.Decoder, _ scripts: Bool, _ block: Int
    ) throws(AuditError) -> (rows: [Row], counters: EventDecoder.Counters) {
        let ledger = SocketLedger(settings: .init(live: false, endedRows: 4), scope: .all)
        let pipeline = try EventPipeline(
            ledger: ledger, ownPid: 0, wantsScripts: scripts, live: false, decoder: decoder)
        var splitter = LineSplitter()
        for start in stride(from: log.startIndex, to: log.endIndex, by: block) {
            let piece = Array(log[start..<min(start + block, log.endIndex)])
            // The pipeline copies what it keeps of a block.
            unsafe piece.withUnsafeBufferPointer { unsafe pipeline.push(block: $0, &splitter) }
        }
        pipeline.finish(&splitter)
        pipeline.settleOrder()
        return (ledger.takeRows(now: nil).sorted(by: .pid), pipeline.counters)
    }
}
