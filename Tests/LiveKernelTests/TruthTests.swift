import Foundation
import TestSupport
import Testing

extension Live {
    /// A Python program's own account against its row, interval by interval.
    @Suite struct OwnTruth {
        @Test func twoProcessesOfOneNameAndALateClose() throws {
            let scratch = try Scratch()
            let watched = try Watched(options: ["--interval", "1"])
            let a = try PythonWorkload(at: scratch.file("work.py"))
            let b = try PythonWorkload(at: scratch.file("work.py"))
            try a.ask("late")
            try b.ask("mix")
            try a.ask("mix")
            try a.ask("fails")
            try b.ask("threads")
            let opened = watched.child.outLines.count
            // The late ones are in a table as opened, and closed three intervals later.
            try watched.waitTables(opened + 2)
            let held = try a.ask("threads")
            try watched.waitTables(opened + 4)
            try a.ask("others")
            try a.ask("late-close")
            let beforeClose = try b.ask("others")
            let closedA = try a.ask("close-all")
            let now = watched.child.outLines.count
            try watched.waitTables(now + 2)
            try a.end()
            try b.end()
            let run = try watched.stop()

            let all = run.tables.flatMap { table in table.rows(pid: a.pid).map { (table, $0) } }
            #expect(all.contains { $0.1.stillOpen == held.open && $0.1.socketTot == held.socket })
            let quiet = try run.tables[now + 1].row(pid: a.pid)
            #expect(quiet.account == closedA.account)
            #expect(quiet.stillOpen.total == 0 && quiet.released.total == 0)
            #expect(quiet.socketLast.total == 0 && quiet.closeLast.total == 0)
            expect(run.last, a.pid, is: closedA.account, state: "exited")
            expect(run.last, b.pid, is: beforeClose.account.ended, state: "exited")
            let names = Set(try [a, b].map { try run.last.row(pid: $0.pid).name })
            #expect(names.count == 1)
            for work in [a, b] {
                let rows = run.tables.flatMap { $0.rows(pid: work.pid) }
                let row = try run.last.row(pid: work.pid)
                #expect(rows.reduce(Figure()) { $0 + $1.socketLast } == row.socketTot)
                #expect(rows.reduce(Figure()) { $0 + $1.closeLast } == row.closeTot)
                #expect(Set(rows.map(\.start)).count == 1)
                // Once there, a row stays in every table.
                #expect(
                    rows.count == run.tables.count
                        - run.tables.prefix { $0.rows(pid: work.pid).isEmpty }.count)
            }
        }

        @Test func procAgreesWhileTheProcessHolds() throws {
            let scratch = try Scratch()
            let watched = try Watched()
            let work = try PythonWorkload(at: scratch.file("hold.py"))
            try work.ask("mix")
            let truth = try work.ask("threads")
            #expect(Proc.sockets(work.pid) == truth.open.total)
            let run = try watched.stop()
            expect(run.last, work.pid, is: truth.account, state: "running")
            #expect(try run.last.row(pid: work.pid).drift == 0)
            try work.end()
        }
    }
}
