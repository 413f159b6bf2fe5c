import SockAuditCore
import Testing

@testable import AuditStream

@Suite("Decoder: architectures")
struct DecodeArchTests {
    @Test(
        "i386, numbers of its own and socketcall",
        arguments: [
            DecodeCase(
                "socket", 359, 3, "2 80802 11 0", arch: "40000003",
                .socket(fd: 3, family: .udp, closeOnExec: true)),
            DecodeCase(
                "socketcall socket", 102, 3, "1 ffe0 0 0", arch: "40000003",
                between: [("SOCKETCALL", "nargs=3 a0=2 a1=1 a2=0")],
                .socket(fd: 3, family: .tcp, closeOnExec: false)),
            DecodeCase(
                "socketcall socket, unix", 102, 3, "1 ffe0 0 0", arch: "40000003",
                between: [("SOCKETCALL", "nargs=3 a0=1 a1=80001 a2=0")],
                .socket(fd: 3, family: .other, closeOnExec: true)),
            DecodeCase(
                "socketcall accept", 102, 9, "5 ffe0 0 0", arch: "40000003",
                between: [("SOCKETCALL", "nargs=3 a0=5 a1=0 a2=0")],
                .accept(fd: 9, listener: 5, closeOnExec: false)),
            DecodeCase(
                "socketcall accept4", 102, 9, "12 ffe0 0 0", arch: "40000003",
                between: [("SOCKETCALL", "nargs=4 a0=5 a1=0 a2=0 a3=80000")],
                .accept(fd: 9, listener: 5, closeOnExec: true)),
            DecodeCase(
                "socketcall socketpair", 102, 0, "8 ffe0 0 0", arch: "40000003",
                between: [("FD_PAIR", "fd0=7 fd1=8"), ("SOCKETCALL", "nargs=4 a0=1 a1=80001 a2=0 a3=ffd0")],
                .socketPair(first: 7, second: 8, closeOnExec: true)),
            DecodeCase("socketcall connect", 102, 0, "3 ffe0 0 0", arch: "40000003", nil),
            DecodeCase("close", 6, 0, "5 0 0 0", arch: "40000003", .close(fd: 5)),
            DecodeCase("3 is read here", 3, 0, "5 0 0 0", arch: "40000003", nil),
            DecodeCase(
                "socketpair", 360, 0, "1 1 0 0", arch: "40000003", between: [("FD_PAIR", "fd0=7 fd1=8")],
                .socketPair(first: 7, second: 8, closeOnExec: false)),
            DecodeCase(
                "accept4", 364, 9, "5 0 0 80000", arch: "40000003",
                .accept(fd: 9, listener: 5, closeOnExec: true)),
            DecodeCase(
                "dup2", 63, 1, "5 1 0 0", arch: "40000003",
                .duplicateOver(from: 5, to: 1, closeOnExec: false)),
            DecodeCase("fcntl", 55, 0, "5 2 1 0", arch: "40000003", .setCloseOnExec(fd: 5, true)),
            DecodeCase("fcntl64", 221, 0, "5 2 1 0", arch: "40000003", .setCloseOnExec(fd: 5, true)),
            DecodeCase("ioctl", 54, 0, "5 5451 0 0", arch: "40000003", .setCloseOnExec(fd: 5, true)),
            DecodeCase("execve", 11, 0, "1 2 3 0", arch: "40000003", .execute),
        ])
    func i386(_ one: DecodeCase) throws { try one.check() }

    @Test(
        "aarch64",
        arguments: [
            DecodeCase(
                "socket", 198, 3, "a 1 6 0", arch: "c00000b7",
                .socket(fd: 3, family: .tcp, closeOnExec: false)),
            DecodeCase("close", 57, 0, "5 0 0 0", arch: "c00000b7", .close(fd: 5)),
            DecodeCase(
                "accept", 202, 9, "5 0 0 0", arch: "c00000b7",
                .accept(fd: 9, listener: 5, closeOnExec: false)),
            DecodeCase(
                "dup", 23, 6, "5 0 0 0", arch: "c00000b7", .duplicate(from: 5, to: 6, closeOnExec: false)),
            DecodeCase(
                "dup3", 24, 1, "5 1 0 0", arch: "c00000b7",
                .duplicateOver(from: 5, to: 1, closeOnExec: false)),
            DecodeCase("fcntl", 25, 0, "5 2 1 0", arch: "c00000b7", .setCloseOnExec(fd: 5, true)),
            DecodeCase("execve", 221, 0, "1 2 3 0", arch: "c00000b7", .execute),
            DecodeCase("41 is pivot_root here", 41, 0, "2 1 0 0", arch: "c00000b7", nil),
        ])
    func aarch64(_ one: DecodeCase) throws { try one.check() }

    @Test("exit_group on both")
    func exits() throws {
        for (arch, number) in [("40000003", 252), ("c00000b7", 94)] {
            var record = DecodeRecord.call(number, "0 0 0 0", arch: arch)
            record.success = nil
            #expect(try DecodeBench(record).events.map(\.operation) == [.exitGroup])
        }
    }

    @Test("socketcall(SYS_SOCKET) without its SOCKETCALL record is malformed, not guessed")
    func bareSocketcall() throws {
        let bench = try DecodeBench(DecodeRecord.call(102, exit: 3, "1 ffe0 0 0", arch: "40000003"))
        #expect(bench.events.isEmpty)
        #expect(bench.counters.malformed == 1)
    }

    @Test("An architecture that libaudit does not know is counted, the next event is read")
    func unknown() throws {
        var odd = DecodeRecord.call(41, exit: 3, "2 1 0 0", arch: "deadbeef")
        odd.serial = 1
        let bench = try DecodeBench(odd, DecodeRecord())
        #expect(bench.counters == EventDecoder.Counters(events: 2, malformed: 0, foreign: 1))
        #expect(bench.events.count == 1)
    }

    @Test("Architectures may change from record to record")
    func mixed() throws {
        var lines: [String] = []
        for serial in 0..<60 {
            let (arch, number) = [("c000003e", 3), ("40000003", 6), ("c00000b7", 57)][serial % 3]
            var record = DecodeRecord.call(number, "\(String(serial, radix: 16)) 0 0 0", arch: arch)
            record.serial = serial + 1
            lines += record.lines
        }
        let bench = try DecodeBench(lines: lines)
        #expect(bench.events.map(\.operation) == (0..<60).map { Operation.close(fd: $0) })
    }

    @Test("The tables of this machine and the decoder's agree for every followed call")
    func tables() throws {
        var table = SyscallTable()
        for architecture in Architecture.local {
            let known = table.knows(elf: architecture.elf)
            #expect(known)
            for (name, call) in FollowedCall.names {
                guard let number = architecture.number(name) else { continue }
                let found = table.call(elf: architecture.elf, number: UInt64(number))
                #expect(found == call, "\(name)")
            }
            let beyond = table.call(elf: architecture.elf, number: .max)
            #expect(beyond == nil)
        }
        let odd = table.knows(elf: 0xDEAD_BEEF)
        #expect(!odd)
    }
}
