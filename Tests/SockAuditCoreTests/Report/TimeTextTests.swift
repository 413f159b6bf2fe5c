import Glibc
import TestSupport
import Testing

@testable import SockAuditCore

@Suite struct TimeTextTests {
    /// The C library's opinion of the same moment.
    private static func parts(_ seconds: Int64) -> tm {
        var time = time_t(seconds)
        var parts = unsafe tm()
        unsafe gmtime_r(&time, &parts)
        return unsafe parts
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    private static func expected(_ seconds: Int64) -> (date: String, clock: String) {
        // tm names its zone by a pointer, which nobody reads.
        let p = unsafe parts(seconds)
        return (
            unsafe "\(pad(Int(p.tm_year) + 1_900, 4))-\(pad(Int(p.tm_mon) + 1, 2))-\(pad(Int(p.tm_mday), 2))",
            unsafe "\(pad(Int(p.tm_hour), 2)):\(pad(Int(p.tm_min), 2)):\(pad(Int(p.tm_sec), 2))"
        )
    }

    private func check(_ milliseconds: Int64) {
        let seconds = Int64((Double(milliseconds) / 1_000).rounded(.down))
        let rest = Int(milliseconds - seconds * 1_000)
        let (date, clock) = Self.expected(seconds)
        #expect(TimeText.iso(milliseconds) == "\(date)T\(clock).\(Self.pad(rest, 3))Z")
        #expect(TimeText.dateAndTime(milliseconds, offset: 0) == "\(date) \(clock)")
        #expect(TimeText.timeOfDay(milliseconds, offset: 0) == clock)
    }

    @Test(arguments: [
        Int64(0), -1, 1, 999, 1_000, -1_000, 951_782_399_999, 951_782_400_000, 951_868_800_000,
        1_709_164_800_000,
        4_107_542_400_000, -2_203_891_200_000, 1_700_000_000_123, 253_402_300_799_999, 253_402_300_800_000,
    ])
    func knownMoments(_ milliseconds: Int64) { check(milliseconds) }

    @Test func manyRandomMoments() {
        var random = Seeded(7)
        // Years 0 to 33658: what twelve digits of seconds in a record can say, and long before.
        for _ in 0..<20_000 {
            check(Int64.random(in: -62_167_219_200_000...999_999_999_999_999, using: &random))
        }
        for _ in 0..<5_000 { check(Int64.random(in: -1_000_000_000_000...4_000_000_000_000, using: &random)) }
    }

    @Test func everyDayOfFourCenturies() {
        for day in stride(from: Int64(-73_000), to: 73_000, by: 1) {
            #expect(TimeText.iso(day * 86_400_000).hasPrefix(Self.expected(day * 86_400).date))
        }
    }

    @Test func offsets() {
        #expect(TimeText.timeOfDay(0, offset: 3_600) == "01:00:00")
        #expect(TimeText.timeOfDay(0, offset: -1) == "23:59:59")
        #expect(TimeText.dateAndTime(0, offset: -3_600) == "1969-12-31 23:00:00")
        #expect(TimeText.dateAndTime(1_700_000_000_000, offset: 19_800) == "2023-11-15 03:43:20")
    }

    @Test(arguments: [Int64.min, .min + 1, .max, .max - 1])
    func nothingTraps(_ milliseconds: Int64) {
        #expect(TimeText.iso(milliseconds).hasSuffix("Z"))
        #expect(!TimeText.dateAndTime(milliseconds, offset: 50_000).isEmpty)
    }

    @Test(arguments: [
        (0.0, "00:00:00"), (201.4, "00:03:21"), (86_399.9, "23:59:59"), (86_400, "1d 00:00:00"),
        (200_000, "2d 07:33:20"), (-5, "00:00:00"), (.nan, "00:00:00"), (-.infinity, "00:00:00"),
    ])
    func durations(_ seconds: Double, _ text: String) { #expect(TimeText.duration(seconds) == text) }

    @Test func endlessDurationsEnd() { #expect(TimeText.duration(.infinity).hasSuffix("00:00:00") == false) }

    @Test(arguments: [(7.0, "7"), (0.5, "0.5"), (1.25, "1.25"), (0, "0"), (6.9999, "7"), (3_600, "3600")])
    func seconds(_ value: Double, _ text: String) { #expect(TimeText.seconds(value) == text) }
}
