import AuditStream
import SockAuditCore

@testable import AuditStream
@testable import SockAuditRuntime

/// Every parser of what keeper and monitor send each other, both ways: bytes are refused or understood, and what was
/// understood, written again, reads the same. Nothing larger than the message itself comes of one.
enum KeeperProperty {
    private static let most = 1 << 16

    static func fault(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= most else { return nil }
        return orderFault(bytes) ?? loadFault(bytes) ?? answerFault(bytes)
    }

    private static func read<T>(
        _ bytes: [UInt8], _ body: (inout WireReader) throws(WireReader.Damaged) -> T
    ) -> T? {
        var reader = WireReader(bytes)
        return try? body(&reader)
    }

    /// Read, written, read and written again: the bytes are the same both times.
    private static func roundFault<T>(
        _ what: String, _ bytes: [UInt8], _ kind: UInt8,
        _ read: (inout WireReader) throws(WireReader.Damaged) -> T, _ write: (T, inout WireWriter) -> Void
    ) -> String? {
        guard let value = Self.read(bytes, read) else { return nil }
        var first = WireWriter(kind)
        write(value, &first)
        guard let again = Self.read(first.bytes, read) else {
            return "\(what): what was written cannot be read"
        }
        var second = WireWriter(kind)
        write(again, &second)
        if first.bytes != second.bytes { return "\(what): reads otherwise than it was written" }
        // Lengths are 8 bytes, and text may become longer where it was no UTF-8.
        return first.bytes.count <= 8 * bytes.count + 512
            ? nil : "\(what): \(first.bytes.count) bytes of \(bytes.count)"
    }

    private static func roundFault<Value: Sent>(
        _ what: String, _ bytes: [UInt8], _ type: Value.Type, _ kind: UInt8 = KeeperMessage.done
    ) -> String? {
        roundFault(what, bytes, kind) { reader throws(WireReader.Damaged) in
            try Value(&reader)
        } _: {
            $0.encode(to: &$1)
        }
    }

    /// To the keeper, before the monitor reads its first record.
    private static func orderFault(_ bytes: [UInt8]) -> String? {
        guard let order = read(bytes, { reader throws(WireReader.Damaged) in try KeeperOrder(&reader) })
        else {
            return nil
        }
        let first = order.encode()
        guard let again = read(first, { reader throws(WireReader.Damaged) in try KeeperOrder(&reader) })
        else {
            return "an order that was written cannot be read"
        }
        if again.encode() != first { return "an order reads otherwise than it was written" }
        // The guard works with it.
        var state = GuardState()
        state.level = order.level
        var guardian = Guard(settings: order.settings, state: state)
        for turn in 1...4 {
            var counters = GuardCounters(now: Int64(turn) * 1_000, backlog: UInt32(turn % 2) * 9_000)
            counters.waited = UInt32(turn) * 1_000_000
            guardian.take(GuardLoad(at: counters.now, span: 100, events: 1 << 32))
            _ = guardian.step(counters)
        }
        return nil
    }

    /// To the keeper, from then on: what somebody wrote who may write anything.
    private static func loadFault(_ bytes: [UInt8]) -> String? {
        func read(_ bytes: [UInt8]) -> GuardLoad? {
            Self.read(bytes) { reader throws(WireReader.Damaged) in try GuardLoad(&reader, at: 7) }
        }
        guard let load = read(bytes) else { return nil }
        var out = WireWriter(KeeperMessage.load)
        load.encode(to: &out)
        if read(out.bytes) != load { return "a load reads otherwise than it was written" }
        var settings = GuardSettings()
        (settings.budget, settings.evidence) = (1, EvidenceAllowance(burst: 1, rate: 1))
        var guardian = Guard(settings: settings)
        for turn in 1...6 {
            var load = load
            load.at = Int64(turn) * 100
            guardian.take(load)
            let counters = GuardCounters(now: load.at, backlog: UInt32(turn % 2) * 9_000)
            if let decision = guardian.step(counters) {
                let sent = self.read(decision.encode()) { reader throws(WireReader.Damaged) in
                    try GuardDecision(&reader)
                }
                if sent != decision { return "a decision reads otherwise than it was written" }
            }
        }
        return nil
    }

    /// To the monitor.
    private static func answerFault(_ bytes: [UInt8]) -> String? {
        decisionFault(bytes)
            ?? roundFault("a report of rules", bytes, RuleInstaller.Report.self)
            ?? roundFault("whose files they are", bytes, ExecutableFinder.Answer.self)
            ?? roundFault("an inspection", bytes, RuleInstaller.Inspection.self)
            ?? roundFault("a status", bytes, KernelStatus.self)
            ?? roundFault("an error", bytes, AuditError.self, KeeperMessage.failed)
            ?? roundFault("what could not be undone", bytes, KeeperMessage.done) {
                reader throws(WireReader.Damaged) in
                try reader.list { reader throws(WireReader.Damaged) in try AuditError(&reader) }
            } _: { value, out in
                out.put(value) { $1.encode(to: &$0) }
            }
            ?? roundFault("rules", bytes, KeeperMessage.done) { reader throws(WireReader.Damaged) in
                (try reader.number() as Int, try reader.strings())
            } _: { value, out in
                out.put(value.0)
                out.put(value.1)
            }
            ?? roundFault("settings", bytes, KeeperMessage.done) { reader throws(WireReader.Damaged) in
                try reader.text()
            } _: {
                $1.put($0)
            }
    }

    private static func decisionFault(_ bytes: [UInt8]) -> String? {
        func read(_ bytes: [UInt8]) -> GuardDecision? {
            Self.read(bytes) { reader throws(WireReader.Damaged) in try GuardDecision(&reader) }
        }
        guard let decision = read(bytes) else { return nil }
        return read(decision.encode()) == decision ? nil : "a decision reads otherwise than it was written"
    }
}

/// What reads and writes itself.
private protocol Sent {
    init(_ reader: inout WireReader) throws(WireReader.Damaged)
    func encode(to out: inout WireWriter)
}

extension RuleInstaller.Report: Sent {}
extension ExecutableFinder.Answer: Sent {}
extension RuleInstaller.Inspection: Sent {}
extension KernelStatus: Sent {}
extension AuditError: Sent {}
