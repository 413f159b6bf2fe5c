import Glibc
import SockAuditCore

/// The script names of the last command lines: a process has the same with each call.
struct ScriptCache {
    private static let places = 256

    private let names: NameTable
    private var texts = [[UInt8]](repeating: [], count: ScriptCache.places)
    private var scripts = [NameID](repeating: .none, count: ScriptCache.places)

    init(names: NameTable) { self.names = names }

    /// - Parameter at: behind the head of a PROCTITLE record.
    /// - Returns: nil when it is not as the kernel writes it.
    mutating func read(_ at: UnsafeRawPointer, _ end: UnsafeRawPointer) -> NameID? {
        var cursor = TextCursor(at, end)
        guard cursor.take(" proctitle="), let value = cursor.untrusted(),
            cursor.byte == 0x20 || cursor.byte == 0x0A || cursor.byte == 0x1D
        else { return nil }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in value { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let place = Int(truncatingIfNeeded: hash >> 24) & (Self.places - 1)
        if texts[place].count == value.count, texts[place].elementsEqual(value) { return scripts[place] }
        let script = names.intern(ScriptName.find(commandLine: UntrustedText.decode(value)))
        texts[place] = Array(value)
        scripts[place] = script
        return script
    }
}
