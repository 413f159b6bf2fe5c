extension ProcScanner {
    /// `Max open files  1024  524288  files` (proc(5)): the first number; nil where there is none.
    static func descriptorLimit(_ pid: Int32) -> Int? {
        let title = Array("Max open files".utf8)
        let lines = (SmallFile.read("/proc/\(pid)/limits", limit: 4_096) ?? []).split(separator: 0x0A)
        guard let line = lines.first(where: { $0.starts(with: title) }) else { return nil }
        let words = line.dropFirst(title.count).split(separator: UInt8(ascii: " "))
        return words.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }
}
