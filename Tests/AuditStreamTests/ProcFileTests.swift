import CAudit
import Glibc
import Testing

@testable import AuditStream

/// What the keeper opens for whoever reads the records.
@Suite struct ProcFileTests {
    @Test func whatIsNeededIsKnown() {
        for path in [
            "/proc", "/proc/1/stat", "/proc/23/fd", "/proc/23/net/tcp6", "/proc/4/task",
            "/proc/4/task/5/stat",
            "/proc/4/task/5/fd", "/proc/7/net/netlink", "/proc/7/cmdline",
        ] {
            let file = ProcFile(path: path)
            let back = file?.relativePath.map { $0 == "." ? "/proc" : "/proc/\($0)" }
            #expect(back == path)
        }
    }

    @Test(arguments: [
        "/etc/shadow", "/proc/1/root/etc/shadow", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps",
        "/proc/1/cwd",
        "/proc/1/fd/3", "/proc/1/exe", "/proc/self/stat", "/proc/1/../../etc/shadow", "/proc/1/task/../mem",
        "/proc/01/stat", "/proc/+1/stat", "/proc/-1/stat", "/proc/0/stat", "/proc//stat", "/proc/1//stat",
        "/proc/99999999999/stat", "/proc/1/stat/", "/proc/1/net", "/proc/1/task/2/mem", "/proc/1/task/2",
        "/proc/1/task/x/stat", "/proc/1/task/2/task/3/stat", "proc/1/stat", "/proc/1/stat\u{0}",
        "/proc/sys/kernel",
        "/proc/kcore", "",
    ])
    func nothingElseIs(_ path: String) { #expect(ProcFile(path: path) == nil) }

    @Test func whatIsAskedArrives() throws {
        let files = [
            ProcFile(.stat, pid: 7), ProcFile(.threadFd, pid: .max, thread: 9), ProcFile(.named, pid: -1),
        ]
        let parsed = try #require(ProcFile.parse(request: ProcFile.request(files, 77)))
        #expect(parsed.files == files && parsed.serial == 77)
        for count in [0, 1, 4, 5, 12, 14] {
            #expect(ProcFile.parse(request: [UInt8](repeating: 1, count: count)) == nil)
        }
        let many = [ProcFile](repeating: files[0], count: ProcFile.batch)
        #expect(ProcFile.parse(request: ProcFile.request(many, 0))?.files.count == ProcFile.batch)
        #expect(ProcFile.parse(request: ProcFile.request(many + [files[0]], 0)) == nil)
    }

    /// Whatever comes: where it leads is below the process that it names.
    @Test func everyRequestLeadsToAName() {
        var random = SystemRandomNumberGenerator()
        var known = 0
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...25, using: &random) }
            for file in ProcFile.parse(request: bytes)?.files ?? [] {
                guard let file, let path = file.relativePath else { continue }
                known += 1
                #expect(path == "." || ProcFile(path: "/proc/" + path)?.kind == file.kind, "\(path)")
                #expect(!path.contains("..") && !path.hasPrefix("/"))
            }
        }
        #expect(known > 100)
    }
}

/// Both ends at once, as keeper and monitor have them.
@Suite struct ProcFileDeskTests {
    private static func withDesk(
        named: [String] = [], _ body: (borrowing ProcFileDesk, Int32) throws -> Void
    ) throws {
        let ends = try ProcFiles.pair()
        var desk = ProcFileDesk(adopting: ends.theirs)
        desk.named = named
        defer { close(ends.ours) }
        try body(desk, ends.ours)
    }

    @Test func filesOfTheListAreOpened() throws {
        try Self.withDesk { desk, socket in
            let own = getpid()
            let files = [ProcFile(.stat, pid: own), ProcFile(.fd, pid: own), ProcFile(.processes)]
            let request = ProcFile.request(files, 3)
            // The bytes stay for the call.
            unsafe _ = send(socket, request, request.count, 0)
            let goesOn = desk.serve()
            #expect(goesOn)
            let answer = try #require(Self.answer(socket))
            #expect(answer == ["/proc/\(own)/stat", "/proc/\(own)/fd", "/proc"])
        }
    }

    /// What came: the names of the files by /proc/self/fd.
    private static func answer(_ socket: Int32) -> [String]? {
        var (bytes, passed, count) = (
            [UInt8](repeating: 0, count: 512), [Int32](repeating: -1, count: 64), 64
        )
        // As many as there is room for.
        let length = unsafe sockaudit_take_batch(
            socket, &bytes, bytes.count, &passed, &count, Int32(MSG_DONTWAIT))
        guard length > 0 else { return nil }
        return passed[..<count].map { fd -> String in
            defer { close(fd) }
            var text = [CChar](repeating: 0, count: 256)
            // C reads the text during the call alone.
            guard unsafe readlink("/proc/self/fd/\(fd)", &text, 255) > 0 else { return "?" }
            // The kernel forgets the names in net at once.
            let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return name.hasSuffix(" (deleted)") ? String(name.dropLast(10)) : name
        }
    }

    /// No request opens anything but a file of the list, to read.
    @Test func noBytesOpenAnythingElse() throws {
        var random = SystemRandomNumberGenerator()
        var opened = 0
        try Self.withDesk(named: ["/etc/hostname", "/dev/null"]) { desk, socket in
            for _ in 0..<4_000 {
                var request = [UInt8](repeating: 0, count: 4)
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    request.append(.random(in: 0...25, using: &random))
                    request += ProcFile.bytes(UInt32(Bool.random() ? Int(getpid()) : .random(in: 0...3)))
                    request += ProcFile.bytes(UInt32(Bool.random() ? Int(getpid()) : .random(in: 0...3)))
                }
                if Int.random(in: 0..<8, using: &random) == 0 { request.removeLast() }
                // The bytes stay for the call.
                unsafe _ = send(socket, request, request.count, 0)
                let goesOn = desk.serve()
                #expect(goesOn)
                for name in Self.answer(socket) ?? [] {
                    opened += 1
                    #expect(name == "/etc/hostname" || ProcFile(path: name) != nil, "\(name)")
                }
            }
        }
        #expect(opened > 100)
    }

    /// Its own answers, which nobody takes, must not keep the keeper from its work.
    @Test func whoAsksAndDoesNotListenIsNotWaitedFor() throws {
        try Self.withDesk { desk, socket in
            let request = ProcFile.request([ProcFile](repeating: ProcFile(.processes), count: 64), 1)
            for _ in 0..<2_000 {
                // The bytes stay for the call.
                unsafe _ = send(socket, request, request.count, Int32(MSG_DONTWAIT))
                let goesOn = desk.serve()
                #expect(goesOn)
            }
        }
    }

    @Test func theEndIsSeen() throws {
        let ends = try ProcFiles.pair()
        let desk = ProcFileDesk(adopting: ends.theirs)
        let goesOn = desk.serve()
        #expect(goesOn)
        close(ends.ours)
        let isOver = !desk.serve()
        #expect(isOver)
    }
}
