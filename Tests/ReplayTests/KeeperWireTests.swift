import AuditStream
import Foundation
import SockAuditCore
import TestSupport
import Testing

@testable import SockAuditRuntime

/// What the privileged process takes from the one that reads what anybody on the host wrote.
@Suite struct KeeperWireTests {
    private static let load = GuardLoad(
        at: 7, span: 100, events: 90, processes: [.init(pid: 1, events: 80), .init(pid: -1, events: 10)],
        programs: [.init(exe: Array("/bin/a b".utf8), events: 90, processes: 4)], busy: [3, 5])

    private static func encode(_ load: GuardLoad) -> [UInt8] {
        var out = WireWriter(KeeperMessage.load)
        load.encode(to: &out)
        return out.bytes
    }

    private static func decode(_ bytes: [UInt8]) throws -> GuardLoad {
        var reader = WireReader(bytes)
        return try GuardLoad(&reader, at: 7)
    }

    @Test func whatIsSentArrives() throws {
        #expect(try Self.decode(Self.encode(Self.load)) == Self.load)
        var state = GuardState()
        (state.level, state.processes, state.programs) = (.light, [4, 5], [Array("/bin/c".utf8)])
        let decision = GuardDecision(state: state, cause: .lost, rate: 3, backlog: 4, backlogLimit: .max)
        var reader = WireReader(decision.encode())
        #expect(try GuardDecision(&reader) == decision)
        var order = KeeperOrder()
        (order.report, order.executables, order.monitor) = ("/tmp/a", [[1, 2]], 99)
        (order.settings.budget, order.auditedSince) = (5, 6)
        (order.named, order.patterns) = (["/etc/audit/auditd.conf"], ["a*", "b"])
        order.settings.evidence = EvidenceAllowance(burst: 1.5, rate: 2)
        reader = WireReader(order.encode())
        let read = try KeeperOrder(&reader)
        #expect(read.report == order.report && read.executables == order.executables)
        #expect(read.named == order.named && read.patterns == order.patterns)
        #expect(read.monitor == 99 && read.auditedSince == 6 && read.settings == order.settings)
    }

    /// What the two can say to each other. A message more is a decision, and this test is where it is taken.
    private static let vocabulary: [(UInt8, String)] = [
        (KeeperMessage.hello, "hello"), (KeeperMessage.status, "status"), (KeeperMessage.inspect, "inspect"),
        (KeeperMessage.remove, "remove"), (KeeperMessage.reopen, "reopen"), (KeeperMessage.load, "load"),
        (KeeperMessage.raise, "raise"), (KeeperMessage.fresh, "fresh"), (KeeperMessage.publish, "publish"),
        (KeeperMessage.observe, "observe"), (KeeperMessage.reload, "reload"), (KeeperMessage.done, "done"),
        (KeeperMessage.failed, "failed"), (KeeperMessage.decision, "decision"), (KeeperMessage.stop, "stop"),
    ]

    @Test func theVocabularyIsFixed() throws {
        #expect(Self.vocabulary.map(\.0) == [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 30, 31])
        let sources = URL(fileURLWithPath: Repository.path + "/Sources/SockAuditRuntime/Keeper")
        let source = { (name: String) in
            try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
        }
        let declared = try source("KeeperMessages.swift").matches(of: /static let (\w+): UInt8 =/).map {
            String($0.1)
        }
        #expect(declared.sorted() == Self.vocabulary.map(\.1).sorted())
        // What the keeper acts on is what the monitor asks or tells; all else falls through.
        var acted: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path)
        where file.hasPrefix("Keeper") {
            guard file == "Keeper.swift" || file.hasPrefix("Keeper+") else { continue }
            for match in try source(file).matches(of: /case KeeperMessage\.(\w+):/) {
                acted.insert(String(match.1))
            }
        }
        let asked = Self.vocabulary.filter { $0.0 > 1 && $0.0 < 20 }.map(\.1)
        #expect(acted == Set(asked))
    }

    @Test(arguments: [
        ExecutableFinder.Answer.files([[47, 0x80], [47]]), .all(because: "a glob"), .files([]),
    ])
    func answersArrive(_ answer: ExecutableFinder.Answer) throws {
        var out = WireWriter(KeeperMessage.done)
        answer.encode(to: &out)
        var reader = WireReader(out.bytes)
        #expect(try ExecutableFinder.Answer(&reader) == answer)
        // Cut at each place it is refused, and never taken for less.
        for count in 1..<out.bytes.count {
            reader = WireReader(Array(out.bytes[..<count]))
            #expect(throws: WireReader.Damaged.self) { try ExecutableFinder.Answer(&reader) }
        }
    }

    /// An overflow would end the keeper, with its rules in.
    @Test func noNumberOfTheMonitorsOverflows() throws {
        for number in [Int.max, .min, -1, 1 << 40] {
            var load = Self.load
            load.events = number
            load.processes = (1...40).map { .init(pid: $0, events: number) }
            load.programs = (1...40).map { .init(exe: [UInt8($0)], events: number, processes: number) }
            var settings = GuardSettings()
            (settings.budget, settings.evidence) = (1, EvidenceAllowance(burst: 1, rate: 1))
            var guardian = Guard(settings: settings)
            for turn in 1...20 {
                for span in [Int64.min, 0, 1, .max] {
                    load.span = span
                    var read = try Self.decode(Self.encode(load))
                    read.at = Int64(turn) * 100
                    #expect(read.span > 0 && read.events >= 0)
                    guardian.take(read)
                }
                _ = guardian.step(GuardCounters(now: Int64(turn) * 100, backlog: 9_000))
            }
        }
    }

    /// Damaged messages are refused or understood, and never end the one who reads them.
    @Test func randomBytesAreRefused() {
        var random = SystemRandomNumberGenerator()
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = Self.encode(Self.load)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            case 1:
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    bytes[Int.random(in: bytes.indices, using: &random)] = .random(
                        in: 0...255, using: &random)
                }
            default:
                bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                    .random(in: 0...255, using: &random)
                }
            }
            if (try? Self.decode(bytes)) == nil { refused += 1 }
            var reader = WireReader(bytes)
            _ = try? KeeperOrder(&reader)
            reader = WireReader(bytes)
            _ = try? GuardDecision(&reader)
            reader = WireReader(bytes)
            _ = try? RuleInstaller.Report(&reader)
            reader = WireReader(bytes)
            _ = try? AuditError(&reader)
            reader = WireReader(bytes)
            _ = try? ExecutableFinder.Answer(&reader)
        }
        #expect(refused > 1_000)
    }
}

@Suite struct LoadMeterTests {
    /// A program that is exempt makes no events: without a report it would be exempt for ever.
    @Test func whoIsExemptIsReportedOfInSilence() {
        var meter = LoadMeter(now: 0)
        #expect(meter.report(now: 10_000, exempt: GuardState()) == nil)
        var state = GuardState()
        state.programs = [Array("/bin/a".utf8)]
        #expect(meter.report(now: 20_000, exempt: state)?.events == 0)
        state = GuardState()
        state.processes = [1]
        #expect(meter.report(now: 30_000, exempt: state)?.busy == [1])
    }
}

@Suite struct GuardLogTests {
    /// On the way up the verdict says what brought it down, and not that it is quiet now.
    @Test func lightOnTheWayUpIsForTheOldReason() throws {
        var log = GuardLog(asked: .standard)
        func decide(_ level: GuardState.Level, _ cause: GuardDecision.Cause) -> [String] {
            var state = GuardState()
            state.level = level
            let decision = GuardDecision(state: state, cause: cause, rate: 0, backlog: 5, backlogLimit: 8)
            return log.take(decision, at: 1_000) { "\($0)" }
        }
        #expect(decide(.nothing, .backlog).count == 1)
        #expect(decide(.light, .quiet) == ["guard: up to light mode: it has been quiet."])
        let light = try #require(log.reasons { "\($0)" }.first { $0.code == .lightMode })
        #expect(light.text.hasSuffix("the audit queue fills (5 of 8 places in the kernel's queue are taken)"))
    }
}
