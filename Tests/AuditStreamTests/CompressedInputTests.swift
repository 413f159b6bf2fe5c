import Foundation
import Glibc
import TestSupport
import Testing

@testable import AuditStream

/// All that an input gives out, and what it says at its end.
struct ReadInput {
    var bytes: [UInt8] = []
    var failure: AuditError?

    init(_ path: String, block: Int = 4_096) throws {
        let file = try InputFile(path: path)
        var buffer = [UInt8](repeating: 0, count: block)
        while true {
            // The bytes stay for the call.
            let count = try unsafe buffer.withUnsafeMutableBytes { room throws(AuditError) in
                try unsafe file.read(into: room)
            }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        do throws(AuditError) { try file.finish() } catch { failure = error }
    }
}

/// What the real programs made, whole and damaged.
@Suite("Input: compressed files")
struct CompressedInputTests {
    private let text = (0..<6_000).map { "line \($0 &* 7_919 % 10_007) \($0)\n" }.joined()
    private var bytes: [UInt8] { Array(text.utf8) }

    private func packed(_ kind: Compression, in folder: Scratch) throws -> [UInt8] {
        try folder.write("log", text)
        return [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: try folder.compress("log", with: kind))))
    }

    @Test("Every kind is known by its first bytes, not by its name", arguments: Compressors.kinds)
    func kinds(_ kind: Compression) throws {
        let folder = try Scratch()
        let found = try ReadInput(try folder.write("audit.log", Data(packed(kind, in: folder))))
        #expect(found.bytes == bytes)
        #expect(found.failure == nil)
    }

    @Test("Members one after another are one text; zeros between them are padding")
    func members() throws {
        let folder = try Scratch()
        let one = try packed(.gzip, in: folder)
        for padding in [0, 1, 512] {
            let zeros = [UInt8](repeating: 0, count: padding)
            for block in [1_000, 100_000, 1 << 20] {
                let three = one + zeros + one + zeros + one + zeros
                let found = try ReadInput(try folder.write("three.gz", Data(three)), block: block)
                #expect(found.bytes == bytes + bytes + bytes, "\(padding) zeros, blocks of \(block)")
                #expect(found.failure == nil)
            }
        }
        let other = try ReadInput(try folder.write("more.gz", Data(one + Array("more".utf8))))
        #expect(other.bytes == bytes)
        #expect(other.failure?.code == .inputDamaged)
    }

    @Test(
        "Cut anywhere, what is given out is the text's beginning, and it is said",
        arguments: Compressors.kinds)
    func cut(_ kind: Compression) throws {
        let folder = try Scratch()
        let whole = try packed(kind, in: folder)
        let ends =
            kind == .gzip
            ? Array(stride(from: 6, to: whole.count, by: 97)) : [7, whole.count / 2, whole.count - 1]
        for end in ends {
            let found = try ReadInput(try folder.write("cut", Data(whole[..<end])))
            #expect(bytes.starts(with: found.bytes), "cut at \(end)")
            #expect(found.failure?.code == .inputDamaged, "cut at \(end)")
        }
    }

    @Test("Any changed byte is noticed; nothing hangs or traps", arguments: 1...200)
    func damaged(_ seed: Int) throws {
        var random = Seeded(seed)
        let folder = try Scratch()
        var bad = try packed(.gzip, in: folder)
        // The header's time, flags of speed, system and name say nothing about the text.
        let from = 10 + "log".utf8.count + 1
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            bad[Int.random(in: from..<bad.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        }
        let found = try ReadInput(try folder.write("bad.gz", Data(bad)), block: 777)
        #expect(found.failure?.code == .inputDamaged, "seed \(seed)")
        // The checksum comes last, so bytes that are wrong may have been given out; never endlessly many.
        #expect(found.bytes.count < 2_000_000)
    }

    @Test("gzip is read from a pipe, however it is cut into pieces", arguments: [1, 3, 5_000, 1 << 20])
    func pipe(_ piece: Int) throws {
        let folder = try Scratch()
        let whole = Array(try packed(.gzip, in: folder).prefix(1 << 14))
        let complete = try packed(.gzip, in: folder).count == whole.count
        let path = "\(folder.path)/fifo"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let writer = Thread {
            let fd = unsafe open(path, O_WRONLY)
            for start in stride(from: 0, to: whole.count, by: piece) {
                let part = Array(whole[start..<min(start + piece, whole.count)])
                // No more than the buffer holds.
                _ = unsafe write(fd, part, part.count)
            }
            close(fd)
        }
        writer.start()
        let found = try ReadInput(path)
        #expect(bytes.starts(with: found.bytes) && !found.bytes.isEmpty)
        #expect((found.failure == nil) == complete)
        if complete { #expect(found.bytes == bytes) }
    }

    @Test("What a program must read cannot come from a pipe, and the error says what to do")
    func otherPipe() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/fifo"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let writer = Thread {
            let fd = unsafe open(path, O_WRONLY)
            _ = unsafe write(fd, Compression.xz.magic, 6)
            close(fd)
        }
        writer.start()
        let error = #expect(throws: AuditError.self) { _ = try ReadInput(path) }
        #expect(error?.message.contains("xz -dc") == true)
    }

    @Test("A short text in a pipe that begins as a compressed file does is a text")
    func almost() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/fifo"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let writer = Thread {
            let fd = unsafe open(path, O_WRONLY)
            for byte in Array("BZ".utf8) { _ = unsafe write(fd, [byte], 1) }
            close(fd)
        }
        writer.start()
        let found = try ReadInput(path)
        #expect(found.bytes == Array("BZ".utf8) && found.failure == nil)
    }

    @Test(
        "How far a file has been read is told in bytes on disk, up to its size", arguments: Compressors.kinds)
    func position(_ kind: Compression) throws {
        let folder = try Scratch()
        let path = try folder.write("p", Data(packed(kind, in: folder)))
        let file = try InputFile(path: path)
        var room = [UInt8](repeating: 0, count: 1_000)
        var last: Int64 = 0
        // The bytes stay for the call.
        while try unsafe room.withUnsafeMutableBytes({ b throws(AuditError) in try unsafe file.read(into: b) }
        ) > 0 {
            #expect(file.position >= last)
            last = file.position
        }
        #expect(last == file.size)
    }
}
