import Foundation
import Glibc
import TestSupport
import Testing

@testable import AuditStream

@Suite("Input: a second thread reads ahead", .timeLimit(.minutes(1)))
struct ReadAheadTests {
    private static let text = (0..<60_000).map { "line \($0 &* 7_919 % 100_003) \($0)\n" }.joined()

    /// Descriptors of a pipe, closed with this.
    private final class Pipe {
        let ends: (read: Int32, write: Int32)

        init() throws {
            var both: [Int32] = [-1, -1]
            // Two descriptors are written, and there is room for two.
            try unsafe #require(pipe(&both) == 0)
            ends = (both[0], both[1])
        }

        deinit {
            close(ends.read)
            close(ends.write)
        }
    }

    /// All bytes, and how far the file was said to be read after each block.
    private func readAll(
        _ file: InputFile, block: Int, stop: Int32
    ) throws -> (bytes: [UInt8], positions: [Int64]) {
        let ahead = try #require(ReadAhead(file, block: block))
        var found: (bytes: [UInt8], positions: [Int64]) = ([], [])
        while case .block(let bytes, let position) = try ahead.next(or: stop) {
            // The bytes stay for the call.
            unsafe found.bytes += bytes
            found.positions.append(position)
        }
        // An end stays one.
        guard case .end = try ahead.next(or: stop) else {
            Issue.record("something came after the end")
            return found
        }
        return found
    }

    @Test(
        "It gives the file's bytes in their order, plain and unpacked", arguments: [1_000, 65_536, 1 << 22])
    func bytes(block: Int) throws {
        let folder = try Scratch()
        let quiet = try Pipe()
        let plain = try folder.write("audit.log", Self.text)
        let found = try readAll(try InputFile(path: plain), block: block, stop: quiet.ends.read)
        #expect(found.bytes == Array(Self.text.utf8))
        #expect(found.positions.last == Int64(Self.text.utf8.count))
        #expect(found.positions == found.positions.sorted())
        let packed = try InputFile(path: try folder.gzip("audit.log"))
        #expect(try readAll(packed, block: block, stop: quiet.ends.read).bytes == Array(Self.text.utf8))
        try packed.finish()
    }

    @Test("A cut gzip file gives what came before, and says so at its end")
    func cut() throws {
        let folder = try Scratch()
        let quiet = try Pipe()
        try folder.write("audit.log", Self.text)
        let whole = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log")))
        let file = try InputFile(path: try folder.write("cut.gz", whole.prefix(whole.count / 2)))
        let found = try readAll(file, block: 65_536, stop: quiet.ends.read).bytes
        #expect(!found.isEmpty && Array(Self.text.utf8).starts(with: found))
        #expect(throws: AuditError.self) { try file.finish() }
    }

    @Test("What asks for a stop is told before the next block, and nothing is lost by it")
    func stopped() throws {
        let folder = try Scratch()
        let file = try InputFile(path: try folder.write("audit.log", Self.text))
        let signal = try Pipe()
        let quiet = try Pipe()
        // No more than the buffer holds.
        try unsafe #require(write(signal.ends.write, "x", 1) == 1)
        let ahead = try #require(ReadAhead(file, block: 10_000))
        var found: [UInt8] = []
        while true {
            guard case .stopped = try ahead.next(or: signal.ends.read) else {
                Issue.record("a block came in spite of a signal")
                return
            }
            guard case .block(let bytes, _) = try ahead.next(or: quiet.ends.read) else { break }
            // The bytes stay for the call.
            unsafe found += bytes
        }
        #expect(found == Array(Self.text.utf8))
    }

    @Test("Given up in the middle, and while nothing comes, its thread ends")
    func givenUp() throws {
        let folder = try Scratch()
        let file = try InputFile(path: try folder.write("audit.log", Self.text))
        let silent = try Pipe()
        let quiet = try Pipe()
        do {
            let ahead = try #require(ReadAhead(file, block: 1_000))
            guard case .block = try ahead.next(or: quiet.ends.read) else {
                Issue.record("no block came")
                return
            }
            _ = try #require(
                ReadAhead(try InputFile(path: "/proc/self/fd/\(silent.ends.read)"), block: 1_000))
        }
        // Nobody else reads the file now: it goes on where the two blocks ended.
        var rest = [UInt8](repeating: 0, count: 100)
        let count = try unsafe rest.withUnsafeMutableBytes { room throws(AuditError) in
            try unsafe file.read(into: room)
        }
        #expect(count == 100)
        #expect(file.position % 1_000 == 100)
    }

    @Test("A reading that fails says how")
    func fails() throws {
        let quiet = try Pipe()
        // Its first page belongs to nobody.
        let file = try InputFile(path: "/proc/self/mem")
        let ahead = try #require(ReadAhead(file, block: 1_000))
        let error = #expect(throws: AuditError.self) { _ = try ahead.next(or: quiet.ends.read) }
        #expect(error?.code == .inputFailed)
        #expect(error?.errno == EIO)
    }

    @Test("Only what is long and packed is read so")
    func pays() throws {
        let folder = try Scratch()
        let pipe = try Pipe()
        #expect(!ReadAhead.pays(for: try InputFile(path: "/proc/self/fd/\(pipe.ends.read)")))
        let long = try folder.write("long.log", String(repeating: Self.text, count: 5))
        #expect(!ReadAhead.pays(for: try InputFile(path: long)))
        let packed = try InputFile(path: try folder.gzip("long.log"))
        #expect(ReadAhead.pays(for: packed) == (ProcessInfo.processInfo.activeProcessorCount > 1))
        try folder.write("short.log", "type=")
        #expect(!ReadAhead.pays(for: try InputFile(path: try folder.gzip("short.log"))))
    }
}
