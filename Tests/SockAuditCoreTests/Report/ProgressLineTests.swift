import Testing

@testable import SockAuditCore

/// The bar of a long reading.
@Suite struct ProgressLineTests {
    private let half = ProgressLine(
        bytes: 512 << 20, total: 1 << 30, eventsPerSecond: 412_345.6, seconds: 12)

    @Test func whole() {
        #expect(
            half.render(columns: 110)
                == "[####################                    ]   50 %  512.0 MiB of 1.0 GiB  412,346 events/s  0:12 left"
        )
        let begun = ProgressLine(bytes: 10, total: 3_000, eventsPerSecond: 0, seconds: 36)
        #expect(begun.render(columns: 75).hasSuffix("    0 %  10 B of 2.9 KiB  0 events/s  2:59:24 left"))
    }

    @Test func narrow() {
        #expect(half.render(columns: 60) == " 50 %  512.0 MiB of 1.0 GiB  412,346 events/s  0:12 left")
        #expect(half.render(columns: 48) == " 50 %  512.0 MiB of 1.0 GiB  412,346 events/s")
        #expect(half.render(columns: 30) == " 50 %  512.0 MiB of 1.0 GiB")
        #expect(half.render(columns: 18) == "[####     ]   50 %")
        #expect(half.render(columns: 5) == " 50 %")
        #expect(half.render(columns: 4).isEmpty && half.render(columns: 0).isEmpty)
    }

    @Test func ofAPipe() {
        let line = ProgressLine(bytes: 1_536, total: nil, eventsPerSecond: 1_234_567, seconds: 3_661)
        #expect(line.render(columns: 80) == "1.5 KiB  1,234,567 events/s  1:01:01")
    }

    @Test(arguments: [0, 1, 17, 80, 300])
    func neverWiderThanTheTerminal(_ columns: Int) {
        for bytes in [Int64.min, 0, 1, 1 << 20, .max] {
            for total in [Int64?.none, 0, 1, 1 << 40, .max] {
                for value in [0, 1e3, 1e300, -1, .infinity, .nan] {
                    let line = ProgressLine(
                        bytes: bytes, total: total, eventsPerSecond: value, seconds: value)
                    #expect(line.render(columns: columns).count <= columns)
                }
            }
        }
    }
}
