import Foundation
import Glibc
import TestSupport
import Testing

extension Live {
    /// Records are lost on purpose. Tables must say how many, and StillOPEN must be right all the same.
    /// What was lost is printed: a run that lost little has tested little.
    @Suite struct Loss {
        @Test func aReaderThatIsStopped() throws {
            let watched = try Watched(options: ["--interval", "1"])
            let stream = try RecordStream(of: watched.pid)
            var witnesses = try Witnesses()
            let flood = try Flood()
            try watched.waitTables(watched.child.outLines.count + 2)
            let calm = try #require(try watched.tables.last)
            #expect(calm.codes.isDisjoint(with: Watched.losses), "\(calm.doubt)")
            try witnesses.expectOpen(in: calm)

            watched.child.signal(SIGSTOP)
            // Stopped, it could not tidy up.
            defer { watched.child.signal(SIGCONT) }
            try eventually("it is stopped") { Proc.state(watched.pid) == "T" }
            try flood.begin()
            try eventually("its buffer is full", within: 120) { try stream.drops() > 0 }
            // From now on nothing comes through: the kernel gives it no more until it has read all.
            try witnesses.act()
            let pairs = try flood.end()
            let drops = try stream.drops()
            let printed = watched.child.outLines.count
            watched.child.signal(SIGCONT)
            try watched.waitTables(printed + 1)
            let first = try watched.tables[printed]
            let dropsAfter = try stream.drops()
            let overrun = try #require(first.reason("stream_overrun"), "\(first.doubt)")
            #expect((drops...dropsAfter).contains(overrun.count))
            try watched.waitTables(printed + 3)
            let dropsAtLast = try stream.drops()
            let run = try watched.stop(losing: ["stream_overrun"])
            #expect(run.code == 4)
            #expect(run.last.reason("stream_overrun")?.count == dropsAtLast)
            #expect(overrun.text.contains("\(overrun.count) messages were dropped"))
            for table in run.tables[printed...] {
                #expect(table.verdict == "lossy")
                try witnesses.expectOpen(in: table)
            }
            print(
                "live: loss: the kernel dropped \(dropsAtLast) of our messages in \(pairs) socket+close pairs;"
                    + " the table after it: \(first.doubt), the last: \(run.last.doubt)")
            try witnesses.end()
            try expectNoLossNow()
        }

        @Test func aKernelThatLoses() throws {
            let lostBefore = try AuditState.lost()
            let watched = try Watched(options: ["--interval", "1"])
            var witnesses = try Witnesses()
            let floods = [try Flood(), try Flood(), try Flood()]
            try watched.waitTables(watched.child.outLines.count + 2)
            let calm = try #require(try watched.tables.last)
            #expect(calm.codes.isDisjoint(with: Watched.losses), "\(calm.doubt)")
            try witnesses.expectOpen(in: calm)

            var pairs = 0
            // Nobody waits for room in the queue: what finds it full is lost.
            try AuditState.with(settings: ["backlog_limit": "64", "backlog_wait_time": "0"]) {
                for flood in floods { try flood.begin() }
                try eventually("the kernel loses", within: 120) { try AuditState.lost() > lostBefore + 5_000 }
                try witnesses.act()
                for flood in floods { pairs += try flood.end() }
                // Which of the calls above were heard is chance, and right figures say nothing where all
                // were: until some were not. With room for one record that does not take long.
                try AuditState.with(settings: ["backlog_limit": "1"]) {
                    try eventually("records of the witnesses are among the lost", within: 120) {
                        try witnesses.act()
                        try watched.waitTables(watched.child.outLines.count + 2)
                        return try watched.tables.last?.codes.contains("proc_drift") ?? false
                    }
                }
            }
            // The one after the one that may have been under way.
            let printed = watched.child.outLines.count + 1
            try watched.waitTables(printed + 2)
            let lost = try AuditState.lost() - lostBefore
            let run = try watched.stop(losing: ["kernel_lost"])
            #expect(try AuditState.lost() - lostBefore == lost)
            #expect(run.code == 4)
            for table in run.tables[printed...] {
                let reason = try #require(table.reason("kernel_lost"), "\(table.doubt)")
                #expect(table.verdict == "lossy")
                #expect(reason.count == lost)
                let since = try Regex("lost \(lost) audit records since [0-2][0-9]:[0-5][0-9]")
                #expect(reason.text.contains(since), "\(reason.text)")
                try witnesses.expectOpen(in: table)
            }
            print(
                "live: loss: the kernel lost \(lost) records in \(pairs) socket+close pairs;"
                    + " the last table: \(run.last.doubt)")
            try witnesses.end()
            try expectNoLossNow()
        }

        /// What one run lost is no matter to the next.
        private func expectNoLossNow() throws {
            let watched = try Watched("counter")
            let counter = try Counter(tcp: 9, udp: 8, unix: 7)
            let run = try watched.stop()
            #expect(run.last.verdict == "complete", "\(run.last.doubt)")
            #expect(run.code == 0)
            expect(run.last, counter.pid, is: counter.account)
            try counter.kill()
        }
    }
}

/// Processes that open and close sockets before and while records are lost.
private struct Witnesses {
    private let scratch = try? Scratch()
    private let early: Counter
    private let worker: PythonWorkload
    private var late: [Counter] = []
    private var workerHolds: Figure

    init() throws {
        early = try Counter(tcp: 20, udp: 12, unix: 6)
        guard let scratch else { throw SupportError("no scratch folder") }
        worker = try PythonWorkload(at: scratch.file("witness.py"))
        try worker.ask("late")
        workerHolds = try worker.ask("mix").open
    }

    /// One closes all that it held and opens others, of other kinds under the same numbers; another one
    /// begins.
    mutating func act() throws {
        try worker.ask("late-close")
        try worker.ask("close-all")
        for _ in 0..<5 { workerHolds = try worker.ask("mix").open }
        late.append(try Counter(tcp: 7, udp: 5, unix: 3))
    }

    /// StillOPEN is what each says of itself, and what its /proc/PID/fd shows.
    func expectOpen(in table: Table, location: SourceLocation = #_sourceLocation) throws {
        var holders = [(early.pid, early.account.open), (worker.pid, workerHolds)]
        holders += late.map { ($0.pid, $0.account.open) }
        for (pid, open) in holders {
            Ran.shared.compare()
            let row = try table.row(pid: pid)
            #expect(
                row.stillOpen == open, "\(row.name) in table \(table.sequence): \(row.account)",
                sourceLocation: location)
            #expect(Proc.sockets(pid) == open.total, "\(row.name)", sourceLocation: location)
        }
    }

    func end() throws {
        try early.kill()
        try worker.end()
        for counter in late { try counter.kill() }
    }
}

/// The socket on which a sockaudit is given records, as the kernel shows it.
private struct RecordStream {
    private let inode: String

    init(of pid: pid_t) throws {
        let inodes = Proc.socketInodes(pid)
        // Its other audit socket, for rules and settings, is in no group.
        guard
            let line = try Self.table().first(where: { columns in
                columns[1] == "9" && columns[3] != "00000000" && inodes.contains(columns[9])
            })
        else { throw SupportError("pid \(pid) has joined no audit group") }
        inode = line[9]
    }

    /// How many messages it was not given because its buffer was full.
    func drops() throws -> Int {
        guard let line = try Self.table().first(where: { $0[9] == inode }), let drops = Int(line[8]) else {
            throw SupportError("the socket \(inode) is not in /proc/net/netlink")
        }
        return drops
    }

    /// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    private static func table() throws -> [[String]] {
        try String(contentsOfFile: "/proc/net/netlink", encoding: .utf8).split(separator: "\n").dropFirst()
            .map { $0.split(separator: " ").map(String.init) }.filter { $0.count >= 10 }
    }
}
