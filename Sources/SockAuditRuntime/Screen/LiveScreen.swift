import AuditStream
import Glibc
import SockAuditCore

/// The screen of a run: its keys, its terminal and what it shows. It has no loop of its own: the run's polls for
/// it, so that nothing it does keeps records waiting.
struct LiveScreen: ~Copyable {
    var screen: Screen
    private var terminal: RawTerminal
    private var decoder = KeyDecoder()
    /// Steady milliseconds.
    private var lastKey: Int64 = 0
    /// It is on the terminal now.
    private(set) var isShown = false
    /// Something is other than in the last frame.
    private(set) var isStale = true
    private var seconds: Int?
    /// The keyboard has gone: polling it would come back at once, for ever.
    private var isDeaf = false
    private let signals: Int32

    /// Nothing follows an escape within this time (ms): then it is the key.
    private static let escapeTime: Int64 = 60

    /// Whether there is to be one: tables as text on a terminal that moves its cursor.
    static func isWanted(_ settings: WatchSettings) -> Bool {
        guard settings.clears, settings.format == .text, settings.report == nil else { return false }
        return isatty(STDOUT_FILENO) == 1 && !["", "dumb"].contains(variable("TERM"))
    }

    /// - Parameter signals: ``Signals/descriptor``.
    init(_ settings: WatchSettings, _ terminal: consuming RawTerminal, signals: Int32) {
        self.signals = signals
        let hasKeys = terminal.hasKeyboard
        self.terminal = terminal
        var start = ScreenSettings()
        start.head.host = HostInfo.name()
        start.head.scope = settings.scope.labels
        start.head.interval = settings.interval
        start.head.fromInput = !settings.inputs.isEmpty
        start.order = settings.order
        start.wide = settings.style.wide
        start.families = settings.families
        start.top = settings.top
        start.isGrouped = settings.grouping != .process
        start.hasColours = Self.variable("NO_COLOR").isEmpty
        start.hasKeys = hasKeys
        // What decides of a character's encoding, in this order (locale(7)).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(Self.variable).first { !$0.isEmpty } ?? ""
        start.isUnicode = ["utf-8", "utf8"].contains { locale.lowercased().contains($0) }
        screen = Screen(start)
        Signals.watchTerminal(true, on: signals)
    }

    private static func variable(_ name: String) -> String {
        // Copied at once; nobody sets variables here.
        unsafe getenv(name).map { unsafe String(cString: $0) } ?? ""
    }

    deinit { Signals.watchTerminal(false, on: signals) }

    // MARK: keys

    /// To poll for keys.
    var polled: Int32 { isShown && !isDeaf ? terminal.polled : -1 }

    /// The loop may sleep so long (ms) and no longer.
    func patience(until: Int64, now: Int64) -> Int64 {
        if decoder.isWaiting { return Self.escapeTime }
        return isShown ? max(0, until - now) % 1_000 + 1 : 1_000
    }

    /// - Parameter events: what poll said of ``polled``.
    /// - Returns: whether to end.
    mutating func takeKeys(_ events: Int16, _ sink: inout OutputSink) -> Bool {
        let now = Clock.steady()
        var keys: [ScreenKey] = []
        if events != 0 {
            let bytes = terminal.read()
            keys = decoder.take(bytes)
            lastKey = now
            if bytes.isEmpty && events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { isDeaf = true }
        } else if decoder.isWaiting && now - lastKey >= Self.escapeTime {
            keys = decoder.flush()
        }
        for key in keys {
            switch screen.press(key) {
            case .nothing: break
            case .redraw: isStale = true
            case .repaint: repaint(&sink)
            case .quit:
                screen.isEnding = true
                isStale = true
                return true
            }
        }
        return false
    }

    // MARK: what is shown

    /// A table has come, or an answer, or the terminal has another size.
    mutating func change() { isStale = true }

    mutating func repaint(_ sink: inout OutputSink) {
        sink.frames.repaint()
        isStale = true
    }

    /// Somebody had stopped us, and has used the terminal perhaps.
    mutating func resume(_ sink: inout OutputSink) {
        isLost = true
        if isShown { repaint(&sink) }
    }

    /// Puts a frame on its way where something has changed.
    ///
    /// - Parameter until: when the next table comes (steady milliseconds).
    mutating func draw(until: Int64, _ sink: inout OutputSink) {
        let left = max(0, until - Clock.steady())
        let seconds = Int((left + 999) / 1_000)
        if let message = Messages.last, message != screen.message, message != lastMessage {
            (screen.message, lastMessage) = (message, message)
            isStale = true
        }
        guard isStale || seconds != self.seconds || !isShown else { return }
        guard RawTerminal.isForeground else {
            isLost = true
            return
        }
        if isLost && isShown { sink.frames.repaint() }
        if isLost || !isShown { terminal.enter() }
        isLost = false
        if !isShown {
            isShown = true
            Messages.hold()
            sink.put(FrameQueue.enter)
            sink.frames.repaint()
        }
        self.seconds = seconds
        isStale = false
        let size = Terminal.size(STDOUT_FILENO) ?? (rows: 24, columns: 80)
        if size != lastSize { sink.frames.repaint() }
        lastSize = size
        sink.frames.show(screen.frame(columns: size.columns, rows: size.rows, secondsLeft: seconds))
    }

    /// Another job has had the terminal.
    private var isLost = false
    private var lastMessage: String?
    private var lastSize = (rows: 0, columns: 0)

    /// The terminal is as it was before. What it does not take within a moment it may take later.
    mutating func leave(_ sink: inout OutputSink) {
        guard isShown else { return }
        isShown = false
        sink.frames = FrameQueue()
        sink.put(FrameQueue.leave)
        terminal.leave()
        // An error would come again with what is written next, and is said then.
        try? sink.flush(milliseconds: Self.farewell)
        Messages.release()
    }

    private static let farewell: Int64 = 500
}
