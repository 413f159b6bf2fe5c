import AuditStream
import Glibc
import SockAuditCore

/// One of several logs that are read side by side: the records of a block, and how far they are read.
private final class MergedLog {
    let file: InputFile
    /// Reads it in a thread of its own; nil where that does not pay, or enough others do.
    let ahead: ReadAhead?
    private(set) var position: Int64 = 0
    private(set) var splitter = LineSplitter()
    private var text: [UInt8] = []
    private var lines: [(end: Int, key: Int64)] = []
    private var next = 0
    private var newest: Int64

    /// - Parameters:
    ///   - first: the stamp of its first record.
    ///   - ahead: whether it may have a thread.
    init(_ file: InputFile, first: Int64, ahead: Bool) {
        self.file = file
        self.ahead = ahead && ReadAhead.pays(for: file) ? ReadAhead(file, block: Self.block) : nil
        newest = first
    }

    /// Less than where one log is read alone: there are several of them.
    static let block = 1 << 18

    var isEmpty: Bool { next == lines.count }
    /// The newest stamp up to the next record: a call that took long must not hold the others up.
    var key: Int64 { isEmpty ? newest : lines[next].key }

    /// - Parameters:
    ///   - block: nil at the end of the file.
    ///   - position: how far the file is read.
    func take(_ block: UnsafeBufferPointer<UInt8>?, position: Int64? = nil) {
        self.position = position ?? self.position
        text.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        next = 0
        // Handed on for the call.
        if let block = unsafe block {
            unsafe splitter.push(block) { unsafe add($0) }
        } else {
            unsafe splitter.finish { unsafe add($0) }
        }
    }

    private func add(_ line: UnsafeBufferPointer<UInt8>) {
        // Handed on for the call.
        newest = unsafe max(newest, RecordStamp.milliseconds(line) ?? newest)
        unsafe text += line
        lines.append((text.count, newest))
    }

    /// Gives out the records up to a stamp, at least one.
    func give(upTo limit: Int64, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        unsafe text.withUnsafeBufferPointer { bytes in
            repeat {
                let start = next == 0 ? 0 : lines[next - 1].end
                // Between the ends of the array, which stays for the call.
                unsafe body(UnsafeBufferPointer(rebasing: bytes[start..<lines[next].end]))
                next += 1
            } while next < lines.count && lines[next].key <= limit
        }
    }
}

extension ReplayReader {
    /// Threads that read; each has two blocks in memory.
    private static let mostAhead = 4

    /// Tables by time need the records of several logs in the order of time: logs of several hosts cover the
    /// same hours. A log is opened when the others have come to its first record, so of a rotated set one is
    /// open at a time.
    func readSideBySide(_ inputs: [InputSet.File], _ signals: borrowing Signals) {
        var waiting = inputs[...]
        var open: [MergedLog] = []
        var done = LineSplitter().counters
        var bytes: Int64 = 0
        while !isStopped && !tables.isFinished {
            while let input = waiting.first,
                open.isEmpty || input.first ?? .min <= open.lazy.map(\.key).min() ?? .min
            {
                waiting = waiting.dropFirst()
                guard wants(input) else { continue }
                do {
                    let ahead = open.count { $0.ahead != nil } < Self.mostAhead
                    open.append(MergedLog(try input.open(), first: input.first ?? .min, ahead: ahead))
                } catch {
                    failed(error)
                }
            }
            guard let log = open.min(by: { $0.key < $1.key }) else { break }
            if log.isEmpty {
                let goesOn = refill(log, signals)
                if !goesOn {
                    done = done + log.splitter.counters
                    bytes += log.position
                    open.removeAll { $0 === log }
                }
                note(beside: open.reduce(done) { $0 + $1.splitter.counters })
                showProgress(open.reduce(bytes) { $0 + $1.position })
            } else {
                let others = open.lazy.filter { $0 !== log }.map(\.key).min() ?? .max
                let pipeline = self.pipeline
                // Handed on for the call.
                unsafe log.give(upTo: min(others, waiting.first?.first ?? .max)) {
                    unsafe pipeline.push(line: $0)
                }
            }
        }
        pipeline.pump()
    }

    /// - Returns: false at the end of the log, or when it cannot be read on.
    private func refill(_ log: MergedLog, _ signals: borrowing Signals) -> Bool {
        do throws(AuditError) {
            switch try next(of: log.file, log.ahead, most: MergedLog.block, or: signals.descriptor) {
            case .block(let bytes, let position):
                // Handed on for the call.
                unsafe log.take(bytes.bindMemory(to: UInt8.self), position: position)
                return true
            case .stopped:
                _ = handle(signals)
                return true
            case .end: break
            }
            // Handed on for the call.
            unsafe log.take(nil)
            if !log.isEmpty { return true }
            try log.file.finish()
        } catch {
            failed(error)
        }
        return false
    }
}
