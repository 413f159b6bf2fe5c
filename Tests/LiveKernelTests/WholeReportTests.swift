import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Reports that are replaced at each table. The monitor may make no file: the keeper does it for it.
    @Suite struct WholeReports {
        private static func info(_ path: String) -> stat? {
            var info = stat()
            // C fills the struct that it is given.
            return unsafe lstat(path, &info) == 0 ? info : nil
        }

        private static func names(_ scratch: Scratch) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        }

        @Test(arguments: [("r.html", "html", "<!-- sha256 "), ("r.prom", "prometheus", "# sha256 ")])
        func replaced(_ name: String, _ format: String, _ ending: String) throws {
            let scratch = try Scratch()
            let report = scratch.file(name)
            let watched = try Watched(options: ["--interval", "0.5", "--format", format, "--report", report])
            let counter = try Counter(tcp: 5, udp: 4, unix: 3)
            var inodes: Set<UInt> = []
            try eventually("it is replaced several times") {
                if let info = Self.info(report) {
                    inodes.insert(info.st_ino)
                    #expect(info.st_uid == 0 && info.st_nlink == 1)
                    #expect(info.st_mode & 0o777 == (name == "r.prom" ? 0o644 : 0o600))
                    // Whole whenever it is looked at.
                    let text = try String(contentsOfFile: report, encoding: .utf8)
                    #expect(text.suffix(82).contains(ending), "\(text.suffix(100))")
                }
                return inodes.count > 3
            }
            // HUP is for reports that grow.
            watched.child.signal(SIGHUP)
            let seen = inodes.count
            try eventually("it goes on") {
                if let info = Self.info(report) { inodes.insert(info.st_ino) }
                return inodes.count > seen + 1
            }
            watched.child.signal(SIGTERM)
            #expect([0, 4].contains(try watched.child.wait(30)), "\(watched.child.err)")
            #expect(try Self.names(scratch) == [name], "no half of a report is left")
            let text = try String(contentsOfFile: report, encoding: .utf8)
            #expect(text.contains("counter"))
            let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
            #expect(text.contains(boot.dropLast()) && text.contains(",socket,"), "which boot, and the rules")
            #expect(try run(Host.sockaudit, ["verify", report]).code == 0)
            if format == "prometheus" {
                #expect(text.contains("sockaudit_sockets_open{name=\"counter\",family=\"tcp\"} "))
                #expect(!text.contains("pid=\""))
            }
            try counter.kill()
        }

        /// A report that cannot be replaced for a while costs that report, and nothing else.
        @Test func theFolderGoesAndComesBack() throws {
            let scratch = try Scratch()
            let (folder, away) = (scratch.file("reports"), scratch.file("away"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let report = folder + "/r.html"
            let watched = try Watched(options: ["--interval", "0.5", "--format", "html", "--report", report])
            try eventually("a report") { Self.info(report) != nil }
            try FileManager.default.moveItem(atPath: folder, toPath: away)
            let line = try watched.child.errLine("sockaudit: The report \(report) cannot be replaced")
            #expect(line.contains("ENOENT"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            try eventually("a report again") { Self.info(report) != nil }
            watched.child.signal(SIGTERM)
            #expect([0, 4].contains(try watched.child.wait(30)), "\(watched.child.err)")
            let said = watched.child.err.split(separator: "\n").count { $0.contains("cannot be replaced") }
            #expect(said == 1, "\(watched.child.err)")
        }

        @Test func aKilledMonitorLeavesTheLastReport() throws {
            let scratch = try Scratch()
            let report = scratch.file("r.html")
            let watched = try Watched(options: ["--interval", "0.5", "--format", "html", "--report", report])
            let keeper = try watched.keeper
            try eventually("a report") { Self.info(report) != nil }
            watched.child.signal(SIGKILL)
            _ = try watched.child.wait()
            try eventually("the keeper ends") { Proc.comm(keeper) == nil }
            #expect(try Self.names(scratch) == ["r.html"])
            #expect(try run(Host.sockaudit, ["verify", report]).code == 0)
        }
    }
}
