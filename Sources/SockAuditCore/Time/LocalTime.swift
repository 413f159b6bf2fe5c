/// Dates and times of day at an offset from UTC, without a clock, a locale or a time zone of its own.
struct LocalTime {
    /// Seconds east of UTC at a time (ms since the epoch).
    let utcOffset: (Int64) -> Int

    static let day: Int64 = 86_400_000

    /// Milliseconds since the epoch as a clock on the wall would count them.
    func local(_ utc: Int64) -> Int64 { utc + Int64(utcOffset(utc)) * 1_000 }

    /// The other way. An hour that the clock skips is taken for the one behind it; of an hour that it
    /// shows twice either may come out.
    func utc(_ local: Int64) -> Int64 {
        let guess = local - Int64(utcOffset(local)) * 1_000
        return local - Int64(utcOffset(guess)) * 1_000
    }

    /// Days since the epoch on the wall.
    func days(_ utc: Int64) -> Int64 { Self.floor(local(utc), Self.day) }

    static func floor(_ value: Int64, _ by: Int64) -> Int64 {
        let quotient = value / by
        return value % by < 0 ? quotient - 1 : quotient
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Equatable {
    var year: Int
    var month: Int
    var day: Int

    /// - Returns: nil for a day that the calendar lacks, or one before 1970 or after 9999.
    init?(year: Int, month: Int, day: Int) {
        guard (1_970...9_999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= lengths[month - 1] else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// By 400-year eras that begin in March.
    init(days: Int64) {
        let shifted = days + 719_468
        let era = LocalTime.floor(shifted, 146_097)
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
    }

    /// Since the epoch.
    var days: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = LocalTime.floor(Int64(shiftedYear), 400)
        let yearOfEra = Int64(shiftedYear) - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = Int64((153 * shiftedMonth + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
