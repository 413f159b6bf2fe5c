import Foundation
import Glibc
import TestSupport
import Testing

@testable import AuditStream

/// A writer of a set of logs, as auditd and logrotate are, and a reader behind it.
private final class Writer {
    let folder: Scratch
    let path: String
    private(set) var written: [UInt8] = []
    private var serial = 1_000
    private var descriptor: Int32 = -1
    private var descriptors: [Int32] = []

    init(_ name: String = "audit.log") throws {
        folder = try Scratch()
        path = "\(folder.path)/\(name)"
        reopen()
    }

    deinit { for fd in descriptors { close(fd) } }

    func reopen() {
        // C reads the path during the call alone.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        descriptors.append(descriptor)
    }

    /// - Parameter cut: the last line is not written to its end.
    func append(_ lines: Int = 1, length: Int = 20) {
        for _ in 0..<lines {
            serial += 1
            let text =
                "type=SYSCALL msg=audit(1700000000.123:\(serial)): \(String(repeating: "x", count: length))\n"
            let bytes = Array(text.utf8)
            written += bytes
            var sent = 0
            while sent < bytes.count {
                // The bytes stay for the call.
                unsafe sent += bytes[sent...].withUnsafeBytes {
                    unsafe write(descriptor, $0.baseAddress, $0.count)
                }
            }
        }
    }

    /// audit.log becomes .1, .1 becomes .2 ...; of more than `keep` the oldest goes. auditd goes to the new
    /// file at once.
    func rotate(keep: Int = 9) {
        shift(keep: keep)
        unsafe rename(path, path + ".1")
        reopen()
    }

    private func shift(keep: Int) {
        // C reads the path during the call alone.
        unsafe unlink("\(path).\(keep)")
        for number in stride(from: keep - 1, to: 0, by: -1) {
            unsafe rename("\(path).\(number)", "\(path).\(number + 1)")
        }
    }

    /// logrotate's copytruncate: the writer notices nothing.
    func copyAndTruncate() throws {
        shift(keep: 9)
        try Data(contentsOf: URL(fileURLWithPath: path)).write(to: URL(fileURLWithPath: path + ".1"))
        // C reads the text during the call alone.
        unsafe truncate(path, 0)
    }
}

@Suite("Input: a log that grows")
struct FollowedLogTests {
    /// Everything that is there now.
    private func drain(_ log: FollowedLog, block: Int = 100) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: block)
        while true {
            // The bytes stay for the call.
            let step = try unsafe room.withUnsafeMutableBytes { buffer throws(AuditError) in
                try unsafe log.read(into: buffer)
            }
            switch step {
            case .bytes(let count): bytes += room[..<count]
            case .newFile: break
            case .nothing: return bytes
            }
        }
    }

    private func serials(_ bytes: [UInt8]) -> [Int] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map {
            Int($0.split(separator: ":")[1].prefix { $0 != ")" }) ?? 0
        }
    }

    @Test("What is there, then what comes, each byte once")
    func grows() throws {
        let writer = try Writer()
        writer.append(50)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        #expect(found == writer.written)
        #expect(try drain(log).isEmpty)
        writer.append(3)
        found += try drain(log)
        #expect(found == writer.written)
    }

    @Test("A rotation loses nothing: what was written to the old file after the last look, too")
    func rotated() throws {
        let writer = try Writer()
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        writer.append(5)
        writer.rotate()
        found += try drain(log)
        #expect(found == writer.written, "the new file is empty: the old one is still read")
        writer.append(5)
        found += try drain(log)
        #expect(found == writer.written)
        #expect(log.gaps == 0)
    }

    @Test("logrotate's way: the writer goes on in the old file until it is told")
    func lateWriter() throws {
        let writer = try Writer()
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        // C reads the text during the call alone.
        unsafe rename(writer.path, writer.path + ".1")
        found += try drain(log)
        unsafe close(open(writer.path, O_WRONLY | O_CREAT, 0o600))
        writer.append(5)
        found += try drain(log)
        writer.append(5)
        writer.reopen()
        writer.append(5)
        found += try drain(log)
        #expect(found == writer.written)
    }

    @Test("Several rotations between two looks: the logs between are read, oldest first; older ones are not")
    func severalRotations() throws {
        let writer = try Writer()
        writer.append(2)
        writer.rotate()
        let before = writer.written.count
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        for _ in 0..<4 {
            writer.append(5)
            writer.rotate()
        }
        writer.append(5)
        found += try drain(log)
        #expect(found == Array(writer.written[before...]))
        #expect(log.gaps == 0)
    }

    @Test("Rotated so fast that ours was removed: what is left is read, and a gap is told of")
    func removed() throws {
        let writer = try Writer()
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        for _ in 0..<3 {
            writer.append(5)
            writer.rotate(keep: 2)
        }
        writer.append(5)
        found += try drain(log)
        #expect(found == writer.written, "its descriptor is still open, and two are kept")
        #expect(log.gaps == 1)
    }

    @Test("Emptied while idle, it begins anew", arguments: [1, 5, 50])
    func truncated(_ lines: Int) throws {
        let writer = try Writer()
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        // C reads the text during the call alone.
        unsafe truncate(writer.path, 0)
        // Shorter than before, as long, and longer.
        writer.append(lines)
        found += try drain(log)
        #expect(found == writer.written)
    }

    @Test("Copied and emptied: what came before the copy was made is read from it", arguments: [0, 1, 30])
    func copied(_ lines: Int) throws {
        let writer = try Writer()
        writer.append(5)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        writer.append(7)
        try writer.copyAndTruncate()
        writer.append(lines)
        found += try drain(log)
        writer.append(1)
        found += try drain(log)
        #expect(found == writer.written)
    }

    @Test("Any life of a log is read once and whole", arguments: 1...60)
    func anyLife(_ seed: Int) throws {
        var random = Seeded(seed)
        let writer = try Writer(seed % 2 == 0 ? "audit.log" : "messages")
        writer.append(Int.random(in: 1...5, using: &random))
        let log = try FollowedLog(path: writer.path)
        var found: [UInt8] = []
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4:
                writer.append(
                    Int.random(in: 0...9, using: &random), length: Int.random(in: 0...400, using: &random))
            case 5:
                writer.rotate()
                writer.append()
            case 6:
                // Both ways within one look are not told apart.
                writer.append()
                found += try drain(log)
                writer.append(Int.random(in: 0...9, using: &random))
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    try writer.copyAndTruncate()
                    writer.append(Int.random(in: 1...9, using: &random))
                }
                found += try drain(log)
            default: found += try drain(log, block: Int.random(in: 1...5_000, using: &random))
            }
        }
        writer.append()
        found += try drain(log)
        found += try drain(log)
        let (lines, wanted) = (serials(found), serials(writer.written))
        let first = zip(lines, wanted).enumerated().first { $0.element.0 != $0.element.1 }
        #expect(lines == wanted, "seed \(seed), first difference \(String(describing: first))")
        #expect(log.gaps == 0)
    }

    @Test("A copy is told from logs that merely begin alike")
    func alike() throws {
        let writer = try Writer()
        writer.append(3)
        writer.rotate()
        let before = writer.written.count
        writer.append()
        let log = try FollowedLog(path: writer.path)
        // Less than what would tell two logs apart.
        var room = [UInt8](repeating: 0, count: 30)
        _ = try unsafe room.withUnsafeMutableBytes { buffer throws(AuditError) in
            try unsafe log.read(into: buffer)
        }
        writer.append(3)
        try writer.copyAndTruncate()
        room += try drain(log)
        writer.append(1)
        room += try drain(log)
        #expect(serials(room) == serials(Array(writer.written[before...])))
    }

    @Test("A file that goes away and comes back")
    func away() throws {
        let writer = try Writer()
        writer.append(3)
        let log = try FollowedLog(path: writer.path)
        var found = try drain(log)
        // C reads the path during the call alone.
        unsafe unlink(writer.path)
        #expect(try drain(log).isEmpty)
        writer.reopen()
        writer.append(3)
        found += try drain(log)
        #expect(found == writer.written)
        #expect(log.gaps == 0)
    }

    @Test("What cannot be followed is refused")
    func refused() throws {
        let folder = try Scratch()
        try folder.write("a.log", "text\n")
        let packed = try folder.gzip("a.log")
        for path in [packed, folder.path, "\(folder.path)/none"] {
            let error = #expect(throws: AuditError.self) { _ = try FollowedLog(path: path) }
            #expect(error?.code == .inputFailed)
        }
    }
}
