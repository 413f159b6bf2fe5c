import Foundation
import Testing

/// Texts kept in Tests/Fixtures/goldens. They change only when someone asks for it:
/// SOCKAUDIT_RECORD_GOLDENS=1 writes them anew, and that run fails, so that it cannot pass for a test.
enum Golden {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/goldens")

    static func expect(_ text: String, _ name: String, _ location: SourceLocation = #_sourceLocation) {
        let file = folder.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["SOCKAUDIT_RECORD_GOLDENS"] == "1" {
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            } catch { Issue.record("\(name): \(error)", sourceLocation: location) }
            Issue.record(
                "recorded \(name); look at it and run again without the flag", sourceLocation: location)
            return
        }
        guard let kept = try? Data(contentsOf: file) else {
            Issue.record("there is no golden \(name)", sourceLocation: location)
            return
        }
        // Bytes, not ==: two texts that merely look alike are a difference.
        if Data(text.utf8) != kept {
            let old = String(decoding: kept, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false)
            let new = text.split(separator: "\n", omittingEmptySubsequences: false)
            let line =
                zip(old, new).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                ?? min(old.count, new.count)
            Issue.record(
                "\(name) differs from line \(line + 1) on:\n\(new.dropFirst(line).prefix(4).joined(separator: "\n"))",
                sourceLocation: location)
        }
    }
}
