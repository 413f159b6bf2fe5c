import AuditStream
import DecoderTranscript
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// The lane is held to libauparse: whatever the log, both decoders give the same events in the same
/// order, and the same counters.
@Suite("Both decoders agree")
struct LaneAgreementTests {
    static let logs = ["../sample"] + ReplayStory.all.map(\.log)

    /// How many damaged logs: 300, or as many as SOCKAUDIT_MUTATIONS says (10000 is the slow mode).
    static let mutations =
        ProcessInfo.processInfo.environment["SOCKAUDIT_MUTATIONS"].flatMap { Int($0) } ?? 300

    private func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: ReplayFixtures.folder.appendingPathComponent("logs/\(name).log")))
    }

    @Test("Every log of the repository, read in blocks of any size", arguments: logs)
    func fixtures(_ name: String) throws {
        let log = try bytes(name)
        for scripts in [false, true] {
            for block in [1 << 18, 4_000, 97] {
                try Transcript.expectEqual(log, "\(name), blocks of \(block)", scripts: scripts, block: block)
            }
        }
    }

    @Test("Every table of them, to the last figure", arguments: logs)
    func tables(_ name: String) throws {
        let path = ReplayFixtures.folder.appendingPathComponent("logs/\(name).log").path
        for scope in [Scope.all, Scope(patterns: ["nginx", "python*", "app"])] {
            let lane = try ReplayReport.run(path, scope: scope)
            let parser = try ReplayReport.run(path, scope: scope) { $0.decoder = .auparse }
            #expect(lane.table == parser.table)
            #expect(lane.code == parser.code)
        }
    }

    @Test("Invented logs: whole, enriched, torn, with records lost, of several nodes", arguments: 0..<40)
    func invented(_ seed: Int) throws {
        var shape = LaneWorld.Shape()
        shape.enriched = seed % 2 == 1
        shape.lossy = [0, 0, 5][seed % 3]
        shape.torn = [0, 3, 30, 0][seed % 4]
        shape.nodes = [[""], ["a", "b"], ["", "web1"]][seed / 4 % 3]
        shape.count = 300
        var world = LaneWorld(seed: seed, shape)
        let log = world.log()
        try Transcript.expectEqual(log, "seed \(seed)", scripts: seed % 5 == 0)
        try Transcript.expectEqual(log, "seed \(seed), own pid", ownPid: 101)
    }

    @Test("Damaged logs")
    func damaged() throws {
        let sample = try bytes("../sample").split(separator: 0x0A).prefix(400).map(Array.init)
        for seed in 0..<Self.mutations {
            var random = Seeded(seed)
            var log: [UInt8]
            if seed % 3 == 0 {
                let start = Int.random(in: 0..<sample.count - 30, using: &random)
                log = Array(sample[start..<start + 30].joined(separator: [0x0A])) + [0x0A]
            } else {
                var shape = LaneWorld.Shape()
                shape.torn = seed % 2 == 0 ? 4 : 0
                shape.nodes = seed % 5 == 0 ? ["a", ""] : [""]
                shape.count = 12
                var world = LaneWorld(seed: seed, shape)
                log = world.log()
            }
            log = Mutation.apply(log, &random)
            try Transcript.expectEqual(log, "mutation \(seed)", scripts: seed % 4 == 0, block: 700)
        }
    }

    @Test("Plain events do not reach libauparse")
    func plain() throws {
        let log = try bytes("../sample")
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: 0, wantsScripts: true)
        var splitter = LineSplitter()
        try OneAtATime.run {
            var lane = try FastLane(decoder: decoder)
            // The bytes stay for the call.
            unsafe log.withUnsafeBufferPointer { unsafe lane.push(block: $0, &splitter) }
            lane.flush()
        }
        // Those of two records are read by libauparse, and so are changes of the rules.
        let text = String(decoding: log, as: UTF8.self)
        let odd = text.split(separator: "\n").count {
            $0.contains("syscall=53 ") || $0.contains("CONFIG_CHANGE")
        }
        #expect(decoder.counters.events == odd)
        #expect(splitter.counters.records > 100 * odd)
    }

    @Test("A log that repeats itself, and one in which every record comes twice")
    func repeated() throws {
        let log = try bytes("../sample")
        try Transcript.expectEqual(log + log, "twice")
        let doubled: [UInt8] = log.split(separator: 0x0A).flatMap { line -> [UInt8] in
            Array(line) + [0x0A] + Array(line) + [0x0A]
        }
        try Transcript.expectEqual(doubled, "doubled")
    }

    /// The order is the window's business; libauparse makes an event whole before it gives it out.
    @Test("A live stream: the lane needs neither EOE nor, for all processes, PROCTITLE", arguments: 0..<30)
    func live(_ seed: Int) throws {
        let scripts = seed % 3 == 0
        var shape = LaneWorld.Shape()
        shape.torn = seed % 2
        shape.count = 300
        var world = LaneWorld(seed: seed, shape)
        let messages = world.messages().filter { RecordType.isRead($0.type, titles: true) }
        let fewer = messages.filter { $0.type != 1_320 && (scripts || $0.type != 1_327) }
        let (lane, parser) = try OneAtATime.run {
            (
                try Transcript(fewer, .lane, scripts: scripts),
                try Transcript(messages, .auparse, scripts: scripts)
            )
        }
        #expect(lane.events.sorted() == parser.events.sorted(), "seed \(seed)")
        #expect(lane.counters.malformed == parser.counters.malformed)
        if shape.torn == 0 {
            #expect(lane.counters == parser.counters, "seed \(seed)")
        } else {
            // A call that slept is two events to libauparse when another's record comes between its own.
            #expect(lane.counters.events <= parser.counters.events, "seed \(seed)")
        }
        #expect(lane.changes.count == parser.changes.count)
        #expect(lane.events.count > 100)
    }

    @Test("Lines in any order", arguments: 0..<6)
    func shuffled(_ seed: Int) throws {
        var random = Seeded(seed)
        var lines = try bytes("../sample").split(separator: 0x0A).map(Array.init)
        let span = [2, 10, 100, 1_000][seed % 4]
        for start in stride(from: 0, to: lines.count, by: span) {
            let end = min(start + span, lines.count)
            lines[start..<end].shuffle(using: &random)
        }
        try Transcript.expectEqual(Array(lines.joined(separator: [0x0A])) + [0x0A], "shuffled by \(span)")
    }
}
