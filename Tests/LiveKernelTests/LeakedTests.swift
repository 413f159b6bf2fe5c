import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// What a table says where its figures cannot: accepted sockets that pile up, and a run without rules.
    @Suite struct Leaked {
        private let scratch: Scratch

        init() throws { scratch = try Scratch() }

        @Test func acceptedAndNeverClosed() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let work = try Steered([], Ways.messages)
            try work.ask("keep.append(listens('\(scratch.file("s"))'))")
            #expect(!(try watched.nextTable().codes.contains("others_grow")))
            let seen = watched.child.outLines.count
            let truth = try work.ask(
                "[(connects('\(scratch.file("s"))'), accepts(keep[0]))[1] for _ in range(4)]"
            ).truth
            try watched.waitTables(seen + 3)
            let tables = try watched.tables[seen...]
            let growing = tables.filter { $0.codes.contains("others_grow") }
            // In the one table in which they came, or in two where they came across its moment.
            #expect((1...2).contains(growing.count))
            let reason = try #require(growing.last?.reasons.first { $0.code == "others_grow" })
            #expect(reason.count == 1 && reason.text.contains("(\(work.pid)) 4, "), "\(reason.text)")
            let others = tables.map { $0.codes.subtracting(["others_grow"]) }
            #expect(Set(tables.map(\.verdict)).count == 1 && Set(others).count == 1)
            let table = try watched.nextTable()
            #expect(!table.codes.contains("others_grow"))
            expectHeld(table, work.pid, is: truth.account, others: ["accept": 4])
            try work.end()
            #expect(!(try watched.stop().last.codes.contains("others_grow")))
        }

        @Test func theNoteInTheTextTable() throws {
            let watched = try Child(
                Host.sockaudit, ["all", "--interval", "1", "--duration", "600", "--format", "text"])
            _ = try watched.errLine("sockaudit: watching")
            let work = try Steered([], Ways.messages)
            try work.ask(
                "keep.append(listens('\(scratch.file("s"))')) or [(connects('\(scratch.file("s"))'), accepts(keep[0]))[1] for _ in range(3)]"
            )
            let note = "note: accepted sockets that are open: "
            try eventually("the note: \(watched.err)") {
                watched.outLines.contains { $0.contains(note) && $0.contains("(\(work.pid))") }
            }
            func heads() -> Int { watched.outLines.count { $0.hasPrefix("SockClosePercPar") } }
            let seen = heads()
            try eventually("three tables more") { heads() >= seen + 3 }
            // The last whole table is of a time in which nothing grew.
            let tables = watched.out.components(separatedBy: "SockClosePercPar").dropFirst()
            let last = try #require(tables.dropLast().last)
            #expect(last.contains("\(work.pid)") && !last.contains(note))
            watched.signal(SIGINT)
            #expect([0, 4].contains(try watched.wait()))
            try work.end()
        }

        @Test func withoutAnyRules() throws {
            let before = try AuditState.read()
            let watched = try Watched(options: ["--mode", "proc", "--interval", "1"])
            let during = try AuditState.read()
            #expect(before.changes(to: during).isEmpty && during.rules(of: watched.pid).isEmpty)
            #expect(during.settings["enabled"] == before.settings["enabled"] || !during.foreign.isEmpty)
            let work = try Steered([], Ways.messages)
            let first = try work.ask("[opens('tcp') for _ in range(5)] + [opens('udp')]").truth
            var table = try watched.nextTable()
            expectHeld(table, work.pid, is: first.account)
            #expect(table.mode == "proc" && table.verdict == "partial", "\(table.doubt)")
            let path = scratch.file("s")
            let second = try work.ask(
                "keep.append(listens('\(path)')) or [connects('\(path)'), accepts(keep[0]), opens('tcp')]"
            ).truth
            table = try watched.nextTable()
            expectHeld(table, work.pid, is: second.account, others: ["accept": 1])
            // Gone is gone: how, nothing tells.
            let third = try work.ask("shuts(keep[0])").truth
            table = try watched.nextTable()
            #expect(try table.row(pid: work.pid).stillOpen == third.open)
            #expect(try table.row(pid: work.pid).released == Figure(other: 1))
            try work.end()
            let run = try watched.stop()
            for table in run.tables {
                #expect(table.codes.subtracting(["others_grow"]) == ["proc_mode"], "\(table.doubt)")
            }
            let row = try run.last.row(pid: work.pid)
            #expect(row.state == "exited" && row.socketTot == third.socket && row.stillOpen == .none)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
