/// Times as text, without a clock, a locale or a time zone of its own.
public enum TimeText {
    /// `2026-11-23T22:31:07.000Z` of milliseconds since the epoch.
    public static func iso(_ milliseconds: Int64) -> String {
        let (days, rest) = divide(milliseconds, 86_400_000)
        let (year, month, day) = civil(days)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(clock(rest)).\(pad(Int(rest % 1_000), 3))Z"
    }

    /// `22:31:07` at an offset from UTC in seconds.
    public static func timeOfDay(_ milliseconds: Int64, offset: Int) -> String {
        clock(divide(milliseconds &+ Int64(offset) * 1_000, 86_400_000).rest)
    }

    /// `2026-11-23 22:31:07` at an offset from UTC in seconds.
    public static func dateAndTime(_ milliseconds: Int64, offset: Int) -> String {
        let (days, rest) = divide(milliseconds &+ Int64(offset) * 1_000, 86_400_000)
        let (year, month, day) = civil(days)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2)) \(clock(rest))"
    }

    /// `00:03:21`, with days in front from the second day on.
    public static func duration(_ seconds: Double) -> String {
        let whole = Int64(max(0, min(seconds, 1e12)))
        let days = whole / 86_400
        return (days > 0 ? "\(days)d " : "") + clock((whole % 86_400) * 1_000)
    }

    /// A number of seconds without needless zeros: 7, 0.5, 1.25.
    public static func seconds(_ value: Double) -> String {
        let rounded = (value * 1_000).rounded() / 1_000
        guard rounded.magnitude < 1e12 else { return "\(value)" }
        return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }

    private static func clock(_ milliseconds: Int64) -> String {
        let seconds = Int(milliseconds / 1_000)
        return "\(pad(seconds / 3_600, 2)):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2))"
    }

    private static func divide(_ value: Int64, _ by: Int64) -> (quotient: Int64, rest: Int64) {
        let rest = ((value % by) + by) % by
        return ((value &- rest) / by, rest)
    }

    /// Days since the epoch to a date of the proleptic Gregorian calendar, by 400-year eras that
    /// begin in March.
    private static func civil(_ days: Int64) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = divide(shifted, 146_097)
        let dayOfEra = era.rest
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era.quotient * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(day))
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
