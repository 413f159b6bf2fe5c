/// Reads a report file and says of each run in it whether its last line is right.
///
/// Bytes go through once and no long line is kept: a report may be larger than memory.
public struct ReportCheck {
    public enum Finding: Equatable, Sendable {
        case right
        /// What stands above the last line is not what was written.
        case wrong
        /// There is no last line: the run was killed, goes on, or the file was cut.
        case unsealed
    }

    public struct Run: Equatable, Sendable {
        /// The number of its first line, from 1.
        public var line: Int
        /// Its length up to the last line.
        public var bytes: Int
        public var finding: Finding
        /// The hash of what stands there.
        public var hash: String
    }

    public private(set) var runs: [Run] = []
    /// Bytes that are part of no run: another program's, or added after an end.
    public private(set) var strange = 0
    /// Where the first of them are, as a line's number.
    public private(set) var strangeLine: Int?

    private var current: (hash: SHA256, line: Int, bytes: Int)?
    private var number = 1
    /// The line so far, while it is short enough to be one of ours.
    private var line: [UInt8] = []
    /// It is not: its bytes have gone on.
    private var isLong = false

    /// No first or last line has more bytes than this.
    private static let most = 256

    public init() {}

    /// Whether every run, and nothing else, is there as it was written.
    public var isRight: Bool {
        strange == 0 && !runs.isEmpty && runs.allSatisfy { $0.finding == .right }
    }

    public mutating func push(_ bytes: UnsafeRawBufferPointer) {
        // The caller holds the bytes.
        push(unsafe Bytes(bytes))
    }

    private mutating func push(_ bytes: Bytes) {
        var start = 0
        while start < bytes.count {
            let newline = bytes[start...].firstIndex(of: 0x0A)
            take(bytes.part(start..<(newline ?? bytes.count)), ends: newline != nil)
            start = newline.map { $0 + 1 } ?? bytes.count
        }
    }

    private mutating func take(_ piece: Bytes, ends: Bool) {
        if isLong {
            absorb(piece)
        } else {
            line += piece
            if line.count > Self.most { goOn() }
        }
        guard ends else { return }
        if isLong {
            absorb([0x0A])
        } else if let seal = Self.seal(line), let run = current {
            // Whoever changes the file may change this line too: it proves no more than that nobody did
            // without knowing of it.
            let hash = run.hash.hex
            close(run, hash.utf8.elementsEqual(seal) ? .right : .wrong)
        } else {
            line.append(0x0A)
            goOn()
        }
        number += 1
        line.removeAll(keepingCapacity: true)
        isLong = false
    }

    public mutating func finish() {
        // Of a long line the bytes have gone on already.
        if !line.isEmpty && !isLong { goOn() }
        line = []
        if let run = current { close(run, .unsealed) }
    }

    /// The line is no last one: on with its bytes.
    private mutating func goOn() {
        if Self.isHead(line) {
            if let run = current { close(run, .unsealed) }
            current = (SHA256(), number, 0)
        }
        absorb(line)
        isLong = true
    }

    private mutating func absorb(_ bytes: some Collection<UInt8>) {
        guard current != nil else {
            strange += bytes.count
            strangeLine = strangeLine ?? number
            return
        }
        current?.hash.update(bytes)
        current?.bytes += bytes.count
    }

    private mutating func close(_ run: (hash: SHA256, line: Int, bytes: Int), _ finding: Finding) {
        runs.append(Run(line: run.line, bytes: run.bytes, finding: finding, hash: run.hash.hex))
        current = nil
    }

    private static func isHead(_ line: [UInt8]) -> Bool {
        [ReportFrame.commentHead, ReportFrame.jsonHead, ReportFrame.htmlHead].contains {
            line.elementsEqual(($0 + "\n").utf8)
        }
    }

    private static func seal(_ line: [UInt8]) -> ArraySlice<UInt8>? {
        for form in [ReportFrame.commentSeal, ReportFrame.jsonSeal, ReportFrame.htmlSeal] {
            let (before, after) = (Array(form.before.utf8), Array(form.after.utf8))
            let size = before.count + 64 + after.count
            guard line.count == size, line.starts(with: before), line.suffix(after.count).elementsEqual(after)
            else { continue }
            let hash = line[before.count..<(before.count + 64)]
            let isHex = hash.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            if isHex { return hash }
        }
        return nil
    }
}
