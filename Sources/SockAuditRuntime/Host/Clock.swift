import Glibc

/// The clocks of this host. Everything below takes `now` from here as an argument.
public struct Clock: Sendable {
    /// Milliseconds between the epoch and boot, fixed at the start, so that a process keeps its
    /// start time when the clock is set.
    public let bootMilliseconds: Int64
    private let ticksPerSecond: Int64

    public init() {
        bootMilliseconds = Self.read(CLOCK_REALTIME) - Self.read(CLOCK_BOOTTIME)
        ticksPerSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Milliseconds since the epoch.
    public static func wall() -> Int64 { read(CLOCK_REALTIME) }
    /// Milliseconds since the epoch by the clock as it was at the start: it goes on evenly when that is set.
    public func even() -> Int64 { bootMilliseconds + Self.read(CLOCK_BOOTTIME) }
    /// Milliseconds of a clock that nobody sets.
    public static func steady() -> Int64 { read(CLOCK_MONOTONIC) }

    /// The moment that a table is of, in steady milliseconds. A little late it is still that of its deadline; when
    /// we were stopped it is now: its interval is what its figures are of.
    static func moment(of deadline: Int64) -> Int64 {
        let now = steady()
        return now - deadline > lateness ? now : deadline
    }

    /// What a busy processor may make a table late by (ms).
    private static let lateness: Int64 = 500

    /// The kernel's tick (1/HZ) in milliseconds: what the coarse clocks go by (clock_getres(2)).
    public static func tick() -> Double {
        var time = timespec()
        guard unsafe clock_getres(CLOCK_MONOTONIC_COARSE, &time) == 0, time.tv_nsec > 0 else { return 4 }
        return Double(time.tv_nsec) / 1e6
    }

    /// A process's start, from clock ticks since boot to milliseconds since the epoch.
    public func start(ticks: UInt64) -> Int64 {
        bootMilliseconds + Int64(clamping: ticks) / ticksPerSecond * 1_000
            + Int64(clamping: ticks) % ticksPerSecond * 1_000 / ticksPerSecond
    }

    /// Seconds east of UTC at a time.
    public static func utcOffset(at milliseconds: Int64) -> Int {
        var seconds = time_t(milliseconds / 1_000)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        return unsafe parts.tm_gmtoff
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // C fills the struct that it is given.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
