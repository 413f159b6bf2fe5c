import Glibc

/// Who made a call, read off the raw text of its SYSCALL message, before anybody understands it.
public enum CallMaker {
    private static let key = Array("key=\"sockaudit\"".utf8)
    private static let pid = Array(" pid=".utf8)
    private static let exe = Array(" exe=".utf8)

    /// It was written for a rule of ours. What others' rules want as well would come without us too.
    public static func isForUs(_ text: UnsafeRawBufferPointer) -> Bool {
        // The key is the last field, and a newline or zeros may follow.
        let tail = unsafe UnsafeRawBufferPointer(rebasing: text.suffix(24))
        return unsafe find(key, in: tail) != nil
    }

    /// - Returns: nil where the text has none.
    public static func process(_ text: UnsafeRawBufferPointer) -> Int32? {
        guard let start = unsafe find(pid, in: text) else { return nil }
        var value: Int32 = 0
        var index = start
        // Below the text's count.
        while index < text.count, unsafe text[index] &- 0x30 < 10 {
            value = unsafe value &* 10 &+ Int32(text[index] &- 0x30)
            index += 1
        }
        return index > start ? value : nil
    }

    /// The program's file; empty where the text has none.
    public static func program(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        guard let start = unsafe find(exe, in: text) else { return [] }
        let value = unsafe Array(text[start...].prefix { $0 != 0x20 && $0 != 0 && $0 != 0x0A })
        return unsafe value.withUnsafeBufferPointer { unsafe UntrustedText.decode($0) }
    }

    /// Where the text goes on after the first such word.
    private static func find(_ word: [UInt8], in text: UnsafeRawBufferPointer) -> Int? {
        guard let base = text.baseAddress else { return nil }
        return unsafe word.withUnsafeBytes { sought -> Int? in
            guard let first = unsafe sought.first, let wanted = sought.baseAddress else { return nil }
            var from = 0
            while from + sought.count <= text.count,
                // Between the text's ends: what is compared fits behind.
                let hit = unsafe memchr(base + from, Int32(first), text.count - from - sought.count + 1)
            {
                let at = unsafe UnsafeRawPointer(hit) - base
                if unsafe memcmp(base + at, wanted, sought.count) == 0 { return at + sought.count }
                from = at + 1
            }
            return nil
        }
    }
}
