import Foundation
import Testing

@testable import AuditStream

/// A folder of its own that goes away with the test.
final class InputFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/sockaudit-input-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ data: Data) throws -> String {
        try data.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

    /// Compresses a file in place; it gets the ending .gz.
    func gzip(_ name: String) throws -> String { try compress(name, with: .gzip) }

    /// Compresses a file in place with the real program, which must be there.
    func compress(_ name: String, with kind: Compression) throws -> String {
        let program = try #require(Self.find(kind))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-f"] + (kind == .zstd ? ["-q", "--rm"] : []) + ["\(path)/\(name)"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let ending = [Compression.gzip: "gz", .xz: "xz", .zstd: "zst", .bzip2: "bz2"][kind] ?? ""
        return "\(path)/\(name).\(ending)"
    }

    static func find(_ kind: Compression) -> String? {
        ["/usr/bin/", "/bin/"].map { $0 + kind.program }.first(where: FileManager.default.isExecutableFile)
    }

    /// The kinds that this host can make.
    static var kinds: [Compression] { Compression.allCases.filter { find($0) != nil } }
}
