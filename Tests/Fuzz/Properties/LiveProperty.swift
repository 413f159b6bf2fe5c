import AuditStream
import CAudit
import DecoderTranscript
import Glibc
import SockAuditCore

@testable import AuditStream

/// What a netlink socket gives out. Framed as the kernel frames it, whatever the records say: both decoders make the
/// same of it. Framed in any way: nothing traps, and nothing is made up.
enum LiveProperty {
    private static let most = 1 << 15

    static func fault(_ bytes: [UInt8]) -> String? {
        guard let first = bytes.first, bytes.count <= most else { return nil }
        let lines = bytes.dropFirst().split(separator: 0x0A).map { Array($0) }
        do {
            return first & 0x80 != 0
                ? try datagramFault(lines, scripts: first & 1 != 0)
                : try eventFault(lines, scripts: first & 1 != 0)
        } catch { return "no decoder could be made: \(error)" }
    }

    // MARK: as the kernel frames it

    private static let letters: [UInt8: Int32] = [
        UInt8(ascii: "S"): AUDIT_SYSCALL, UInt8(ascii: "C"): AUDIT_SOCKETCALL,
        UInt8(ascii: "P"): AUDIT_FD_PAIR,
        UInt8(ascii: "T"): AUDIT_PROCTITLE, UInt8(ascii: "G"): AUDIT_CONFIG_CHANGE,
    ]

    /// A line is a record, its first letter says which. A call, or a change of rules, begins an event; the kernel
    /// writes each of the others but once behind the call, the title last, and an EOE.
    private static func messages(_ lines: [[UInt8]]) -> [(type: Int32, text: [UInt8])] {
        var found: [(type: Int32, text: [UInt8])] = []
        var serial = 1_000
        var isCall = false
        var beside: Set<Int32> = []
        func stamp() -> String { "audit(1700000000.\(100 + serial / 4 % 900):\(serial)):" }
        func end() {
            if serial > 1_000 { found.append((AUDIT_EOE, Array(stamp().utf8))) }
        }
        for line in lines.prefix(200) {
            guard let type = line.first.flatMap({ letters[$0] }) else { continue }
            if type == AUDIT_SYSCALL || type == AUDIT_CONFIG_CHANGE {
                end()
                serial += 1
                isCall = type == AUDIT_SYSCALL
                beside = []
            } else if !isCall || beside.contains(AUDIT_PROCTITLE) || !beside.insert(type).inserted {
                continue
            }
            // What the kernel writes is printable.
            let text = line.dropFirst().map { (0x20...0x7E).contains($0) ? $0 : 0x3F }
            found.append((type, Array(stamp().utf8) + text))
        }
        end()
        return found
    }

    private static func eventFault(_ lines: [[UInt8]], scripts: Bool) throws(AuditError) -> String? {
        let all = messages(lines).filter {
            RecordType.isRead(UInt16($0.type), titles: scripts || $0.type == AUDIT_PROCTITLE)
        }
        let fewer = all.filter { $0.type != AUDIT_EOE && (scripts || $0.type != AUDIT_PROCTITLE) }
        func sent(_ messages: [(type: Int32, text: [UInt8])]) -> [(type: UInt16, text: [UInt8])] {
            messages.map { (UInt16($0.type), $0.text) }
        }
        let lane = try Transcript(sent(fewer), .lane, scripts: scripts)
        let parser = try Transcript(sent(all), .auparse, scripts: scripts)
        return lane.difference(parser)
    }

    // MARK: in any way

    /// A line is a datagram: two bytes of type, and the text. One that begins with `!` is sent without a header.
    ///
    /// Unsafe: C takes the ends and the bytes for the length of a call; the text is the batch's until its next message.
    private static func datagramFault(_ lines: [[UInt8]], scripts: Bool) throws(AuditError) -> String? {
        let decoder = EventDecoder(names: NameTable(), ownPid: 102, wantsScripts: scripts)
        var lane = try FastLane(decoder: decoder, live: true)
        let batch = MessageBatch()
        var gaps = SerialGaps()
        var calls = 0
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0 else { return nil }
        defer { for end in ends { close(end) } }
        for line in lines.prefix(200) {
            let datagram = Self.datagram(line)
            guard unsafe send(ends[0], datagram, datagram.count, Int32(MSG_DONTWAIT)) >= 0 else { continue }
            let count = batch.receive(ends[1])
            if count != 1 { return "\(count) messages of one" }
            unsafe batch.message(0) { type, text in
                _ = unsafe (CallMaker.isForUs(text), CallMaker.process(text), CallMaker.program(text))
                if let serial = unsafe RecordType.serial(text) { gaps.saw(serial) }
                guard RecordType.isRead(type, titles: scripts) else { return }
                if RecordType.isCall(type) { calls += 1 }
                unsafe lane.push(type: type, message: text)
            }
            gaps.settle(at: Int64(calls) * 1_000)
        }
        lane.flush()
        var events = 0
        lane.take { events += $0.count }
        return events <= calls ? nil : "\(events) events of \(calls) calls"
    }

    /// Unsafe: the header's bytes are copied.
    private static func datagram(_ line: [UInt8]) -> [UInt8] {
        if line.first == UInt8(ascii: "!") { return Array(line.dropFirst()) }
        var header = nlmsghdr()
        header.nlmsg_len = UInt32(line.count)
        let letter = line.first ?? 0
        header.nlmsg_type = letters[letter].map { UInt16($0) } ?? 1_300 + UInt16(letter % 64)
        return unsafe withUnsafeBytes(of: header) { unsafe Array($0) } + line.dropFirst()
    }
}
