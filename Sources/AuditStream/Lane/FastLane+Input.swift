import CAudit
import Glibc
import SockAuditCore

/// The ways in for a log: blocks and single lines.
extension FastLane {
    /// Cuts a block of a log into lines and takes in those that are records.
    public mutating func push(block: UnsafeBufferPointer<UInt8>, _ splitter: inout LineSplitter) {
        unsafe splitter.cut(UnsafeRawBufferPointer(block)) { line, stays in unsafe take(line, stays: stays) }
        keepRecent()
    }

    /// The end of the input: a last line without a newline counts too.
    public mutating func finish(_ splitter: inout LineSplitter) {
        unsafe splitter.cutRest { line, stays in unsafe take(line, stays: stays) }
    }

    /// A record as a line of a log, newline included.
    public mutating func push(record line: UnsafeBufferPointer<UInt8>) {
        let bytes = UnsafeRawBufferPointer(line)
        guard let start = bytes.baseAddress, unsafe bytes.last == 0x0A else { return }
        if unsafe !push(line: start, start + bytes.count, stays: false) { unsafe push(odd: bytes) }
        count(bytes.count)
    }

    @inline(__always) @discardableResult
    mutating func take(_ line: UnsafeRawBufferPointer, stays: Bool) -> LineGate.Kind {
        // A line has at least its newline, and all is read between its ends.
        let start = unsafe line.baseAddress.unsafelyUnwrapped
        let end = unsafe start + line.count
        if divertsNodes, unsafe start.load(as: UInt8.self) == UInt8(ascii: "n"),
            unsafe line.starts(with: "node=".utf8)
        {
            return unsafe LineSplitter.judge(line) { unsafe diverted += $0 }
        }
        if line.count > 1, unsafe (end - 2).load(as: UInt8.self) != 0x0D {
            if unsafe last >= 0 && assembly.isBuilding(last) && head.isPart(start, end)
                || push(line: start, end, stays: stays)
            {
                count(line.count)
                return .record
            }
        }
        // A record is not empty; it stays for the call.
        return unsafe LineSplitter.judge(line) { record in
            let bytes = UnsafeRawBufferPointer(record)
            let start = unsafe bytes.baseAddress.unsafelyUnwrapped
            if unsafe !push(line: start, start + bytes.count, stays: false) { unsafe push(odd: bytes) }
            count(bytes.count)
        }
    }

    /// libauparse is fed blocks, and gives out at the beginning of each what it has: so do we.
    @inline(__always)
    private mutating func count(_ bytes: Int) {
        fed += bytes
        guard fed >= Self.block else { return }
        fed = 0
        release()
    }
}
