import Foundation
import Testing

@testable import SockAuditCore

/// `--from` and `--to`: the forms of ausearch's -ts and -te.
@Suite struct MomentTests {
    private static let berlin = TimeZone(identifier: "Europe/Berlin")

    /// Wednesday, 25 November 2026, 18:30:05.250 in Berlin; booted on Monday at 07:00:00.700.
    private func here(_ format: String = "%m/%d/%y", zone: TimeZone? = berlin) -> Moment.Surroundings {
        Moment.Surroundings(now: 1_795_627_805_250, boot: 1_795_413_600_700, dateFormat: format) { ms in
            zone?.secondsFromGMT(for: Date(timeIntervalSince1970: Double(ms) / 1_000)) ?? 0
        }
    }

    /// In Berlin, with milliseconds.
    private func shown(_ ms: Int64) -> String {
        TimeText.dateAndTime(ms, offset: here().utcOffset(ms)) + (ms % 1_000 == 0 ? "" : ".\(ms % 1_000)")
    }

    @Test(arguments: [
        ("now", "2026-11-25 18:30:05.250"), ("recent", "2026-11-25 18:20:05.250"),
        ("this-hour", "2026-11-25 18:00:00"), ("boot", "2026-11-23 07:00:00"),
        ("today", "2026-11-25 00:00:00"),
        ("yesterday", "2026-11-24 00:00:00"), ("this-week", "2026-11-22 00:00:00"),
        ("week-ago", "2026-11-18 00:00:00"), ("this-month", "2026-11-01 00:00:00"),
        ("this-year", "2026-01-01 00:00:00"), ("11/23/26", "2026-11-23 00:00:00"),
        ("11/23/2026", "2026-11-23 00:00:00"), ("2026-11-23", "2026-11-23 00:00:00"),
        ("10:05", "2026-11-25 10:05:00"),
        ("10:05:07", "2026-11-25 10:05:07"), ("10:05:07.5", "2026-11-25 10:05:07.500"),
        ("11/23/2026 10:05", "2026-11-23 10:05:00"), ("2026-11-23 9:05:07", "2026-11-23 09:05:07"),
        ("yesterday 23:59", "2026-11-24 23:59:00"), ("now 08:00", "2026-11-25 08:00:00"),
        ("boot 08:00", "2026-11-23 08:00:00"), ("2026-11-23T10:00:00", "2026-11-23 10:00:00"),
        ("2026-11-23T10:00:00.125Z", "2026-11-23 11:00:00.125"),
        ("2026-11-23T10:00+03:30", "2026-11-23 07:30:00"),
        ("2026-11-23T10:00:00-0500", "2026-11-23 16:00:00"), ("@1795413600", "2026-11-23 07:00:00"),
        ("@1795413600.25", "2026-11-23 07:00:00.250"), ("2026-07-01 10:00", "2026-07-01 10:00:00"),
        ("02/29/2028", "2028-02-29 00:00:00"),
    ])
    func from(_ text: String, _ wanted: String) throws {
        #expect(shown(try Moment.parse([text], .from, here())) == wanted)
        #expect(shown(try Moment.parse(text.split(separator: " ").map(String.init), .from, here())) == wanted)
    }

    @Test(arguments: [
        ("now", "2026-11-25 18:30:05.250"), ("today", "2026-11-25 18:30:05.250"),
        // Without a time the present time of day, as ausearch has it; the second is in whole.
        ("11/23/2026", "2026-11-23 18:30:05.250"), ("2026-11-23 10:05:07", "2026-11-23 10:05:07.999"),
        ("2026-11-23 10:05:07.500", "2026-11-23 10:05:07.500"), ("10:05", "2026-11-25 10:05:00.999"),
        ("yesterday", "2026-11-24 00:00:00.999"),
    ])
    func to(_ text: String, _ wanted: String) throws {
        #expect(shown(try Moment.parse([text], .to, here())) == wanted)
    }

    @Test(
        "The locale decides what a date is",
        arguments: [
            ("%m/%d/%Y", "11/12/2026", "2026-11-12"), ("%d/%m/%y", "11/12/2026", "2026-12-11"),
            ("%d/%m/%y", "11/12/26", "2026-12-11"), ("%d.%m.%Y", "23.11.2026", "2026-11-23"),
            ("%Y年%m月%d日", "2026年11月23日", "2026-11-23"), ("%D", "11/23/26", "2026-11-23"),
            ("%F", "2026-11-23", "2026-11-23"), ("%-d.%-m.%Y", "3.1.2026", "2026-01-03"),
            // What the locale cannot read, the others may.
            ("%d.%m.%Y", "11/23/2026", "2026-11-23"), ("%d.%m.%Y", "2026-11-23", "2026-11-23"),
            ("%a %d %b %Y", "2026-11-23", "2026-11-23"), ("%m/%d/%y", "01/02/70", "1970-01-02"),
        ])
    func locales(_ format: String, _ text: String, _ wanted: String) throws {
        let found = try Moment.parse([text], .from, here(format))
        #expect(shown(found) == wanted + " 00:00:00")
    }

    @Test(arguments: [
        [], [""], ["a", "b", "c"], ["tomorrow"], ["checkpoint"], ["11/31/2026"], ["02/29/2026"],
        ["13/01/2026"],
        ["2026-11-23x"], ["2026-11"], ["24:00"], ["10:60"], ["10:00:61"], ["10"], ["10:"], [":10"],
        ["10:00:00:00"],
        ["10:00:00.1234"], ["-1:00"], ["@"], ["@-1"], ["@1x"], ["2026-11-23T"], ["2026-11-23T10:00+1"],
        ["2026-11-23", "today"], ["10:00", "2026-11-23"], ["11/23/2026", "10"], ["99999999-01-01"],
        ["١١/٢٣/٢٠٢٦"],
        ["@999999999999999999999"], ["01/01/1969"],
    ])
    func refused(_ words: [String]) {
        #expect(throws: Moment.Failure.self) { _ = try Moment.parse(words, .from, here()) }
    }

    @Test func aBootThatIsNotKnown() {
        var host = here()
        host.boot = nil
        #expect(throws: Moment.Failure.self) { _ = try Moment.parse(["boot"], .from, host) }
    }

    /// Against the calendar of the system's own library, over the nights in which clocks are changed too.
    @Test func everyDayAndHourIsThatOfTheCalendar() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(Self.berlin)
        let start = try #require(calendar.date(from: DateComponents(year: 2024, month: 1, day: 1)))
        for hour in stride(from: 0, to: 3 * 366 * 24, by: 5) {
            let date = start.addingTimeInterval(Double(hour) * 3_600)
            let parts = calendar.dateComponents([.year, .month, .day, .hour], from: date)
            let (y, m, d, h) = (parts.year ?? 0, parts.month ?? 0, parts.day ?? 0, parts.hour ?? 0)
            let found = try Moment.parse(["\(y)-\(m)-\(d)", "\(h):00"], .from, here())
            // An hour that the clock shows twice is either of them.
            let off = abs(Double(found) / 1_000 - date.timeIntervalSince1970)
            #expect(off == 0 || (off == 3_600 && m == 10 && h == 2), "\(parts)")
            let midnight = try Moment.parse(["\(m)/\(d)/\(y)"], .from, here())
            #expect(Double(midnight) / 1_000 == calendar.startOfDay(for: date).timeIntervalSince1970)
            #expect(CivilDate(days: CivilDate(year: y, month: m, day: d)?.days ?? 0).day == d)
        }
    }
}
