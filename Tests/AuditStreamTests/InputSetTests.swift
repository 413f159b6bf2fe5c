import Foundation
import Glibc
import TestSupport
import Testing

@testable import AuditStream

@Suite("Input: sets")
struct InputSetTests {
    private func log(_ second: Int) -> String {
        "type=SYSCALL msg=audit(\(second).123:1): arch=c000003e syscall=3\n"
    }

    @Test("A folder's logs come by the stamps inside, whatever their names say")
    func stamps() throws {
        let folder = try Scratch()
        try folder.write("audit.log", log(2_000))
        try folder.write("audit.log.1", log(4_000))
        try folder.write("audit.log.2", "# a comment\n" + log(1_000))
        try folder.write("audit.log.3", log(3_000))
        _ = try folder.gzip("audit.log.3")
        try folder.write("notes.txt", log(1))
        try folder.write(".audit.log.swp", log(1))
        let names = try InputSet.files([folder.path]).map { String($0.path.dropFirst(folder.path.count + 1)) }
        #expect(names == ["audit.log.2", "audit.log", "audit.log.3.gz", "audit.log.1"])
    }

    @Test("Files without a stamp go by their rotation number, the highest first")
    func numbers() throws {
        let folder = try Scratch()
        for name in ["audit.log", "audit.log.1", "audit.log.2", "audit.log.10"] {
            try folder.write(name, "nothing\n")
        }
        let names = try InputSet.files([folder.path + "/"]).map {
            String($0.path.dropFirst(folder.path.count + 1))
        }
        #expect(names == ["audit.log.10", "audit.log.2", "audit.log.1", "audit.log"])
    }

    @Test("A file without a stamp among stamped ones leaves the others in order")
    func mixed() throws {
        let folder = try Scratch()
        // By number alone 3, 2, 1, 0; the stamps say 0 < 2; 3 and 1 have none.
        try folder.write("audit.log", log(1_000))
        try folder.write("audit.log.1", "")
        try folder.write("audit.log.2", log(2_000))
        try folder.write("audit.log.3", "")
        try folder.write("audit.log.4", log(1_500))
        let names = try InputSet.files([folder.path]).map { String($0.path.dropFirst(folder.path.count + 1)) }
        let stamped = names.filter { !["audit.log.1", "audit.log.3"].contains($0) }
        #expect(stamped == ["audit.log", "audit.log.4", "audit.log.2"])
    }

    @Test("Named files come by the stamps inside too, as the shell's audit.log* does not")
    func glob() throws {
        let folder = try Scratch()
        let paths = [
            try folder.write("audit.log", log(3_000)), try folder.write("audit.log.1", log(2_000)),
            try folder.write("audit.log.2", "no record\n"), try folder.write("audit.log.3", log(1_000)),
        ]
        // What has no stamp stays behind what it was named after.
        let wanted = [paths[3], paths[1], paths[2], paths[0]]
        #expect(try InputSet.files(paths).map(\.path) == wanted)
        #expect(try InputSet.files(paths).map(\.first) == [1_000_123, 2_000_123, nil, 3_000_123])
        #expect(try InputSet.files(paths + ["-"]).map(\.path) == paths + ["-"])
    }

    @Test("Stamps are found in wrapped and compressed logs, and far from the beginning")
    func stampsAnywhere() throws {
        let folder = try Scratch()
        let noise = String(repeating: "Nov 23 10:00:00 web1 sshd[1]: hello\n", count: 10_000)
        try folder.write("b.log", noise + "Nov 23 10:00:00 web1 audispd: " + log(2_000))
        _ = try folder.gzip("b.log")
        try folder.write("a.log", "[ 1.2] audit: type=1300 audit(3000.123:1): arch=c000003e syscall=3")
        let found = try InputSet.files([folder.path]).map(\.first)
        #expect(found == [2_000_123, 3_000_123])
    }

    @Test("Without stamps named files keep their order; a folder without logs is an error")
    func named() throws {
        let folder = try Scratch()
        #expect(try InputSet.files(["b", "a", "-"]).map(\.path) == ["b", "a", "-"])
        #expect(try InputSet.files([]).isEmpty)
        do throws(AuditError) {
            _ = try InputSet.files([folder.path])
            Issue.record("an empty folder was taken")
        } catch {
            #expect(error.code == .inputFailed)
            #expect(error.message.contains(folder.path))
        }
    }

    @Test("What is named twice stands there once, by whatever way it was named")
    func repeated() throws {
        let folder = try Scratch()
        let one = try folder.write("audit.log", log(1_000))
        try folder.write("audit.log.1", log(500))
        let link = folder.path + "/other"
        // C reads the text during the call alone.
        try unsafe #require(symlink(one, link) == 0)
        try unsafe #require(Glibc.link(one, folder.path + "/hard") == 0)
        var files = try InputSet.files([one, folder.path, link, folder.path + "/hard", one])
        #expect(files.count == 6)
        let repeated = InputSet.removeRepeated(&files)
        #expect(files.map { $0.path.split(separator: "/").last } == ["audit.log.1", "audit.log"])
        #expect(repeated.count == 4)
        #expect(repeated.allSatisfy { $0.kept == one })

        var two = try InputSet.files([one, folder.path + "/audit.log.1", "-", "/dev/null", "/dev/null"])
        #expect(InputSet.removeRepeated(&two).isEmpty)
        #expect(two.count == 5)
    }

    @Test("Of many files a part is held: the process's descriptors are for others too")
    func held() throws {
        let folder = try Scratch()
        for number in 0..<300 { try folder.write("audit.log.\(number)", log(1_000 + number)) }
        let files = try InputSet.files([folder.path])
        let held = files.count(where: \.isHeld)
        #expect(files.count == 300 && held > 50 && held <= 256, "\(held)")
        // Those that are not are read by their names.
        for file in files { #expect(throws: Never.self) { _ = try file.open() } }
    }

    @Test("Of a folder only files are read; a link to nothing is one that cannot be")
    func onlyFiles() throws {
        let folder = try Scratch()
        try folder.write("audit.log", log(1_000))
        // C reads the text during the call alone.
        try unsafe #require(mkfifo(folder.path + "/x.log", 0o600) == 0)
        try unsafe #require(mkdir(folder.path + "/old.log", 0o700) == 0)
        try unsafe #require(symlink("/nowhere/audit.log", folder.path + "/gone.log") == 0)
        try unsafe #require(symlink("audit.log", folder.path + "/same.log") == 0)
        let files = try InputSet.files([folder.path])
        let names = Set(files.compactMap { $0.path.split(separator: "/").last })
        #expect(names == ["audit.log", "gone.log", "same.log"])
        #expect(!files.contains { !$0.isFound })
        let named = try InputSet.files([folder.path + "/audit.log"])
        #expect(named.count == 1 && !named[0].isFound)
    }

    @Test("A log that is being compressed stands there once; another that has its name stays")
    func packed() throws {
        let folder = try Scratch()
        let gz = folder.path + "/audit.log.1.gz"
        func kept() throws -> [Substring?] {
            var files = try InputSet.files([folder.path])
            let removed = InputSet.removePacked(&files)
            #expect(removed.allSatisfy { $0.path == gz })
            return files.map { $0.path.split(separator: "/").last }
        }
        try folder.write("audit.log", log(3_000))
        try folder.write("audit.log.1", log(1_000))
        let whole = try Data(contentsOf: URL(fileURLWithPath: try folder.gzip("audit.log.1")))
        #expect(try kept() == ["audit.log.1.gz", "audit.log"])
        try folder.write("audit.log.1", log(1_000))
        #expect(try kept() == ["audit.log.1", "audit.log"])
        for length in [0, 8] {
            try folder.write("audit.log.1.gz", whole.prefix(length))
            #expect(try kept() == ["audit.log.1", "audit.log"])
        }
        try folder.write("audit.log.1.gz", whole)
        try folder.write("audit.log.1", log(2_000))
        #expect(try kept() == ["audit.log.1.gz", "audit.log.1", "audit.log"])
    }
}
