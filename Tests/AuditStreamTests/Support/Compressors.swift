import Foundation
import Testing
import TestSupport

@testable import AuditStream

/// The programs that compress, where this host has them.
enum Compressors {
    static func find(_ kind: Compression) -> String? {
        ["/usr/bin/", "/bin/"].map { $0 + kind.program }.first(where: FileManager.default.isExecutableFile)
    }

    /// The kinds that this host can make.
    static var kinds: [Compression] { Compression.allCases.filter { find($0) != nil } }
}

extension Scratch {
    /// Compresses a file in place with the real program, which must be there.
    func compress(_ name: String, with kind: Compression) throws -> String {
        let program = try #require(Compressors.find(kind))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-f"] + (kind == .zstd ? ["-q", "--rm"] : []) + [file(name)]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let ending = [Compression.gzip: "gz", .xz: "xz", .zstd: "zst", .bzip2: "bz2"][kind] ?? ""
        return "\(file(name)).\(ending)"
    }
}
