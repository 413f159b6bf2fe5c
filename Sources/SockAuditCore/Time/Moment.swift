/// A moment as ausearch's `-ts` and `-te` take it: a date, a time, both, or a word. Pure.
///
/// Beyond ausearch: 2026-11-23 and 11/23/2026 in every locale, `this-hour`, ISO 8601 with T (and Z or an
/// offset), as our JSON has it, and `@SECONDS` since the epoch.
public enum Moment {
    /// A start without a time is midnight, an end without one is the present time of day.
    public enum Edge: Sendable { case from, to }

    /// What a word such as "today" depends on.
    public struct Surroundings {
        /// Milliseconds since the epoch.
        public var now: Int64
        /// When the host was booted; nil when that is not known.
        public var boot: Int64?
        /// strftime's %x spelled out, as nl_langinfo(D_FMT) says: `%m/%d/%Y`.
        public var dateFormat: String
        /// Seconds east of UTC at a time.
        public var utcOffset: (Int64) -> Int

        public init(now: Int64, boot: Int64?, dateFormat: String, utcOffset: @escaping (Int64) -> Int) {
            self.now = now
            self.boot = boot
            self.dateFormat = dateFormat
            self.utcOffset = utcOffset
        }
    }

    /// Why a text is no moment, as a sentence.
    public struct Failure: Error, Equatable { public var message: String }

    /// - Parameter words: one argument or two, as the shell gave them.
    /// - Returns: milliseconds since the epoch. An end is the last of its second, as ausearch has it.
    public static func parse(
        _ words: [String], _ edge: Edge, _ here: Surroundings
    ) throws(Failure) -> Int64 {
        let parts = words.flatMap { $0.split(separator: " ") }.map(String.init)
        guard (1...2).contains(parts.count) else {
            throw Failure(message: "takes a date, a time, or a date and a time.")
        }
        let found = try parts.count == 1 ? one(parts[0], edge, here) : both(parts[0], parts[1], here)
        return edge == .to && found % 1_000 == 0 ? found + 999 : found
    }

    private static func one(_ text: String, _ edge: Edge, _ here: Surroundings) throws(Failure) -> Int64 {
        let time = LocalTime(utcOffset: here.utcOffset)
        if let found = try word(text, edge, here) { return found }
        if text.hasPrefix("@") {
            guard let found = seconds(text.dropFirst(), whole: 1...11) else { throw unknown(text) }
            return found
        }
        if let found = iso(text, time) { return found }
        if let clock = clock(text[...]) { return time.utc(time.days(here.now) * LocalTime.day + clock) }
        guard let date = date(text, here.dateFormat) else { throw unknown(text) }
        let ofDay = edge == .from ? 0 : time.local(here.now) - time.days(here.now) * LocalTime.day
        return time.utc(date.days * LocalTime.day + ofDay)
    }

    private static func both(_ day: String, _ hour: String, _ here: Surroundings) throws(Failure) -> Int64 {
        let time = LocalTime(utcOffset: here.utcOffset)
        guard let clock = clock(hour[...]) else { throw unknown(hour) }
        if let found = try word(day, .from, here) {
            return time.utc(time.days(found) * LocalTime.day + clock)
        }
        guard let date = date(day, here.dateFormat) else { throw unknown(day) }
        return time.utc(date.days * LocalTime.day + clock)
    }

    private static func unknown(_ text: String) -> Failure {
        Failure(
            message:
                "does not know '\(Escaping.visible(text))'; it takes what ausearch's -ts does: 2026-11-23, 11/23/2026 or the locale's date, 10:00 or 10:00:00, both, or now, recent, this-hour, boot, today, yesterday, this-week, week-ago, this-month, this-year."
        )
    }

    // MARK: words

    private static func word(
        _ text: String, _ edge: Edge, _ here: Surroundings
    ) throws(Failure) -> Int64? {
        let time = LocalTime(utcOffset: here.utcOffset)
        let today = time.days(here.now)
        let date = CivilDate(days: today)
        func midnight(_ days: Int64) -> Int64 { time.utc(days * LocalTime.day) }
        switch text {
        case "now": return here.now
        case "recent": return here.now - 600_000
        case "this-hour": return time.utc(LocalTime.floor(time.local(here.now), 3_600_000) * 3_600_000)
        case "boot":
            guard let boot = here.boot else {
                throw Failure(message: "cannot tell when this host was booted.")
            }
            return boot / 1_000 * 1_000
        case "today": return edge == .to ? here.now : midnight(today)
        case "yesterday": return midnight(today - 1)
        // The epoch was a Thursday; ausearch's week begins on Sunday.
        case "this-week": return midnight(today - (today + 4) % 7)
        case "week-ago": return midnight(today - 7)
        case "this-month": return midnight(today - Int64(date.day) + 1)
        case "this-year":
            return midnight(CivilDate(year: date.year, month: 1, day: 1)?.days ?? today)
        case "checkpoint":
            throw Failure(message: "does not know ausearch's checkpoint files; give a date and a time.")
        default: return nil
        }
    }

    // MARK: numbers

    /// `2026-11-23T10:00:00.123Z`, also with `+01:00`, or without either for local time.
    private static func iso(_ text: String, _ time: LocalTime) -> Int64? {
        let sides = text.split(separator: "T", omittingEmptySubsequences: false)
        guard sides.count == 2, let date = date(String(sides[0]), "%F") else { return nil }
        var rest = sides[1]
        var offset: Int64?
        if rest.last == "Z" {
            rest = rest.dropLast()
            offset = 0
        } else if let sign = rest.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let digits = rest[rest.index(after: sign)...].filter { $0 != ":" }
            guard digits.count == 4, let value = Int64(digits), value / 100 < 24, value % 100 < 60 else {
                return nil
            }
            offset = (value / 100 * 60 + value % 100) * (rest[sign] == "-" ? -60_000 : 60_000)
            rest = rest[..<sign]
        }
        guard let clock = clock(rest) else { return nil }
        let local = date.days * LocalTime.day + clock
        return offset.map { local - $0 } ?? time.utc(local)
    }

    /// `10:00`, `10:00:00`, `10:00:00.123`: milliseconds since midnight.
    private static func clock(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = number(parts[0], 1...2), hour < 24,
            let minute = number(parts[1], 1...2), minute < 60
        else { return nil }
        var millis: Int64 = 0
        if parts.count == 3 {
            guard let found = seconds(parts[2], whole: 1...2), found < 61_000 else { return nil }
            millis = found
        }
        return Int64(hour * 3_600 + minute * 60) * 1_000 + millis
    }

    /// Seconds with up to three decimals, in milliseconds.
    private static func seconds(_ text: Substring, whole: ClosedRange<Int>) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let value = number(parts[0], whole) else { return nil }
        guard parts.count == 2 else { return Int64(value) * 1_000 }
        guard let fraction = number(parts[1], 1...3) else { return nil }
        let scale = [0, 100, 10, 1][parts[1].count]
        return Int64(value) * 1_000 + Int64(fraction * scale)
    }

    private static func number(_ text: Substring, _ digits: ClosedRange<Int>) -> Int? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// The locale's own form first: it decides what 11/12/2026 is.
    private static func date(_ text: String, _ format: String) -> CivilDate? {
        for format in [format, "%Y-%m-%d", "%m/%d/%Y"] {
            if let found = DateFormat(format).parse(text) { return found }
        }
        return nil
    }
}

/// The numeric part of strptime(3): enough for the dates of locales.
private struct DateFormat {
    private let format: String

    init(_ format: String) {
        self.format = format.replacing("%D", with: "%m/%d/%y").replacing("%F", with: "%Y-%m-%d")
    }

    func parse(_ text: String) -> CivilDate? {
        var rest = Substring(text)
        var (year, month, day): (Int?, Int?, Int?)
        var pattern = Substring(format)
        while let mark = pattern.popFirst() {
            guard mark == "%" else {
                guard rest.popFirst() == mark else { return nil }
                continue
            }
            // %-d, %Ey and the like.
            while let flag = pattern.first, "-_0EO".contains(flag) { pattern.removeFirst() }
            switch pattern.popFirst() {
            case "d", "e": day = take(&rest, 2)
            case "m": month = take(&rest, 2)
            case "Y", "y":
                // Four digits are welcome where the locale shows two: 11/23/2026 in the C locale.
                let before = rest.count
                guard let number = take(&rest, 4) else { return nil }
                year = before - rest.count > 2 ? number : number + (number < 69 ? 2_000 : 1_900)
            default: return nil
            }
        }
        guard rest.isEmpty, let year, let month, let day else { return nil }
        return CivilDate(year: year, month: month, day: day)
    }

    private func take(_ text: inout Substring, _ most: Int) -> Int? {
        let digits = text.prefix(most).prefix { $0.isASCII && $0.isNumber }
        text = text.dropFirst(digits.count)
        return Int(digits)
    }
}
