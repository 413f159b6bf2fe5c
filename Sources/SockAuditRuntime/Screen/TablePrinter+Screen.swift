import AuditStream
import SockAuditCore

/// The screen in the place of a list of tables.
extension TablePrinter {
    /// From now on there is a screen, where there is to be one.
    ///
    /// - Parameter signals: ``Signals/descriptor``.
    mutating func beginScreen(signals: Int32) {
        guard let terminal = terminal.take() else { return }
        screen = LiveScreen(settings, terminal, signals: signals)
    }

    /// There will be one.
    var awaitsScreen: Bool {
        switch terminal {
        case .some: true
        case .none: false
        }
    }

    var hasScreen: Bool {
        switch screen {
        case .some: true
        case .none: false
        }
    }

    /// To poll for keys.
    var keys: Int32 {
        switch screen {
        case .some(let screen): screen.polled
        case .none: -1
        }
    }

    /// How long the loop may sleep (ms).
    func patience(until: Int64, now: Int64) -> Int64 {
        let most = sink.isClogged ? 20 : Int64.max
        switch screen {
        case .some(let screen): return min(most, screen.patience(until: until, now: now))
        case .none: return most
        }
    }

    /// - Parameter events: what poll said of ``keys``.
    /// - Returns: whether somebody wants to end.
    mutating func takeKeys(_ events: Int16) -> Bool { screen?.takeKeys(events, &sink) ?? false }

    /// A process whose open sockets the screen is to show.
    var wanted: ScreenProcess? {
        switch screen {
        case .some(let screen): screen.screen.wanted
        case .none: nil
        }
    }

    /// - Parameter at: milliseconds since the epoch.
    mutating func answer(_ open: OpenSockets?, at: Int64) {
        screen?.screen.take(open, at: at)
        screen?.change()
    }

    /// Sends what is new, and what was not taken before.
    ///
    /// - Parameter until: when the next table comes (steady milliseconds).
    mutating func draw(until: Int64) throws(AuditError) -> OutputSink.Outcome {
        screen?.draw(until: until, &sink)
        return sink.frames.isWaiting || sink.isClogged ? try sink.send() : .written
    }

    /// A table for the screen.
    mutating func show(_ snapshot: Snapshot) {
        let offset = settings.utc ? 0 : Clock.utcOffset(at: snapshot.head.time)
        screen?.screen.take(snapshot, utcOffset: offset)
        screen?.change()
    }

    // MARK: signals

    mutating func resize() { screen?.change() }

    /// Ctrl-Z: the shell gets its terminal, and then we stop until somebody has us go on.
    mutating func suspend() {
        screen?.leave(&sink)
        Signals.stopOurselves()
        screen?.change()
    }

    mutating func resume() { screen?.resume(&sink) }

    /// The end of the screen: the terminal is as before. The last table comes in the order that was chosen; it is
    /// no wider than was asked for, since it is not cut to the terminal.
    mutating func leaveScreen() {
        guard var screen = screen.take() else { return }
        settings.order = screen.screen.order
        screen.leave(&sink)
    }
}
