import AuditStream
import Foundation
import Glibc
import SockAuditCore
import TestSupport
import Testing

@testable import SockAuditRuntime

/// The privileged process, with a monitor that somebody has taken over: what it can be made to do.
///
/// It is a plugin's, which asks the kernel for its rules and changes none.
@Suite("The keeper's process", .enabled(if: Programs.isBuilt && geteuid() == 0, "not root, or not built"))
struct KeeperProcessTests {
    private let folder: Scratch

    init() throws { folder = try Scratch() }

    private final class Running {
        let link: MessageSocket
        let pid: pid_t

        convenience init(_ order: KeeperOrder) throws { try self.init(order.encode()) }

        init(_ first: [UInt8]) throws {
            let (ours, theirs) = try MessageSocket.pair()
            let desk = try ProcFiles.pair()
            defer { for fd in [theirs, desk.ours, desk.theirs] { close(fd) } }
            link = MessageSocket(adopting: ours)
            // Made, used and destroyed here; C copies the paths that it is given.
            var actions = unsafe posix_spawn_file_actions_t()
            unsafe posix_spawn_file_actions_init(&actions)
            let aside = [theirs, desk.theirs].map { fcntl($0, F_DUPFD_CLOEXEC, 100) }
            defer { for fd in aside { close(fd) } }
            // Made, used and destroyed here; C copies the paths that it is given.
            unsafe posix_spawn_file_actions_adddup2(&actions, aside[0], Keeper.descriptors.link)
            unsafe posix_spawn_file_actions_adddup2(&actions, aside[1], Keeper.descriptors.desk)
            var child: pid_t = 0
            // C reads the text during the call alone.
            let words = unsafe [strdup(Keeper.argument), nil]
            // Made, used and destroyed here; C copies the paths that it is given.
            let code = unsafe posix_spawn(&child, Repository.sockaudit, &actions, nil, words, environ)
            pid = child
            try #require(code == 0)
            link.send(first)
        }

        deinit {
            link.hangUp()
            var status: Int32 = 0
            // C reads or fills what it is given, and keeps nothing of it.
            unsafe _ = waitpid(pid, &status, 0)
        }

        /// The first byte of what it answers, and the name of the file that came with it.
        func answer() throws -> (kind: UInt8, bytes: [UInt8], file: String?) {
            var found: (UInt8, [UInt8], String?)?
            try eventually("the keeper answers") {
                switch link.receive() {
                case .none: return false
                case .closed: throw SupportError("the keeper has ended")
                case .message(let bytes, let passed):
                    var file: String?
                    if let passed {
                        file = try? FileManager.default.destinationOfSymbolicLink(
                            atPath: "/proc/self/fd/\(passed)")
                        close(passed)
                    }
                    found = (bytes.first ?? 0, bytes, file)
                    return true
                }
            }
            return try #require(found)
        }

        func ask(_ bytes: [UInt8]) throws -> (kind: UInt8, bytes: [UInt8], file: String?) {
            link.send(bytes)
            return try answer()
        }
    }

    private func order(_ name: String) throws -> KeeperOrder {
        var order = KeeperOrder()
        let report = folder.file(name)
        let conf = try folder.write("plugin.conf", "report = \(report)\n")
        order.report = report
        order.isWhole = name.hasSuffix(".html")
        order.monitor = getpid()
        order.plugin = PluginConfig(path: conf, given: [])
        return order
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    /// Names that a monitor puts behind its question are not looked at.
    @Test func onlyTheReportIsOpened() throws {
        let other = try folder.write("other", "mine")
        let keeper = try Running(try order("report.jsonl"))
        #expect(try keeper.answer().kind == KeeperMessage.done)
        let name = Array(other.utf8)
        for question in [
            [KeeperMessage.reopen], [KeeperMessage.reopen] + name, [KeeperMessage.reload] + name,
        ] {
            let answer = try keeper.ask(question)
            #expect(answer.kind == KeeperMessage.done && answer.file == folder.file("report.jsonl"))
        }
        for question in [KeeperMessage.fresh, KeeperMessage.publish] {
            let answer = try keeper.ask([question] + name)
            #expect(answer.kind == KeeperMessage.failed && answer.file == nil)
        }
        #expect(folder.text("other") == "mine")
        #expect(try names == ["other", "plugin.conf", "report.jsonl"])
    }

    /// Nothing stands in the report's place but what was made beside it, and nothing else is replaced.
    @Test func onlyTheReportIsReplaced() throws {
        try folder.write("other", "mine")
        let keeper = try Running(try order("report.html"))
        #expect(try keeper.answer().kind == KeeperMessage.done)
        let name = Array(folder.file("other").utf8)
        #expect(try keeper.ask([KeeperMessage.publish] + name).kind == KeeperMessage.failed)
        #expect(try keeper.ask([KeeperMessage.reopen] + name).kind == KeeperMessage.failed)
        let fresh = try keeper.ask([KeeperMessage.fresh] + name)
        #expect(fresh.file?.hasPrefix(folder.file(".report.html.")) == true, "\(fresh.file ?? "")")
        #expect(try keeper.ask([KeeperMessage.publish] + name).kind == KeeperMessage.done)
        #expect(folder.text("other") == "mine")
        #expect(try names == ["other", "plugin.conf", "report.html"])
    }

    /// What is no question is refused, however long it is, and the next one is answered.
    @Test func whatIsNoQuestionIsRefused() throws {
        let keeper = try Running(try order("report.jsonl"))
        #expect(try keeper.answer().kind == KeeperMessage.done)
        let known: Set = [
            KeeperMessage.status, KeeperMessage.inspect, KeeperMessage.remove, KeeperMessage.reopen,
            KeeperMessage.observe, KeeperMessage.reload, KeeperMessage.load,
        ]
        for kind in UInt8.min ... .max where !known.contains(kind) {
            let rest = (0..<Int.random(in: 0...300)).map { _ in UInt8.random(in: 0...255) }
            let answer = try keeper.ask([kind] + rest)
            #expect(answer.kind == KeeperMessage.failed && answer.file == nil, "\(kind)")
        }
        // Damaged ones that are only told get no answer.
        for length in [0, 1, 7, 8, 9, 100] {
            keeper.link.send([KeeperMessage.load] + [UInt8](repeating: 255, count: length))
        }
        #expect(try keeper.ask([KeeperMessage.status]).kind == KeeperMessage.done)
        #expect(try keeper.ask([KeeperMessage.inspect]).kind == KeeperMessage.done)
    }

    /// A first message that is none ends it: there is nothing to undo yet.
    @Test(arguments: [
        [KeeperMessage.hello], [KeeperMessage.status], [KeeperMessage.hello, 255, 255, 255],
    ])
    func aBadOrderEndsIt(_ bytes: [UInt8]) throws {
        let keeper = try Running(bytes)
        #expect(throws: SupportError.self) { try keeper.answer() }
    }
}
