import AuditStream
import DecoderTranscript
import Foundation
import TestSupport
import Testing

extension Transcript {
    /// Both decoders, and what differs.
    static func expectEqual(
        _ log: [UInt8], _ label: @autoclosure () -> String, scripts: Bool = false, block: Int = 1 << 18,
        ownPid: Int32 = 0
    ) throws {
        let difference = try OneAtATime.run {
            let lane = try Transcript(log[...], .lane, scripts: scripts, block: block, ownPid: ownPid)
            let parser = try Transcript(log[...], .auparse, scripts: scripts, block: block, ownPid: ownPid)
            return lane.difference(parser)
        }
        guard let difference else { return }
        Issue.record("\(label()): \(difference)")
        if let folder = ProcessInfo.processInfo.environment["SOCKAUDIT_KEEP_DIFFERENCES"] {
            try Data(log).write(to: URL(fileURLWithPath: "\(folder)/\(UUID().uuidString).log"))
        }
    }
}
