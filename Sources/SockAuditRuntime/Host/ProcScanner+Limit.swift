extension ProcScanner {
    static func descriptorLimit(_ pid: Int32) -> Int? {
        SmallFile.read("/proc/\(pid)/limits", limit: 4_096).flatMap(descriptorLimit(of:))
    }

    /// `Max open files  1024  524288  files` (proc(5)): the first number; nil where there is none.
    static func descriptorLimit(of limits: [UInt8]) -> Int? {
        let title = Array("Max open files".utf8)
        guard let line = limits.split(separator: 0x0A).first(where: { $0.starts(with: title) }) else {
            return nil
        }
        let words = line.dropFirst(title.count).split(separator: UInt8(ascii: " "))
        return words.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }

    /// `Tgid:   1234`: whose an id is, as /proc/ID/status tells of threads too (proc(5)).
    static func owner(of status: [UInt8]) -> ArraySlice<UInt8>? {
        status.split(separator: 0x0A).first { $0.starts(with: "Tgid:".utf8) }?
            .split(whereSeparator: { $0 == 0x09 || $0 == 0x20 }).last
    }
}
