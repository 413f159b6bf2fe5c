import Glibc

/// How people write dates here.
public enum LocaleDate {
    /// strftime's %x spelled out, by LC_ALL, LC_TIME and LANG; the C locale's when these name none.
    public static func format() -> String {
        guard let locale = unsafe newlocale(1 << LC_TIME, "", nil) else { return "%m/%d/%y" }
        defer { unsafe freelocale(locale) }
        return unsafe nl_langinfo_l(nl_item(D_FMT), locale).map { unsafe String(cString: $0) } ?? "%m/%d/%y"
    }
}
