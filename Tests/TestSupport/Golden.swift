import Foundation
import Testing

/// Texts kept in Tests/Fixtures. They change only when someone asks for it: SOCKAUDIT_RECORD_GOLDENS=1 writes them
/// anew, and that run fails, so that it cannot pass for a test.
public enum Golden {
    /// - Parameter name: below Tests/Fixtures/goldens, or another folder there.
    public static func expect(
        _ text: String, _ name: String, in folder: String = "goldens",
        _ location: SourceLocation = #_sourceLocation
    ) {
        guard let kept = kept(name, in: folder, orRecord: Data(text.utf8), location) else { return }
        // Bytes, not ==: two texts that merely look alike are a difference.
        guard Data(text.utf8) != kept else { return }
        let old = String(decoding: kept, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        let new = text.split(separator: "\n", omittingEmptySubsequences: false)
        let line =
            zip(old, new).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(old.count, new.count)
        let shown = new.dropFirst(line).prefix(4).joined(separator: "\n")
        Issue.record("\(name) differs from line \(line + 1) on:\n\(shown)", sourceLocation: location)
    }

    /// What is kept under a name, for those who compare it by another measure; nil, and a failure, where it was
    /// recorded or is missing.
    public static func kept(
        _ name: String, in folder: String, orRecord found: Data, _ location: SourceLocation = #_sourceLocation
    ) -> Data? {
        let file = URL(fileURLWithPath: "\(Repository.fixtures)/\(folder)/\(name)")
        guard ProcessInfo.processInfo.environment["SOCKAUDIT_RECORD_GOLDENS"] == "1" else {
            let kept = try? Data(contentsOf: file)
            if kept == nil { Issue.record("there is no golden \(name)", sourceLocation: location) }
            return kept
        }
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try found.write(to: file)
        } catch { Issue.record("\(name): \(error)", sourceLocation: location) }
        Issue.record("recorded \(name); look at it and run again without the flag", sourceLocation: location)
        return nil
    }
}
