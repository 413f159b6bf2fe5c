import Foundation
import Glibc
import Testing

extension Live {
    /// The child that doctor will be watching when it measures.
    @Suite struct SelfTest {
        /// `name=value` words of its line.
        private func counts(_ line: String) -> [String: Int] {
            let pairs = line.split(separator: " ").dropFirst().map {
                $0.split(separator: "=").map(String.init)
            }
            return Dictionary(
                uniqueKeysWithValues: pairs.filter { $0.count == 2 }.map { ($0[0], Int($0[1]) ?? 0) })
        }

        @Test func itsRowIsWhatItSays() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let child = try Child(Host.sockaudit, ["self-test"])
            #expect(try child.outLine("ready ") == "ready pid=\(child.pid)")
            #expect(Proc.sockets(child.pid) == 0)
            try child.send("")
            let line = try child.outLine("sockaudit-self-test/1 ")
            let said = counts(line)
            func figure(_ name: String) -> Figure {
                Figure(
                    tcp: said["\(name).tcp"] ?? -1, udp: said["\(name).udp"] ?? -1,
                    other: said["\(name).other"] ?? -1)
            }
            let made = figure("socket")
            let gone = figure("close") + figure("released")
            let account = Account(
                socket: made, close: figure("close"), released: figure("released"),
                open: Figure(
                    tcp: made.tcp - gone.tcp, udp: made.udp - gone.udp, other: made.other - gone.other))
            #expect(said["pid"] == Int(child.pid))
            // Of both tables where there are two, and more than a handful.
            #expect(made.total >= 20 && account.open.total >= 4 && account.released.total >= 4)
            #if arch(x86_64)
            #expect((said["calls.b32.socket"] ?? 0) >= 10, "\(line)")
            #endif
            try watched.waitTables(watched.child.outLines.count + 2)
            if let table = try watched.tables.last {
                expect(table, child.pid, is: account, state: "running")
                let row = try table.row(pid: child.pid)
                let others = (said["others.opened"] ?? 0) - (said["others.closed"] ?? 0)
                #expect(row.others.values.reduce(0) { $0 + $1.open } == others && others == 2)
                #expect(row.sockets == Proc.sockets(child.pid))
            }
            try child.send("")
            #expect(try child.wait() == 0)
            expect(try watched.stop().last, child.pid, is: account.ended, state: "exited")
        }

        @Test func itEndsWithWhoeverStartedIt() throws {
            let early = try Child(Host.sockaudit, ["self-test"])
            _ = try early.outLine("ready ")
            early.closeInput()
            #expect(try early.wait() == 0)
            #expect(early.outLines.count == 1)
            let late = try Child(Host.sockaudit, ["self-test"])
            try late.send("")
            _ = try late.outLine("sockaudit-self-test/1 ")
            late.closeInput()
            #expect(try late.wait() == 0)
        }

        @Test func nobodyIsTold() throws {
            let help = try run(Host.sockaudit, ["--help"])
            #expect(help.code == 0 && help.out.contains("doctor") && !help.out.contains("self-test"))
        }
    }
}
