/// Bytes that lie in another's memory, read with every bound checked: what a log, the kernel or a C library
/// hands over for a call is looked at through this.
///
/// Who makes one promises that the bytes stay for as long as it is used, which is why making one is `unsafe`;
/// nothing that is done with it is.
@safe public struct Bytes: RandomAccessCollection {
    // Read only within the bounds that the subscript checks.
    @usableFromInline let memory: UnsafeRawBufferPointer

    @inlinable public init(_ memory: UnsafeRawBufferPointer) {
        // Kept, not read.
        unsafe self.memory = memory
    }

    @inlinable public init(_ memory: UnsafeBufferPointer<UInt8>) {
        // The same bytes, without their type.
        unsafe self.memory = UnsafeRawBufferPointer(memory)
    }

    @inlinable public var startIndex: Int { 0 }
    // A count is no access.
    @inlinable public var endIndex: Int { unsafe memory.count }

    @inlinable public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < endIndex, "beyond the bytes")
        // Within the bounds.
        return unsafe memory[index]
    }

    /// A part, counted from its own beginning.
    @inlinable public func part(_ range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= endIndex, "beyond the bytes")
        // Within the bounds, and no longer there than the whole.
        return unsafe Bytes(UnsafeRawBufferPointer(rebasing: memory[range]))
    }

    /// Eight bytes from here on, as they lie in memory.
    @inlinable public func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= endIndex - 8, "beyond the bytes")
        // All eight within the bounds.
        return unsafe memory.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    }

    /// Eight at a time, which elementsEqual does not.
    @inlinable public func isSame(as other: Bytes) -> Bool {
        guard count == other.count else { return false }
        var at = 0
        while at + 8 <= count {
            if word(at: at) != other.word(at: at) { return false }
            at += 8
        }
        while at < count {
            if self[at] != other[at] { return false }
            at += 1
        }
        return true
    }

    @inlinable public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        // Bytes may be looked at as UInt8 wherever they lie.
        try unsafe memory.withMemoryRebound(to: UInt8.self) { try unsafe body($0) }
    }
}

extension StaticString {
    /// The text as UTF-8.
    @inlinable public var bytes: Bytes {
        // A constant of the program stays as long as the program.
        unsafe Bytes(UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount))
    }
}
