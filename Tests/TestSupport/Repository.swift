import Foundation

/// What is where in this repository.
public enum Repository {
    public static let path: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()
    public static let fixtures = path + "/Tests/Fixtures"
    public static let sample = fixtures + "/sample.log"
    /// What `make test` built, or what `swift test` builds beside the tests.
    public static let sockaudit =
        ProcessInfo.processInfo.environment["SOCKAUDIT_BIN"] ?? path + "/.build/debug/sockaudit"
}
