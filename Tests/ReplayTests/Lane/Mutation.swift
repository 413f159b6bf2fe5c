import TestSupport

/// Damage to a log: what a disk, a cut, a bad copy or an enemy may do to it.
enum Mutation {
    private static let bytes: [UInt8] = Array("\0\t\r\u{1D} =:,.()'\"{}[]-0fFaZ\u{7F}".utf8) + [0xFF, 0xC3]
    private static let types = [
        "SYSCALL", "EOE", "EOE,", "SYSCALL:", "PROCTITLE)", "1300", "1320", "UNKNOWN[1300]", "UNKNOWN[",
        "syscall", "X",
        "PATH", "CONFIG_CHANGE", "USER_AVC", "AVC", "SYSCALLS", "PROCTITL", "EOE\u{1D}", "-1",
        String(repeating: "A", count: 31), String(repeating: "B", count: 45),
        String(repeating: "C", count: 400),
    ]
    private static let nodes = [
        "", "a", "a\tb", "n\u{1D}x", "\u{7F}", "ü", "x=y", String(repeating: "h", count: 300),
    ]
    private static let values = [
        "", "0", "-1", "3", "ffffffffffffffff", "10000000000000000", "4294967295", "4294967296",
        "99999999999", "x",
        "(null)", "(none)", "\"", "\"\"", "\"a", "a:", "a,", "a)", "6E67", "6e67", "6E6", "yes", "yesno",
        "no",
        "9223372036854775807", "\u{1D}",
    ]

    static func apply(_ log: [UInt8], _ random: inout Seeded) -> [UInt8] {
        var lines = log.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        for _ in 0..<Int.random(in: 1...6, using: &random) { change(&lines, &random) }
        return Array(lines.joined(separator: [0x0A]))
    }

    private static func change(_ lines: inout [[UInt8]], _ random: inout Seeded) {
        let at = Int.random(in: 0..<lines.count, using: &random)
        let line = lines[at]
        let place = Int.random(in: 0...line.count, using: &random)
        switch Int.random(in: 0..<14, using: &random) {
        case 0: lines.insert(line, at: Int.random(in: 0...lines.count, using: &random))
        case 1 where lines.count > 1: lines.remove(at: at)
        case 2: lines.swapAt(at, Int.random(in: 0..<lines.count, using: &random))
        case 3: lines[at] = Array(line[..<place])
        case 4: lines[at] = Array(line[place...])
        case 5 where !line.isEmpty:
            lines[at][min(place, line.count - 1)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 6: lines[at].insert(bytes.randomElement(using: &random) ?? 0, at: place)
        case 7 where !line.isEmpty: lines[at].remove(at: min(place, line.count - 1))
        case 8, 9: replace(&lines[at], value: values.randomElement(using: &random) ?? "", &random)
        case 10: retype(&lines[at], types.randomElement(using: &random) ?? "")
        case 11: lines[at] = Array("node=\(nodes.randomElement(using: &random) ?? "") ".utf8) + line
        case 12: moveWord(&lines[at], &random)
        case 13:
            lines[at] += Array((["\r", " ", "\r\r", " \r", "\0"].randomElement(using: &random) ?? "").utf8)
        default: break
        }
    }

    private static func replace(_ line: inout [UInt8], value: String, _ random: inout Seeded) {
        var words = line.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        let at = Int.random(in: 0..<words.count, using: &random)
        guard let sign = words[at].firstIndex(of: 0x3D) else { return }
        words[at] = words[at][...sign] + Array(value.utf8)
        line = Array(words.joined(separator: [0x20]))
    }

    private static func retype(_ line: inout [UInt8], _ type: String) {
        guard let sign = line.firstRange(of: Array("type=".utf8)),
            let space = line[sign.upperBound...].firstIndex(of: 0x20)
        else { return }
        line.replaceSubrange(sign.upperBound..<space, with: Array(type.utf8))
    }

    /// Fields in another order, or twice, or with two blanks between.
    private static func moveWord(_ line: inout [UInt8], _ random: inout Seeded) {
        var words = line.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        let from = Int.random(in: 0..<words.count, using: &random)
        let word = Bool.random(using: &random) ? words[from] : words.remove(at: from)
        words.insert(
            Bool.random(using: &random) ? word : [], at: Int.random(in: 0...words.count, using: &random))
        line = Array(words.joined(separator: [0x20]))
    }
}
