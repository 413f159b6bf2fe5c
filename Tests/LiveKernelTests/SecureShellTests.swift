import Foundation
import Glibc
import TestSupport
import Testing

extension Live.StraceOracle {
    /// Every connection is a fork, an exec of sshd anew, and a fork again to give up privileges; each
    /// passes sockets on that are none of its own.
    @Test func sshdAndItsLogins() throws {
        try Skips.need("strace", "sshd", "ssh", "ssh-keygen")
        try SecureShell.needOpenAccount()
        let watched = try Watched(options: ["--interval", "1"])
        let server = try SecureShell(traced: true)
        for _ in 0..<4 {
            let code = try server.login()
            #expect(code == 0, "\(server.subject.child.err)")
        }
        let held = try [server.hold(), server.holdWithoutCommand(user: "nobody")]
        // The listener; a process and what it runs for root; two for nobody.
        try eventually("the ended logins are gone: \(server.processes)") { server.processes.count == 5 }
        let sshd = try server.subject.truths().filter { !$0.hasEnded && $0.usedSockets }
        #expect(sshd.count >= 2)
        try compareHeldAndEnded(watched, [server.subject], least: 7) {
            held[0].closeInput()
            #expect(try held[0].wait() == 0, "\(held[0].err)")
            held[1].signal(SIGTERM)
            _ = try held[1].wait()
            try eventually("the held logins are gone: \(server.processes)") { server.processes.count == 1 }
            try server.end()
        }
        let rows = try #require(try watched.tables.last).rows.filter { $0.name == "sshd" }
        print("live: sshd: \(rows.count) rows, \(rows.reduce(0) { $0 + $1.socketTot.total }) sockets")
    }
}
