import AuditStream
import Glibc
import SockAuditCore

/// `--follow`: when the inputs are read, the last of them is read on as it grows, with a table every
/// `--interval` seconds of the present.
struct ReplayFollow {
    private enum Source {
        case log(FollowedLog)
        case pipe(InputSet.File)
    }

    private let source: Source
    private let settings: WatchSettings

    /// How often a log is looked at when nothing came (ms).
    private static let look: Int64 = 250

    /// - Parameter files: the last of them is taken out.
    init(files: inout [InputSet.File], _ settings: WatchSettings) throws(AuditError) {
        self.settings = settings
        guard let last = files.popLast() else {
            throw AuditError(.inputFailed, "Nothing was named that could be followed.")
        }
        source = last.size == nil ? .pipe(last) : .log(try FollowedLog(path: last.path))
    }

    /// - Returns: the exit code.
    func run(_ reader: ReplayReader, _ signals: borrowing Signals) throws(AuditError) -> Int32 {
        var loop = FollowLoop(settings: settings, reader: reader)
        switch source {
        case .log(let log):
            // What is there already is no part of the first interval's present, but of its figures.
            while !loop.isOver, read(log, &loop) { loop.checkSignals(signals) }
            if !loop.isOver { loop.begin(signals) }
            while !loop.isOver {
                if read(log, &loop) {
                    loop.sawData()
                } else {
                    try loop.wait(milliseconds: Self.look, signals)
                }
                loop.letGo()
                try loop.turnScreen()
                try loop.printIfDue()
            }
        case .pipe(let input):
            var file: InputFile?
            do { file = try input.open() } catch { loop.fail(error) }
            loop.begin(signals)
            while !loop.isOver, let file {
                do { try read(file, &loop, signals) } catch { loop.fail(error) }
                loop.letGo()
                try loop.turnScreen()
                try loop.printIfDue()
            }
        }
        loop.printLast()
        reader.tables.found.report(reader.messages)
        return try reader.tables.finish(failures: reader.tables.found.failures, reader.messages)
    }

    private func read(
        _ file: InputFile, _ loop: inout FollowLoop, _ signals: borrowing Signals
    ) throws(AuditError) {
        let reader = loop.reader
        switch try file.wait(or: signals.descriptor, milliseconds: loop.pause(Self.look)) {
        case .readable:
            // As many bytes as were read into the reader's buffer.
            let count = try unsafe file.read(into: reader.buffer)
            if count == 0 {
                reader.endOfFile()
                try file.finish()
                loop.end()
            } else {
                // As many bytes as were read into the reader's buffer.
                unsafe reader.push(UnsafeRawBufferPointer(rebasing: reader.buffer[..<count]))
                loop.sawData()
            }
        case .stopped: loop.checkSignals(signals)
        case .timeout: break
        }
    }

    /// - Returns: false when there was nothing.
    private func read(_ log: FollowedLog, _ loop: inout FollowLoop) -> Bool {
        let reader = loop.reader
        do {
            // As many bytes as were read into the reader's buffer.
            switch try unsafe log.read(into: reader.buffer) {
            case .bytes(let count):
                unsafe reader.push(UnsafeRawBufferPointer(rebasing: reader.buffer[..<count]))
            case .newFile: reader.endOfFile()
            case .nothing: return false
            }
        } catch {
            loop.fail(error)
        }
        reader.tables.found.gaps = log.gaps
        return true
    }
}

/// When tables are due while a log is followed, and how waiting is spent.
private struct FollowLoop {
    private let settings: WatchSettings
    let reader: ReplayReader
    private var started: Int64 = 0
    private var startedWall: Int64 = 0
    private var lastTable: Int64 = 0
    private var number: Int64 = 1
    /// When something came last.
    private var lastRead: Int64 = 0
    private var lastTurn: Int64 = 0
    private var hasEnded = false
    private var saidWaiting = false

    init(settings: WatchSettings, reader: ReplayReader) {
        self.settings = settings
        self.reader = reader
        setStart()
    }

    private mutating func setStart() {
        started = Clock.steady()
        startedWall = Clock.wall()
        lastTable = started
        lastRead = started
    }

    var isOver: Bool { hasEnded || reader.isStopped || reader.tables.isFinished }

    mutating func begin(_ signals: borrowing Signals) {
        setStart()
        reader.note()
        reader.messages.note("following; a table every \(TimeText.seconds(settings.interval)) s.")
        reader.tables.beginScreen(signals: signals.descriptor)
    }

    mutating func end() { hasEnded = true }

    /// The input cannot be read on: what came before is in the last table.
    mutating func fail(_ error: AuditError) {
        reader.failed(error)
        hasEnded = true
    }

    private var deadline: Int64 {
        let next = started + Int64(Double(number) * settings.interval * 1_000)
        return settings.duration.map { min(next, started + Int64($0 * 1_000)) } ?? next
    }

    /// No longer than to the next table.
    func pause(_ milliseconds: Int64) -> Int32 {
        Int32(clamping: max(0, min(milliseconds, deadline - Clock.steady())))
    }

    func checkSignals(_ signals: borrowing Signals) { _ = reader.handle(signals) }

    mutating func wait(milliseconds: Int64, _ signals: borrowing Signals) throws(AuditError) {
        let tables = reader.tables
        var waiting = [
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            // Otherwise only its errors: a reader that has gone.
            pollfd(fd: tables.polled, events: tables.wantsRoom ? Int16(POLLOUT) : 0, revents: 0),
            pollfd(fd: tables.keys, events: Int16(POLLIN), revents: 0),
        ]
        let most = pause(min(milliseconds, tables.patience(until: deadline)))
        // As many as are given.
        if SystemText.retrying({ unsafe poll(&waiting, 3, most) }) > 0 {
            if waiting[0].revents != 0 { checkSignals(signals) }
            if waiting[1].revents & Int16(POLLERR) != 0 { hasEnded = true }
            if waiting[1].revents & Int16(POLLOUT) != 0 { try tables.send() }
        }
    }

    /// Takes keys that were pressed, and shows what is new. Costs nothing where there is no screen.
    mutating func turnScreen() throws(AuditError) {
        let tables = reader.tables
        guard tables.hasScreen, !isOver else { return }
        var keys = pollfd(fd: tables.keys, events: Int16(POLLIN), revents: 0)
        // The kernel writes one answer into the one place.
        let ready = SystemText.retrying { unsafe poll(&keys, 1, 0) }
        if try tables.turn(keys: ready > 0 ? keys.revents : 0, until: deadline) { hasEnded = true }
    }

    /// Lets what has waited for others that may come before it go on. Call often: it sees to it itself that
    /// nothing goes on too early.
    mutating func letGo() {
        let now = Clock.steady()
        guard now - lastTurn >= Self.turn else { return }
        lastTurn = now
        reader.pipeline.pump()
        reader.pipeline.ageOrder()
        // A writer may be in the middle of an event, but not for long.
        if now - lastRead >= Self.patience { reader.pipeline.age() }
    }

    private static let turn: Int64 = 200
    private static let patience: Int64 = 3_000

    mutating func sawData() { lastRead = Clock.steady() }

    mutating func printIfDue() throws(AuditError) {
        let due = deadline
        if isOver || Clock.steady() < due { return }
        let isLast =
            settings.duration.map { due >= started + Int64($0 * 1_000) } ?? false
            || reader.tables.tables + 1 == settings.count
        if isLast {
            hasEnded = true
            return
        }
        let passed = Int64(Double(Clock.steady() - started) / (settings.interval * 1_000))
        number = max(number + 1, passed + 1)
        if reader.tables.isWaiting {
            if !saidWaiting {
                reader.messages.note("nobody takes the tables; counting goes on, tables are left out.")
            }
            saidWaiting = true
            return
        }
        // What has just come is in the next table: events before it may be on their way to the log.
        reader.note()
        table(final: false, at: Clock.moment(of: due))
    }

    mutating func printLast() {
        // The line at the end of a log may be half written: it is nobody's damage.
        reader.settle()
        table(final: true, at: max(lastTable, min(Clock.steady(), deadline)))
    }

    private mutating func table(final: Bool, at moment: Int64) {
        let wall = Clock.wall()
        reader.tables.table(
            final: final, from: wall - (moment - lastTable), to: wall, started: startedWall)
        lastTable = moment
    }
}
