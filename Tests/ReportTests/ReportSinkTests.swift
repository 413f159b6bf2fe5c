import Foundation
import Glibc
import SockAuditCore
import TestSupport
import Testing

@testable import AuditStream
@testable import SockAuditRuntime

/// The report file: who may be written to, and what a disk without room costs.
@Suite struct ReportSinkTests {
    /// A disk that takes so many bytes more.
    final class Disk {
        var room = Int.max
        var failure = ENOSPC
        var syncFails = false
        var truncateFails = false
        var syncs = 0

        var calls: ReportSink.Calls {
            // What it writes stays for the call.
            unsafe ReportSink.Calls(
                write: { fd, bytes in
                    guard self.room > 0 else {
                        errno = self.failure
                        return -1
                    }
                    // No more than the buffer holds.
                    let count = unsafe Glibc.write(fd, bytes.baseAddress, min(bytes.count, self.room))
                    self.room -= count
                    return count
                },
                sync: { _ in
                    self.syncs += 1
                    errno = EIO
                    return self.syncFails ? -1 : 0
                },
                truncate: { fd, size in
                    var info = stat()
                    // C fills the struct that it is given.
                    guard !self.truncateFails, unsafe fstat(fd, &info) == 0 else { return -1 }
                    // What is taken back is free again.
                    if self.room < .max { self.room += Int(info.st_size) - size }
                    return ftruncate(fd, size)
                })
        }
    }

    private func sink(
        _ path: String, _ form: ReportFrame.Form = .json, _ disk: Disk = Disk()
    ) throws(AuditError) -> ReportSink {
        try ReportSink(path: path, form: form, messages: Messages(quiet: true), calls: disk.calls)
    }

    private func table(_ sequence: Int, final: Bool = false) -> Snapshot {
        var head = SnapshotHead()
        head.sequence = sequence
        head.final = final
        head.started = 1_000_000
        head.time = 1_000_000 + Int64(sequence) * 1_000
        var row = Row()
        row.name = Array("nginx".utf8)
        row.pid = 7
        return Snapshot(head: head, rows: [row])
    }

    private func write(_ sink: inout ReportSink, _ table: Snapshot) throws(AuditError) {
        try sink.write(JSONLines.render(table), of: table, head: ReportHead())
    }

    /// What it throws; nil when it does not.
    private func failure(_ body: () throws(AuditError) -> Void) -> AuditError? {
        do { try body() } catch { return error }
        return nil
    }

    private func check(_ scratch: Scratch, _ name: String) throws -> ReportCheck {
        let bytes = Array(try scratch.read(name).utf8)
        var check = ReportCheck()
        // The bytes stay for the call.
        unsafe bytes.withUnsafeBytes { unsafe check.push($0) }
        check.finish()
        return check
    }

    /// The numbers of the tables in a file, each line of which must be whole.
    private func sequences(_ scratch: Scratch, _ name: String) throws -> [Int] {
        try scratch.read(name).split(separator: "\n").compactMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return object?["sequence"] as? Int
        }
    }

    @Test func aRunIsSealedAndEachTableIsOnTheDisk() throws {
        let scratch = try Scratch()
        let disk = Disk()
        do {
            var sink = try sink(scratch.file("r"), .json, disk)
            for number in 1...3 { try write(&sink, table(number, final: number == 3)) }
        }
        #expect(disk.syncs == 3)
        #expect(try check(scratch, "r").isRight)
        #expect(try sequences(scratch, "r") == [1, 2, 3])
        var info = stat()
        // C fills the struct that it is given.
        unsafe #expect(stat(scratch.file("r"), &info) == 0 && info.st_mode & 0o7777 == 0o600)
        // Another run goes below it.
        var again = try sink(scratch.file("r"), .comments)
        let last = table(1, final: true)
        try again.write(TextTable.render(last, style: .init()), of: last, head: ReportHead())
        #expect(try check(scratch, "r").runs.map(\.finding) == [.right, .right])
    }

    @Test func theSealIsWhatSha256sumSays() throws {
        let scratch = try Scratch()
        var sink = try sink(scratch.file("r"))
        try write(&sink, table(1, final: true))
        let lines = try scratch.read("r").split(separator: "\n", omittingEmptySubsequences: false)
        let above = try scratch.write("above", lines.dropLast(2).joined(separator: "\n") + "\n")
        let said = try output("/usr/bin/sha256sum", [above]).prefix(64)
        #expect(lines[lines.count - 2].contains("\"sha256\":\"\(said)\""))
    }

    @Test func aTableThatFindsNoRoomIsLeftOutAndTheNextIsTried() throws {
        let scratch = try Scratch()
        let disk = Disk()
        var sink = try sink(scratch.file("r"), .json, disk)
        // Not even the head finds room at first.
        disk.room = 40
        try write(&sink, table(1))
        #expect(try scratch.read("r").isEmpty)
        #expect(sink.gap?.count == 1 && sink.gap?.code == .reportGap)
        disk.room = .max
        try write(&sink, table(2))
        for room in [0, 1, 100] {
            disk.room = room
            let before = try scratch.read("r")
            try write(&sink, table(3))
            #expect(try scratch.read("r") == before, "\(room) bytes of room")
        }
        disk.room = .max
        disk.syncFails = true
        try write(&sink, table(4))
        disk.syncFails = false
        try write(&sink, table(5))
        try write(&sink, table(6, final: true))
        #expect(try sequences(scratch, "r") == [2, 5, 6])
        #expect(sink.gap?.count == 5)
        #expect(try check(scratch, "r").isRight)
        #expect(try scratch.read("r").contains("\"tables\":3,\"missing\":5,"))
    }

    @Test func wherePartOfALineCannotBeTakenBackItIsEnded() throws {
        let scratch = try Scratch()
        let disk = Disk()
        var sink = try sink(scratch.file("r"), .json, disk)
        try write(&sink, table(1))
        disk.room = 50
        disk.truncateFails = true
        // The newline finds no room either at first; the one after a table's end does.
        try write(&sink, table(2))
        disk.room = 51
        disk.failure = EDQUOT
        try write(&sink, table(3))
        disk.room = .max
        try write(&sink, table(4, final: true))
        #expect(try check(scratch, "r").isRight, "what stands there was hashed")
        let whole = try scratch.read("r").split(separator: "\n").filter { $0.hasSuffix("}") }
        #expect(
            whole.contains {
                $0.hasPrefix("{\"schema\":\"sockaudit.table/1\"") && $0.contains("\"sequence\":4,")
            })
    }

    @Test func aLastTableWithoutRoomIsAFailureAndWhatIsThereIsSealed() throws {
        let scratch = try Scratch()
        let disk = Disk()
        var sink = try sink(scratch.file("r"), .json, disk)
        try write(&sink, table(1))
        // Room for the last lines, not for the table.
        disk.room = 500
        let last = table(2, final: true)
        let error = failure { () throws(AuditError) in
            try sink.write(String(repeating: "x", count: 600) + "\n", of: last, head: ReportHead())
        }
        #expect(error?.code == .outputFailed && error?.errno == ENOSPC)
        #expect(try check(scratch, "r").isRight)
        #expect(try sequences(scratch, "r") == [1])
        #expect(try scratch.read("r").contains("\"tables\":1,\"missing\":1,"))
    }

    @Test func onlyFilesThatAreOurs() throws {
        let scratch = try Scratch()
        let real = try scratch.write("real", "kept\n")
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: real)
        try FileManager.default.linkItem(atPath: real, toPath: scratch.file("second"))
        // C reads the text during the call alone.
        unsafe #expect(mkfifo(scratch.file("pipe"), 0o600) == 0)
        for name in ["link", "real", "second", "pipe", ".", "nowhere/r"] {
            #expect(failure { () throws(AuditError) in _ = try sink(scratch.file(name)) } != nil, "\(name)")
        }
        #expect(failure { () throws(AuditError) in _ = try sink("/dev/full") } != nil)
        #expect(try scratch.read("real") == "kept\n")
        try FileManager.default.removeItem(atPath: scratch.file("second"))
        // C reads the text during the call alone.
        unsafe #expect(chmod(real, 0o666) == 0)
        #expect(failure { () throws(AuditError) in _ = try sink(real) } != nil, "anyone may write to it")
        unsafe #expect(chmod(real, 0o640) == 0)
        _ = try sink(real)
        if geteuid() == 0 {
            // C reads the text during the call alone.
            unsafe #expect(chown(real, 65_534, 65_534) == 0)
            #expect(failure { () throws(AuditError) in _ = try sink(real) } != nil, "another's file")
        }
    }

    @Test func twoRunsDoNotShareAFile() throws {
        let scratch = try Scratch()
        let first = try sink(scratch.file("r"))
        let error = failure { () throws(AuditError) in _ = try sink(scratch.file("r")) }
        #expect(error?.message.contains("Another sockaudit") == true)
        _ = consume first
        _ = try sink(scratch.file("r"))
    }

    @Test func aFileThatWasMovedIsSealedAndTheRunGoesOnInANewOne() throws {
        let scratch = try Scratch()
        var sink = try sink(scratch.file("r"))
        try write(&sink, table(1))
        // Nothing moved: nothing happens.
        try sink.reopen(ReportSink.open)
        try write(&sink, table(2))
        try FileManager.default.moveItem(atPath: scratch.file("r"), toPath: scratch.file("r.1"))
        try sink.reopen(ReportSink.open)
        try write(&sink, table(3))
        try write(&sink, table(4, final: true))
        for (name, numbers) in [("r.1", [1, 2]), ("r", [3, 4])] {
            #expect(try check(scratch, name).isRight, "\(name)")
            #expect(try sequences(scratch, name) == numbers)
        }
        #expect(try scratch.read("r.1").contains("\"continues\":true"))
        #expect(try scratch.read("r").contains("\"continued\":true"))
    }

    @Test func aNewFileThatCannotBeOpenedLeavesTheOldOne() throws {
        let scratch = try Scratch()
        var sink = try sink(scratch.file("r"))
        try write(&sink, table(1))
        let error = failure { () throws(AuditError) in
            try sink.reopen { (_: String) throws(AuditError) -> Int32 in throw AuditError(.outputFailed, "no")
            }
        }
        #expect(error?.message == "no")
        try write(&sink, table(2, final: true))
        #expect(try check(scratch, "r").isRight)
    }

    @Test func aFileThatWasEmptiedBeginsAnew() throws {
        let scratch = try Scratch()
        var sink = try sink(scratch.file("r"))
        try write(&sink, table(1))
        // C reads the text during the call alone.
        unsafe #expect(truncate(scratch.file("r"), 0) == 0)
        try write(&sink, table(2, final: true))
        #expect(try check(scratch, "r").isRight)
        #expect(try sequences(scratch, "r") == [2])
    }

    /// A crash left half of a line; the file may be in its first run or behind a seal.
    @Test(arguments: [ReportFrame.Form.json, .comments, .csv])
    func aRunBehindATornEndIsRight(_ form: ReportFrame.Form) throws {
        let scratch = try Scratch()
        for (name, runs) in [("torn", 0), ("sealed", 1)] {
            for _ in 0..<runs {
                var sink = try sink(scratch.file(name), form)
                try write(&sink, table(1, final: true))
            }
            let before = runs == 0 ? "" : try scratch.read(name)
            _ = try scratch.write(name, before + "half of a line")
            // C reads the text during the call alone.
            unsafe chmod(scratch.file(name), 0o600)
            var sink = try sink(scratch.file(name), form)
            try write(&sink, table(1))
            try write(&sink, table(2, final: true))
            let check = try check(scratch, name)
            #expect(check.runs.map(\.finding) == Array(repeating: .right, count: runs + 1), "\(name)")
            #expect(check.strange == "half of a line\n".utf8.count)
            #expect(try scratch.read(name).hasPrefix(before + "half of a line\n"))
        }
    }

    /// Not even the head found room, and it could not be taken back: it comes again, whole.
    @Test func aHeadThatIsTornComesAgain() throws {
        let scratch = try Scratch()
        let disk = Disk()
        var sink = try sink(scratch.file("r"), .json, disk)
        disk.truncateFails = true
        disk.room = 20
        try write(&sink, table(1))
        disk.room = .max
        try write(&sink, table(2, final: true))
        let check = try check(scratch, "r")
        #expect(check.runs.map(\.finding) == [.right] && check.strange == 21)
    }
}
