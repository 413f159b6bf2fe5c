import CAudit
import Glibc

/// syslog(3), for what nobody could read on a plugin's standard error.
public enum SystemLog {
    public enum Level: Sendable { case note, error }

    /// Call once, before the first line.
    public static func open() {
        sockaudit_open_log()
    }

    public static func write(_ text: String, _ level: Level) {
        // C reads the text during the call alone.
        unsafe sockaudit_syslog(level == .error ? LOG_ERR : LOG_INFO, text)
    }
}
