import Glibc

/// Records inside other programs' lines: syslog's (rsyslog and others, by audispd's or audisp-syslog's
/// hand), the kernel's own log, journalctl's short output. Pure: bytes in, a plain record line out.
///
/// Only what is unambiguous: a known header, and a tag that speaks of auditing. The header's host becomes
/// `node=` where the record has none: in a collected log pids of several hosts stand side by side.
enum WrappedLine {
    enum Finding: Equatable {
        /// As auditd would have written it, newline included.
        case record([UInt8])
        /// A record that lost its stamp and serial on the way (journalctl's short output).
        case unstamped
        /// The kernel's log left out so many records (printk's rate limit).
        case suppressed(Int)
        /// The kernel had lost so many records since it was booted.
        case lost(Int, host: [UInt8])
        case none
    }

    /// The header of the last record, up to its `type=`, and what stands for it: in a second a daemon writes
    /// many lines with the same.
    struct Memory {
        fileprivate var header: [UInt8] = []
        fileprivate var node: [UInt8] = []
    }

    /// - Parameter line: without its newline.
    static func unwrap(_ line: UnsafeRawBufferPointer, _ memory: inout Memory) -> Finding {
        if let record = unsafe remembered(line, memory) { return .record(record) }
        var text = unsafe ByteCursor(line)
        guard let header = Header(&text) else { return .none }
        var record: [UInt8] = []
        if text.starts("node=") || text.starts("type=") {
            // The kernel writes types as numbers, and no msg=.
            if let type = kernelType(text) {
                append(host: header.host, to: &record)
                record += Array("type=\(RecordType.name(type)) msg=".utf8)
                text.skip(past: 0x20)
            } else if text.starts("type=") {
                append(host: header.host, to: &record)
                memory.header = Array(text.before) + Array("type=".utf8)
                memory.node = record
            }
            record += text.rest
            restoreSeparator(&record)
            record.append(0x0A)
            return .record(record)
        }
        if header.isKernel { return loss(&text, header.host) }
        return header.isJournal && isBare(text) ? .unstamped : .none
    }

    /// The record of a line with the remembered header; nil when it has another, or a number for a type.
    private static func remembered(_ line: UnsafeRawBufferPointer, _ memory: Memory) -> [UInt8]? {
        let length = memory.header.count
        guard length > 0, line.count > length, let start = line.baseAddress,
            // As many bytes as the line was found to have more than.
            unsafe memory.header.withUnsafeBytes({
                unsafe $0.baseAddress.map { unsafe memcmp($0, start, length) }
            }) == 0,
            unsafe (0x41...0x5A).contains(line[length])
        else { return nil }
        var end = line.count
        // Below the line's count.
        while end > length, unsafe line[end - 1] == 0x0D || line[end - 1] == 0x20 { end -= 1 }
        var record: [UInt8] = []
        record.reserveCapacity(memory.node.count + end - length + 6)
        record += memory.node
        // Between the line's ends: a header is longer than its type=.
        unsafe record += UnsafeRawBufferPointer(rebasing: line[(length - 5)..<end])
        restoreSeparator(&record)
        record.append(0x0A)
        return record
    }

    private static func append(host: ArraySlice<UInt8>, to record: inout [UInt8]) {
        guard !host.isEmpty else { return }
        record += Array("node=".utf8) + host + [0x20]
    }

    /// `type=1300 audit(`: as the kernel prints a record.
    private static func kernelType(_ text: ByteCursor) -> UInt16? {
        var text = text
        guard text.take("type="), let type = text.number(), text.take(" audit(") else { return nil }
        return UInt16(exactly: type)
    }

    /// Syslog daemons write control characters as #ooo: 0x1d, with which ENRICHED begins, is #035.
    private static func restoreSeparator(_ record: inout [UInt8]) {
        guard record.contains(0x23) else { return }
        let mark = Array("#035".utf8)
        var index = record.count - mark.count - 1
        while index > 0 {
            if record[index] == mark[0], record[index..<(index + 4)].elementsEqual(mark),
                (0x41...0x5A).contains(record[index + 4])
            {
                record.replaceSubrange(index..<(index + 4), with: [0x1D])
                return
            }
            index -= 1
        }
    }

    private static func loss(_ text: inout ByteCursor, _ host: ArraySlice<UInt8>) -> Finding {
        if text.take("audit_lost=") { return count(&text).map { .lost($0, host: Array(host)) } ?? .none }
        guard text.take("kauditd_printk_skb: ") || text.take("audit_printk_skb: "), let count = count(&text),
            text.starts(" callbacks suppressed")
        else { return .none }
        return .suppressed(count)
    }

    /// The kernel counts with 32 bits. What says more is another's (anybody may log under the kernel's name), and the
    /// sum of a few of them would be no number any more.
    private static func count(_ text: inout ByteCursor) -> Int? {
        text.number().flatMap { $0 <= Int(UInt32.max) ? $0 : nil }
    }

    /// `SYSCALL arch=c000003e ...` or `<audit-1300> arch=...`
    private static func isBare(_ text: ByteCursor) -> Bool {
        var text = text
        if text.take("<audit-") { return true }
        let name = text.token()
        return name.count >= 3 && name.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x5F }
            && text.rest.contains(UInt8(ascii: "="))
    }
}

/// What stands before a record in such a line.
private struct Header {
    var host: ArraySlice<UInt8> = []
    var isKernel = false
    /// journald's own word for records that it took from the kernel.
    var isJournal = false

    /// Takes the header off the text; nil when it has none, or one that is not about auditing.
    init?(_ text: inout ByteCursor) {
        if text.take("<") {
            guard text.number() != nil, text.take(">") else { return nil }
            if text.take("1 ") {
                guard readProtocol(&text) else { return nil }
                return
            }
        }
        if text.take("[") {
            // dmesg: nothing but the time.
            guard text.skip(past: UInt8(ascii: "]")), text.take(" ") else { return nil }
            isKernel = true
            _ = text.take("audit: ")
            return
        }
        guard Self.takeTime(&text) else { return nil }
        var word = text.token()
        if word.last != UInt8(ascii: ":") {
            host = word
            word = text.token()
        }
        guard word.last == UInt8(ascii: ":"), isHost, takes(tag: word.dropLast(), &text) else { return nil }
    }

    private var isHost: Bool {
        host.count <= 255
            && host.allSatisfy {
                (0x30...0x3A).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
            }
    }

    /// RFC 5424: `<PRI>1 TIME HOST APP PROCID MSGID SD MSG`, from TIME on.
    private mutating func readProtocol(_ text: inout ByteCursor) -> Bool {
        guard !text.token().isEmpty else { return false }
        host = text.token()
        if host.elementsEqual([0x2D]) { host = [] }
        let name = text.token()
        _ = text.token()
        _ = text.token()
        if !text.take("- ") {
            guard text.starts("["), text.skip(past: "] ") else { return false }
        }
        _ = text.take("\u{FEFF}")
        return isHost && takes(tag: name, &text)
    }

    private mutating func takes(tag: ArraySlice<UInt8>, _ text: inout ByteCursor) -> Bool {
        let name = tag.prefix { $0 != UInt8(ascii: "[") }
        isKernel = name.elementsEqual("kernel".utf8)
        isJournal = name.elementsEqual("audit".utf8)
        guard isKernel || name.contains(Array("audi".utf8)) else { return false }
        text.skipBlanks()
        if isKernel, text.take("[") {
            guard text.skip(past: UInt8(ascii: "]")) else { return false }
            text.skipBlanks()
        }
        _ = text.take("audit: ")
        return true
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    /// A time in one of the ways in which syslog daemons and journalctl write it.
    private static func takeTime(_ text: inout ByteCursor) -> Bool {
        let first = text.token()
        if months.contains(where: { first.elementsEqual($0.utf8) }) {
            // Nov 23 10:00:00, or with the year: Nov 23 2026 10:00:00
            let day = text.token()
            guard (1...2).contains(day.count), isDigits(day) else { return false }
            var time = text.token()
            if time.count == 4, isDigits(time) { time = text.token() }
            return time.contains(UInt8(ascii: ":"))
        }
        if days.contains(where: { first.elementsEqual($0.utf8) }) {
            // Mon 2026-11-23 10:00:00 UTC
            return isDate(text.token()) && text.token().contains(UInt8(ascii: ":")) && !text.token().isEmpty
        }
        guard let digit = first.first, (0x30...0x39).contains(digit) else { return false }
        if isDate(first.prefix(10)) {
            if first.count > 10 { return first[first.startIndex + 10] == UInt8(ascii: "T") }
            return text.token().contains(UInt8(ascii: ":"))
        }
        // 1700000000.123456
        return first.count >= 10 && first.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    }

    private static func isDigits(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isDate(_ text: ArraySlice<UInt8>) -> Bool {
        text.count == 10 && isDigits(text.prefix(4)) && text[text.startIndex + 4] == UInt8(ascii: "-")
            && text[text.startIndex + 7] == UInt8(ascii: "-")
    }
}
