import CZlib
import Glibc

/// Decompresses gzip members one after another, as they come. Bytes in, bytes out; bounded memory.
///
/// What came before a damage is given out; the damage itself is told at the end.
@safe final class GzipStream {
    /// On the heap: zlib keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let chunk: UnsafeMutableBufferPointer<UInt8>
    private var sawEnd = false
    /// Between two members, where the input may end.
    private var isBetween = false
    /// The input cannot be trusted from here on.
    private(set) var isDamaged = false

    static let magic: [UInt8] = [0x1F, 0x8B]

    /// - Parameter head: what was read of the input already.
    init?(head: [UInt8]) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe chunk = .allocate(capacity: max(65_536, head.count))
        _ = unsafe chunk.update(fromContentsOf: head)
        unsafe stream.pointee.next_in = chunk.baseAddress
        unsafe stream.pointee.avail_in = uInt(head.count)
        guard unsafe sockaudit_gunzip_begin(stream) == Z_OK else { return nil }
    }

    deinit {
        // Allocated in init, of this object alone.
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
        unsafe chunk.deallocate()
    }

    /// Something can be given out without reading first.
    var hasInput: Bool { unsafe stream.pointee.avail_in > 0 || sawEnd || isDamaged }

    /// - Parameter refill: reads more of the input into the buffer; 0 at its end.
    /// - Returns: bytes given out; 0 at the end, or at the damage.
    func read(
        into out: UnsafeMutableRawBufferPointer,
        _ refill: (UnsafeMutableRawBufferPointer) throws(AuditError) -> Int
    ) throws(AuditError) -> Int {
        // zlib writes no more than the room that it is told of, which the caller holds.
        unsafe stream.pointee.next_out = out.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = uInt(clamping: out.count)
        while !isDamaged, unsafe stream.pointee.avail_out > 0 {
            if unsafe stream.pointee.avail_in == 0 && !sawEnd {
                // What is there is given out before more is waited for.
                if unsafe Int(stream.pointee.avail_out) < out.count { break }
                let count = try unsafe refill(UnsafeMutableRawBufferPointer(chunk))
                sawEnd = count == 0
                unsafe stream.pointee.next_in = chunk.baseAddress
                unsafe stream.pointee.avail_in = uInt(count)
            }
            if isBetween, !beginMember() { break }
            if !step() { break }
        }
        // zlib writes no more than the room that it is told of, which the caller holds.
        return unsafe out.count - Int(stream.pointee.avail_out)
    }

    /// - Returns: whether there is a next member, or may be one when more has come.
    private func beginMember() -> Bool {
        // gzip pads members with zeros on some media.
        while unsafe stream.pointee.avail_in > 0, unsafe stream.pointee.next_in.pointee == 0 {
            unsafe stream.pointee.next_in += 1
            unsafe stream.pointee.avail_in -= 1
        }
        guard unsafe stream.pointee.avail_in > 0 else { return !sawEnd }
        isBetween = false
        unsafe inflateReset(stream)
        return true
    }

    /// - Returns: false at the end of the input.
    private func step() -> Bool {
        if isBetween { return true }
        switch unsafe inflate(stream, Z_NO_FLUSH) {
        case Z_OK: return true
        case Z_STREAM_END:
            isBetween = true
            return true
        case Z_BUF_ERROR where !sawEnd: return true
        default:
            // Also an end within a member.
            isDamaged = true
            return false
        }
    }
}
