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
        let place = Self.place(value)
        if texts[place].count == value.count,
            texts[place].withUnsafeBytes({
                memcmp($0.baseAddress.unsafelyUnwrapped, value.baseAddress.unsafelyUnwrapped, value.count)
                    == 0
            })
        {
            return scripts[place]
        }
        let script = names.intern(ScriptName.find(commandLine: UntrustedText.decode(value)))
        texts[place] = Array(value)
        scripts[place] = script
        return script
    }

    mutating func forget() {
        for place in texts.indices { texts[place] = [] }
        for place in scripts.indices { scripts[place] = .none }
    }

    /// By its length, its first bytes and its last.
    private static func place(_ value: UnsafeBufferPointer<UInt8>) -> Int {
        let bytes = UnsafeRawBufferPointer(value)
        guard bytes.count >= 16 else { return bytes.count }
        var seed = bytes.loadUnaligned(as: UInt64.self) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
        seed =
            (seed ^ bytes.loadUnaligned(fromByteOffset: bytes.count / 2, as: UInt64.self))
            &* 0xC2B2_AE3D_27D4_EB4F
        seed =
            (seed ^ bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
            &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: seed >> 40) & (places - 1)
    }
}
