import Foundation
import TestSupport
import Testing

@testable import AuditStream

@Suite("Input: files")
struct InputFileTests {
    /// All bytes of a file, and what went wrong at the end.
    private func readAll(_ path: String) throws -> (bytes: [UInt8], failure: AuditError?) {
        let file = try InputFile(path: path)
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4_096)
        while true {
            // The bytes stay for the call.
            let count = try unsafe block.withUnsafeMutableBytes { buffer throws(AuditError) in
                try unsafe file.read(into: buffer)
            }
            if count == 0 { break }
            bytes += block[..<count]
        }
        do throws(AuditError) {
            try file.finish()
            return (bytes, nil)
        } catch {
            return (bytes, error)
        }
    }

    private let text = (0..<5_000).map { "line \($0 &* 7_919 % 10_007)\n" }.joined()

    @Test("A plain file as it is")
    func plain() throws {
        let folder = try Scratch()
        let found = try readAll(try folder.write("audit.log", text))
        #expect(found.bytes == Array(text.utf8))
        #expect(found.failure == nil)
        #expect(try readAll(try folder.write("empty.log", "")).bytes.isEmpty)
        #expect(try readAll(try folder.write("short.log", "ab")).bytes == Array("ab".utf8))
    }

    @Test("A gzip file is decompressed, whatever it is called")
    func compressed() throws {
        let folder = try Scratch()
        try folder.write("audit.log.1", text)
        let packed = try folder.gzip("audit.log.1")
        let found = try readAll(packed)
        #expect(found.bytes == Array(text.utf8))
        #expect(found.failure == nil)
        let renamed = "\(folder.path)/plain.log"
        try FileManager.default.moveItem(atPath: packed, toPath: renamed)
        #expect(try readAll(renamed).bytes == Array(text.utf8))
    }

    @Test("A cut or damaged gzip file gives what came before, and says so")
    func damaged() throws {
        let folder = try Scratch()
        try folder.write("audit.log", text)
        let whole = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log")))
        let cut = try readAll(try folder.write("cut.gz", whole.prefix(whole.count / 2)))
        #expect(cut.failure?.code == .inputDamaged)
        #expect(!cut.bytes.isEmpty)
        #expect(Array(text.utf8).starts(with: cut.bytes))
        var bad = whole
        bad[whole.count / 2] ^= 0xFF
        #expect(try readAll(try folder.write("bad.gz", bad)).failure?.code == .inputDamaged)
        #expect(try readAll(try folder.write("head.gz", whole.prefix(5))).failure?.code == .inputDamaged)
    }

    @Test("A file that is not there, and a folder, are input failures")
    func missing() throws {
        let folder = try Scratch()
        for path in ["\(folder.path)/none", folder.path] {
            do throws(AuditError) {
                _ = try InputFile(path: path)
                Issue.record("\(path) was opened")
            } catch {
                #expect(error.code == .inputFailed)
                #expect(error.errno != 0)
                #expect(!error.isHostRefusal)
            }
        }
    }

    @Test("A byte order mark at the beginning is no part of the text, compressed or not")
    func byteOrderMark() throws {
        let folder = try Scratch()
        let mark = Data([0xEF, 0xBB, 0xBF])
        let whole = mark + Data(text.utf8)
        #expect(try readAll(try folder.write("audit.log", whole)).bytes == Array(text.utf8))
        #expect(try readAll(try folder.gzip("audit.log")).bytes == Array(text.utf8))
        #expect(try readAll(try folder.write("only.log", mark)).bytes.isEmpty)
        #expect(try readAll(try folder.write("part.log", mark.prefix(2))).bytes == Array(mark.prefix(2)))
        let later = Data("a\n".utf8) + whole
        #expect(try readAll(try folder.write("later.log", later)).bytes == Array(later))
        #expect(try readAll(try folder.write("two.log", mark + mark)).bytes == Array(mark))
    }

    @Test("A byte order mark that comes through a pipe byte by byte")
    func byteOrderMarkInParts() throws {
        let folder = try Scratch()
        let path = folder.path + "/pipe"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        let file = try InputFile(path: path)
        let writer = unsafe open(path, O_WRONLY)
        try #require(writer >= 0)
        Thread.detachNewThread {
            for byte in [0xEF, 0xBB, 0xBF] + Array("line\n".utf8) {
                // No more than the buffer holds.
                _ = unsafe withUnsafePointer(to: byte) { unsafe write(writer, $0, 1) }
                usleep(2_000)
            }
            close(writer)
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        while true {
            // The bytes stay for the call.
            let count = try unsafe buffer.withUnsafeMutableBytes { part throws(AuditError) in
                try unsafe file.read(into: part)
            }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        #expect(bytes == Array("line\n".utf8))
    }

    @Test("An end before the whole is read leaves no process behind")
    func abandoned() throws {
        let folder = try Scratch()
        try folder.write("audit.log", String(repeating: text, count: 40))
        let packed = try folder.gzip("audit.log")
        for _ in 0..<20 { _ = try InputFile(path: packed) }
    }

    @Test("A named pipe that nobody writes to yet holds nobody up")
    func namedPipe() throws {
        let folder = try Scratch()
        let path = folder.path + "/pipe"
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(path, 0o600) == 0)
        var stop: [Int32] = [-1, -1]
        try unsafe #require(pipe(&stop) == 0)
        defer { for end in stop { close(end) } }
        // Opened where a hang is seen and not had: nothing else would end this test.
        let opened = Opened()
        Thread.detachNewThread { opened.set(try? InputFile(path: path)) }
        guard opened.wait() else {
            // Lets the other thread go.
            unsafe close(open(path, O_WRONLY | O_NONBLOCK))
            Issue.record("opening it waits for a writer")
            return
        }
        let file = try #require(opened.file)
        #expect(try file.wait(or: stop[0], milliseconds: 20) == .timeout)
        // No more than the buffer holds.
        unsafe #expect(write(stop[1], "x", 1) == 1)
        #expect(try file.wait(or: stop[0]) == .stopped)
        let writer = unsafe open(path, O_WRONLY)
        try #require(writer >= 0)
        unsafe #expect(write(writer, "line\n", 5) == 5)
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = try unsafe buffer.withUnsafeMutableBytes { bytes throws(AuditError) in
            try unsafe file.read(into: bytes)
        }
        #expect(Array(buffer[..<count]) == Array("line\n".utf8))
        close(writer)
        // The bytes stay for the call.
        let end = try unsafe buffer.withUnsafeMutableBytes { bytes throws(AuditError) in
            try unsafe file.read(into: bytes)
        }
        #expect(end == 0)
    }
}

/// What another thread opened.
private final class Opened: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private(set) var file: InputFile?

    func set(_ file: InputFile?) {
        self.file = file
        done.signal()
    }

    func wait() -> Bool { done.wait(timeout: .now() + 10) == .success }
}
