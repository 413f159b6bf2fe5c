import AuditStream
import Glibc
import SockAuditCore

/// Reads inputs into the pipeline, one after another.
@safe final class ReplayReader {
    /// Larger ones cost less: each is a call of the kernel.
    private static let block = 1 << 20
    /// Bytes in a row that are stamped too late.
    private static let mostLate = 1 << 21

    let tables: ReplayTables
    let pipeline: EventPipeline
    let messages: Messages
    let buffer: UnsafeMutableRawBufferPointer
    private var splitter = LineSplitter()
    /// What other splitters counted: those of logs that are read side by side.
    private var linesBeside = LineSplitter().counters
    /// Nil where nobody looks.
    private var progress: ReplayProgress?
    /// Bytes on disk of the inputs that were read to their end.
    private var bytesBefore: Int64 = 0
    /// A signal asked us to end.
    private(set) var isStopped = false

    init(settings: WatchSettings, stop: Int32, _ messages: Messages) throws(AuditError) {
        self.messages = messages
        let ledger = SocketLedger(settings: .init(live: false), scope: settings.scope)
        pipeline = try EventPipeline(
            ledger: ledger, ownPid: 0, wantsScripts: !settings.scope.isAll, live: false,
            decoder: settings.decoder)
        let found = ReplayFindings(lines: splitter.counters, events: pipeline.counters)
        let tables = try ReplayTables(settings: settings, ledger: ledger, found: found, stop: stop)
        self.tables = tables
        // Behind all that can fail: what is not whole has no deinit, which gives it back.
        unsafe buffer = .allocate(byteCount: Self.block, alignment: 16)
        pipeline.admits = { tables.admit($0) }
        if settings.every != nil { pipeline.border = { tables.border } }
    }

    // Of this object alone.
    deinit { unsafe buffer.deallocate() }

    /// A reading that takes a while shows how far it is.
    func showProgress(of files: [InputSet.File], on screen: ReplayProgress.Screen) {
        let sizes = files.map(\.size)
        let total = sizes.reduce(Int64?(0)) { sum, size in sum.flatMap { sum in size.map { sum + $0 } } }
        let progress = ReplayProgress(screen: screen, total: total)
        self.progress = progress
        tables.beforeTable = { progress.erase() }
    }

    func showProgress(_ bytes: Int64) { progress?.update(bytes: bytes, events: tables.found.events.events) }

    /// The pipeline lets go of the tables, and they of each other.
    func end() {
        pipeline.admits = nil
        pipeline.border = { .max }
    }

    /// Nothing stamped after this (ms) can belong to what is wanted: a call may be written long after
    /// its entry, and clocks of hosts differ, but not by more.
    private var enough: Int64? { tables.end.map { $0 + 3_600_000 } }

    func wants(_ file: InputSet.File) -> Bool {
        if isStopped || tables.isFinished { return false }
        guard let enough, let first = file.first else { return true }
        return first <= enough
    }

    func failed(_ error: AuditError) {
        tables.found.failures.append(error)
        progress?.erase()
        messages.error(error.description)
    }

    // MARK: reading

    func read(_ input: InputSet.File, _ signals: borrowing Signals) throws(AuditError) {
        let file = try input.open()
        let ahead = ReadAhead.pays(for: file) ? ReadAhead(file, block: Self.block) : nil
        var late = 0
        do throws(AuditError) {
            late = try read(file, ahead, signals)
        } catch {
            leaveFile()
            throw error
        }
        let isWhole = !isStopped && !tables.isFinished && late < Self.mostLate
        if isWhole { endOfFile() } else { leaveFile() }
        bytesBefore += file.size ?? file.position
        if isWhole { try file.finish() }
    }

    /// - Returns: bytes at its end that are stamped too late to be wanted.
    private func read(
        _ file: InputFile, _ ahead: ReadAhead?, _ signals: borrowing Signals
    ) throws(AuditError) -> Int {
        var late = 0
        reading: while !tables.isFinished {
            let bytes: UnsafeRawBufferPointer
            let position: Int64
            switch try next(of: file, ahead, or: signals.descriptor) {
            // As many bytes as were read; they stay until the next are.
            case .block(let block, let now): unsafe (bytes, position) = (block, now)
            case .end: break reading
            case .stopped:
                if handle(signals) { continue }
                break reading
            }
            // As many bytes as were read; they stay until the next are.
            unsafe push(bytes)
            showProgress(bytesBefore + position)
            // A record may be stamped wrong; two megabytes of them are not.
            if let enough {
                late =
                    unsafe RecordStamp.first(in: bytes).map { $0 > enough } ?? false ? late + bytes.count : 0
                if late >= Self.mostLate { break }
            }
        }
        return late
    }

    /// - Parameter most: bytes, where no thread reads ahead.
    func next(
        of file: InputFile, _ ahead: ReadAhead?, most: Int = block, or stop: Int32
    ) throws(AuditError) -> ReadAhead.Step {
        if let ahead { return try ahead.next(or: stop) }
        if try file.wait(or: stop) == .stopped { return .stopped }
        // As many bytes as were read; they stay until the next are.
        let count = try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<most]))
        if count == 0 { return .end }
        return unsafe .block(UnsafeRawBufferPointer(rebasing: buffer[..<count]), position: file.position)
    }

    /// - Returns: whether to go on.
    func handle(_ signals: borrowing Signals) -> Bool {
        switch signals.next() {
        case .stop: isStopped = true
        // A terminal that has gone says so.
        case .reopen where tables.hasScreen: isStopped = true
        case .reopen:
            do {
                try tables.reopen()
            } catch {
                messages.error("\(error.description) The old report stays open.")
            }
        case .resized: tables.resize()
        case .suspend: tables.suspend()
        case .resumed: tables.resume()
        case .none: break
        }
        return !isStopped
    }

    func push(_ bytes: UnsafeRawBufferPointer) {
        let pipeline = self.pipeline
        // As many bytes as were read; they stay until the next are.
        unsafe pipeline.push(block: bytes.bindMemory(to: UInt8.self), &splitter)
        note()
    }

    /// A last line without a newline is whole now; what comes next is another file's.
    func endOfFile() {
        let pipeline = self.pipeline
        pipeline.finish(&splitter)
        note()
    }

    /// A file is left before its end: half a line is no damage.
    private func leaveFile() {
        splitter.forget()
        pipeline.pump()
        note()
    }

    func note(beside lines: LineSplitter.Counters? = nil) {
        linesBeside = lines ?? linesBeside
        tables.found.lines = splitter.counters + linesBeside
        tables.found.events = pipeline.counters
    }

    /// All that has come, in its order.
    func settle() {
        pipeline.settleOrder()
        progress?.erase()
        note()
    }

    /// The last table, unless a following has printed it.
    /// - Returns: the exit code.
    func finish() throws(AuditError) -> Int32 {
        settle()
        tables.last()
        tables.found.report(messages)
        return try tables.finish(failures: tables.found.failures, messages)
    }
}
