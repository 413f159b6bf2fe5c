import Glibc
import SockAuditCore

/// The script names of the last command lines: a process has the same with each call. In memory
/// as ``CallerCache`` is.
@safe struct ScriptCache {
    private static let places = 256

    private let names: NameTable
    private let texts: UnsafeMutablePointer<[UInt8]>
    private let scripts: UnsafeMutablePointer<NameID>

    init(names: NameTable) {
        self.names = names
        // Given back by deallocate(), which the owner calls once.
        unsafe texts = .allocate(capacity: Self.places)
        unsafe texts.initialize(repeating: [], count: Self.places)
        unsafe scripts = .allocate(capacity: Self.places)
        unsafe scripts.initialize(repeating: .none, count: Self.places)
    }

    func deallocate() {
        // Initialized in init; no copy is used after the owner has gone.
        unsafe texts.deinitialize(count: Self.places)
        unsafe texts.deallocate()
        unsafe scripts.deallocate()
    }

    /// - Parameter at: behind the head of a PROCTITLE record.
    /// - Returns: nil when it is not as the kernel writes it.
    func read(_ at: UnsafeRawPointer, _ end: UnsafeRawPointer) -> NameID? {
        // The line that the caller holds.
        var cursor = unsafe TextCursor(at, end)
        guard cursor.take(" proctitle="), let value = cursor.untrusted(),
            cursor.byte == 0x20 || cursor.byte == 0x0A || cursor.byte == 0x1D
        else { return nil }
        let place = Self.place(value)
        // A place is less than there are of them.
        if unsafe texts[place].count == value.count && texts[place].elementsEqual(value) {
            return unsafe scripts[place]
        }
        let script = names.intern(ScriptName.find(commandLine: UntrustedText.decode(value)))
        // The same place.
        unsafe texts[place] = Array(value)
        unsafe scripts[place] = script
        return script
    }

    func forget() {
        // All that was allocated.
        unsafe texts.update(repeating: [], count: Self.places)
        unsafe scripts.update(repeating: .none, count: Self.places)
    }

    /// By its length, its first bytes and its last.
    private static func place(_ value: Bytes) -> Int {
        guard value.count >= 16 else { return value.count }
        var seed = value.word(at: 0) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(value.count)
        seed = (seed ^ value.word(at: value.count / 2)) &* 0xC2B2_AE3D_27D4_EB4F
        seed = (seed ^ value.word(at: value.count - 8)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: seed >> 40) & (places - 1)
    }
}
