import SockAuditCore
import Testing

@testable import AuditStream

@Suite("Decoder: calls")
struct DecodeCallTests {
    /// Numbers by hand, from the kernel's syscall_64.tbl: libaudit must agree.
    @Test(
        "x86_64",
        arguments: [
            DecodeCase("socket", 41, 3, "2 1 0 0", .socket(fd: 3, family: .tcp, closeOnExec: false)),
            DecodeCase("accept", 43, 9, "5 0 0 0", .accept(fd: 9, listener: 5, closeOnExec: false)),
            DecodeCase(
                "accept4 CLOEXEC", 288, 9, "5 0 0 80800", .accept(fd: 9, listener: 5, closeOnExec: true)),
            DecodeCase(
                "accept4 NONBLOCK", 288, 9, "5 0 0 800", .accept(fd: 9, listener: 5, closeOnExec: false)),
            DecodeCase(
                "socketpair", 53, 0, "1 1 0 7ffe0", between: [("FD_PAIR", "fd0=7 fd1=8")],
                .socketPair(first: 7, second: 8, closeOnExec: false)),
            DecodeCase(
                "socketpair CLOEXEC", 53, 0, "1 80001 0 7ffe0", between: [("FD_PAIR", "fd0=7 fd1=8")],
                .socketPair(first: 7, second: 8, closeOnExec: true)),
            DecodeCase(
                "socketpair, no FD_PAIR", 53, 0, "1 1 0 7ffe0",
                .socketPair(first: -1, second: -1, closeOnExec: false)),
            DecodeCase("close", 3, 0, "5 0 0 0", .close(fd: 5)),
            DecodeCase("close in hex", 3, 0, "1f 0 0 0", .close(fd: 31)),
            DecodeCase(
                "close_range", 436, 0, "3 ffffffff 0 0",
                .closeRange(first: 3, last: .max, marksCloseOnExec: false)),
            DecodeCase(
                "close_range CLOEXEC", 436, 0, "3 9 4 0",
                .closeRange(first: 3, last: 9, marksCloseOnExec: true)),
            DecodeCase(
                "close_range UNSHARE", 436, 0, "3 9 2 0",
                .closeRange(first: 3, last: 9, marksCloseOnExec: false, unshares: true)),
            DecodeCase("dup", 32, 6, "5 0 0 0", .duplicate(from: 5, to: 6, closeOnExec: false)),
            DecodeCase("dup2", 33, 1, "5 1 0 0", .duplicateOver(from: 5, to: 1, closeOnExec: false)),
            DecodeCase("dup3", 292, 1, "5 1 0 0", .duplicateOver(from: 5, to: 1, closeOnExec: false)),
            DecodeCase(
                "dup3 CLOEXEC", 292, 1, "5 1 80000 0", .duplicateOver(from: 5, to: 1, closeOnExec: true)),
            DecodeCase("F_DUPFD", 72, 11, "5 0 a 0", .duplicate(from: 5, to: 11, closeOnExec: false)),
            DecodeCase(
                "F_DUPFD_CLOEXEC", 72, 11, "5 406 a 0", .duplicate(from: 5, to: 11, closeOnExec: true)),
            DecodeCase("F_SETFD 1", 72, 0, "5 2 1 0", .setCloseOnExec(fd: 5, true)),
            DecodeCase("F_SETFD 0", 72, 0, "5 2 0 0", .setCloseOnExec(fd: 5, false)),
            DecodeCase("F_GETFL", 72, 2, "5 3 0 0", nil),
            DecodeCase("FIOCLEX", 16, 0, "5 5451 0 0", .setCloseOnExec(fd: 5, true)),
            DecodeCase("FIONCLEX", 16, 0, "5 5450 0 0", .setCloseOnExec(fd: 5, false)),
            DecodeCase("FIONREAD", 16, 0, "5 541b 0 0", nil),
            DecodeCase("execve", 59, 0, "55d0 55d8 55e0 8", .execute),
            DecodeCase("execveat", 322, 0, "ffffff9c 55d8 55e0 8", .execute),
            DecodeCase("fork", 57, 4321, "0 0 0 0", .fork(child: 4321, sharesFiles: false)),
            DecodeCase("vfork", 58, 4321, "0 0 0 0", .fork(child: 4321, sharesFiles: false)),
            DecodeCase("clone as fork", 56, 4321, "1200011 0 0 7f", .fork(child: 4321, sharesFiles: false)),
            DecodeCase("clone FILES", 56, 4321, "4400 0 0 7f", .fork(child: 4321, sharesFiles: true)),
            DecodeCase("clone of a thread", 56, 4321, "3d0f00 0 0 7f", .thread),
            DecodeCase("unshare FILES", 272, 0, "400 0 0 0", .unshareFiles),
            DecodeCase("unshare of something else", 272, 0, "20000000 0 0 0", nil),
            DecodeCase("io_uring_setup", 425, 5, "8 7ffe 0 0", .ring),
            DecodeCase("clone3", 435, 4321, "7ffe 58 0 0", .clone(child: 4321)),
            DecodeCase("read, not followed", 0, 5, "5 0 0 0", nil),
            DecodeCase("x32 bit set, not followed", 1_073_741_865, 3, "2 1 0 0", nil),
        ]
    )
    func native(_ one: DecodeCase) throws { try one.check() }

    @Test(
        "Families",
        arguments: [
            ("2 1 0", SocketFamily.tcp), ("2 1 6", .tcp), ("a 1 0", .tcp), ("a 1 6", .tcp),
            ("2 2 0", .udp), ("2 2 11", .udp), ("a 2 0", .udp), ("a 2 11", .udp),
            // ICMP datagram, MPTCP 262, SCTP 132, UDP-Lite 136, raw, seqpacket, unix, netlink, packet.
            ("2 2 1", .other), ("a 2 3a", .other), ("2 1 106", .other), ("2 1 84", .other),
            ("2 2 88", .other), ("2 3 1", .other), ("2 5 84", .other), ("1 1 0", .other),
            ("1 2 0", .other), ("1 5 0", .other), ("10 3 0", .other), ("11 3 300", .other), ("0 1 0", .other),
        ], [("0", false), ("800", false), ("80000", true), ("80800", true)])
    func families(_ call: (String, SocketFamily), _ flags: (String, Bool)) throws {
        let words = call.0.split(separator: " ").map(String.init)
        let type = try #require(UInt64(words[1], radix: 16)) | #require(UInt64(flags.0, radix: 16))
        let record = DecodeRecord.call(41, exit: 3, "\(words[0]) \(String(type, radix: 16)) \(words[2]) 0")
        let bench = try DecodeBench(record)
        #expect(
            bench.events.map(\.operation) == [.socket(fd: 3, family: call.1, closeOnExec: flags.1)])
    }

    @Test("Failed calls open, close and change nothing", arguments: [41, 43, 288, 53, 436, 32, 33, 292, 72])
    func failures(_ number: Int) throws {
        let bench = try DecodeBench(DecodeRecord.call(number, exit: -24, "2 1 0 0"))
        #expect(bench.events.isEmpty)
        #expect(bench.counters.malformed == 0)
    }

    @Test("A failed execve, fork or ioctl is nothing", arguments: [59, 322, 56, 435, 57, 58, 16])
    func failedOthers(_ number: Int) throws {
        let bench = try DecodeBench(DecodeRecord.call(number, exit: -2, "5 5451 0 0"))
        #expect(bench.events.isEmpty)
        #expect(bench.counters.malformed == 0)
    }

    @Test("close: EBADF closes nothing, any other error has let the descriptor go")
    func failedClose() throws {
        #expect(try DecodeBench(DecodeRecord.call(3, exit: -9, "ffffffff 0 0 0")).events.isEmpty)
        for code in [-4, -5, -28, -122] {
            let bench = try DecodeBench(DecodeRecord.call(3, exit: code, "5 0 0 0"))
            #expect(bench.events.map(\.operation) == [.close(fd: 5)], "exit=\(code)")
        }
    }

    @Test("exit and exit_group have neither success= nor exit=")
    func exits() throws {
        for (number, wanted) in [(231, Operation.exitGroup), (60, .exitThread)] {
            var record = DecodeRecord.call(number, "0 0 0 0")
            record.success = nil
            let bench = try DecodeBench(record)
            #expect(bench.events.map(\.operation) == [wanted])
            #expect(bench.counters.malformed == 0)
        }
    }

    @Test("Anything else without success= is malformed", arguments: [41, 3, 43, 33, 59, 72])
    func noSuccess(_ number: Int) throws {
        var record = DecodeRecord.call(number, "2 1 0 0")
        record.success = nil
        let bench = try DecodeBench(record)
        #expect(bench.events.isEmpty)
        #expect(bench.counters.malformed == 1)
    }
}
