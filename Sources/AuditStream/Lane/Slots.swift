/// A row of values that is changed in place, with every bound checked.
///
/// An array asks each time whether it is shared, and every record touches one of these: that is all that
/// speaks for memory of our own.
@safe struct Slots<Element>: ~Copyable {
    private var memory: UnsafeMutablePointer<Element>
    private(set) var count: Int

    init(_ value: Element, count: Int) {
        self.count = count
        // All of it is initialized, and stays so.
        unsafe memory = .allocate(capacity: count)
        unsafe memory.initialize(repeating: value, count: count)
    }

    deinit {
        // All of it was initialized.
        unsafe memory.deinitialize(count: count)
        unsafe memory.deallocate()
    }

    subscript(index: Int) -> Element {
        @inline(__always)
        _read {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "beyond the row")
            // Within the bounds.
            yield unsafe memory[index]
        }
        @inline(__always)
        _modify {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "beyond the row")
            // Within the bounds.
            yield unsafe &memory[index]
        }
    }

    /// Without asking, in a release build: for what is read with every line of a log.
    @unsafe
    subscript(unchecked index: Int) -> Element {
        @inline(__always)
        _read {
            assert(index >= 0 && index < count, "beyond the row")
            // The caller knows it to be within the bounds.
            yield unsafe memory[index]
        }
    }

    /// Twice as many; what is new has this value.
    mutating func double(_ value: Element) {
        // The old ones move, the rest is initialized: again all of it is.
        let more = UnsafeMutablePointer<Element>.allocate(capacity: count * 2)
        unsafe more.moveInitialize(from: memory, count: count)
        unsafe (more + count).initialize(repeating: value, count: count)
        unsafe memory.deallocate()
        unsafe memory = more
        count *= 2
    }

    /// Copies some of them to another place; both may overlap.
    mutating func copy(_ range: Range<Int>, to place: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "beyond the row")
        precondition(place >= 0 && place <= count - range.count, "beyond the row")
        // Both within the bounds.
        unsafe (memory + place).update(from: memory + range.lowerBound, count: range.count)
    }
}
