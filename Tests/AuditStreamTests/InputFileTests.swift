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
    func gzip(_ name: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
        process.arguments = ["-f", "\(path)/\(name)"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return "\(path)/\(name).gz"
    }
}

@Suite("Input: files")
struct InputFileTests {
    /// All bytes of a file, and what went wrong at the end.
    private func readAll(_ path: String) throws -> (bytes: [UInt8], failure: AuditError?) {
        var file = try InputFile(path: path)
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = try block.withUnsafeMutableBytes { buffer throws(AuditError) in
                try file.read(into: buffer)
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
        let folder = try InputFolder()
        let found = try readAll(try folder.write("audit.log", text))
        #expect(found.bytes == Array(text.utf8))
        #expect(found.failure == nil)
        #expect(try readAll(try folder.write("empty.log", "")).bytes.isEmpty)
        #expect(try readAll(try folder.write("short.log", "ab")).bytes == Array("ab".utf8))
    }

    @Test("A gzip file is decompressed, whatever it is called")
    func compressed() throws {
        let folder = try InputFolder()
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
        let folder = try InputFolder()
        try folder.write("audit.log", text)
        let whole = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log")))
        let cut = try readAll(try folder.write("cut.gz", whole.prefix(whole.count / 2)))
        #expect(cut.failure?.code == .inputFailed)
        #expect(!cut.bytes.isEmpty)
        #expect(Array(text.utf8).starts(with: cut.bytes))
        var bad = whole
        bad[whole.count / 2] ^= 0xFF
        #expect(try readAll(try folder.write("bad.gz", bad)).failure?.code == .inputFailed)
        #expect(try readAll(try folder.write("head.gz", whole.prefix(5))).failure?.code == .inputFailed)
    }

    @Test("A file that is not there, and a folder, are input failures")
    func missing() throws {
        let folder = try InputFolder()
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

    @Test("An end before the whole is read leaves no process behind")
    func abandoned() throws {
        let folder = try InputFolder()
        try folder.write("audit.log", String(repeating: text, count: 40))
        let packed = try folder.gzip("audit.log")
        for _ in 0..<20 { _ = try InputFile(path: packed) }
    }
}

@Suite("Input: sets")
struct InputSetTests {
    private func log(_ second: Int) -> String {
        "type=SYSCALL msg=audit(\(second).123:1): arch=c000003e syscall=3\n"
    }

    @Test("A folder's logs come by the stamps inside, whatever their names say")
    func stamps() throws {
        let folder = try InputFolder()
        try folder.write("audit.log", log(2_000))
        try folder.write("audit.log.1", log(4_000))
        try folder.write("audit.log.2", "# a comment\n" + log(1_000))
        try folder.write("audit.log.3", log(3_000))
        _ = try folder.gzip("audit.log.3")
        try folder.write("notes.txt", log(1))
        try folder.write(".audit.log.swp", log(1))
        let names = try InputSet.expand([folder.path]).map { String($0.dropFirst(folder.path.count + 1)) }
        #expect(names == ["audit.log.2", "audit.log", "audit.log.3.gz", "audit.log.1"])
    }

    @Test("Files without a stamp go by their rotation number, the highest first")
    func numbers() throws {
        let folder = try InputFolder()
        for name in ["audit.log", "audit.log.1", "audit.log.2", "audit.log.10"] {
            try folder.write(name, "nothing\n")
        }
        let names = try InputSet.expand([folder.path + "/"]).map {
            String($0.dropFirst(folder.path.count + 1))
        }
        #expect(names == ["audit.log.10", "audit.log.2", "audit.log.1", "audit.log"])
    }

    @Test("A file without a stamp among stamped ones leaves the others in order")
    func mixed() throws {
        let folder = try InputFolder()
        // By number alone 3, 2, 1, 0; the stamps say 0 < 2; 3 and 1 have none.
        try folder.write("audit.log", log(1_000))
        try folder.write("audit.log.1", "")
        try folder.write("audit.log.2", log(2_000))
        try folder.write("audit.log.3", "")
        try folder.write("audit.log.4", log(1_500))
        let names = try InputSet.expand([folder.path]).map { String($0.dropFirst(folder.path.count + 1)) }
        let stamped = names.filter { !["audit.log.1", "audit.log.3"].contains($0) }
        #expect(stamped == ["audit.log", "audit.log.4", "audit.log.2"])
    }

    @Test("Named files keep their order; a folder without logs is an error")
    func named() throws {
        let folder = try InputFolder()
        #expect(try InputSet.expand(["b", "a", "-"]) == ["b", "a", "-"])
        #expect(try InputSet.expand([]).isEmpty)
        do throws(AuditError) {
            _ = try InputSet.expand([folder.path])
            Issue.record("an empty folder was taken")
        } catch {
            #expect(error.code == .inputFailed)
            #expect(error.message.contains(folder.path))
        }
    }
}
