import CAudit
import Glibc

/// Reads a file on a second processor while the first one looks at the block before.
///
/// Unpacking a .gz takes longer than all that is done with what is in it. Two blocks go to and fro between the
/// threads, so what is read is what ``InputFile/read(into:)`` would have given, in the same order. A plain file is
/// not worth it: two threads of one core that share its way to the memory took a fifth more of both for a
/// sixth less of waiting.
public final class ReadAhead {
    /// What ``next(or:)`` came back with.
    @safe public enum Step {
        /// Bytes, until the next call, and how far the file is read (``InputFile/position``).
        case block(UnsafeRawBufferPointer, position: Int64)
        case end
        /// A signal asks for something; nothing of the file was taken.
        case stopped
    }

    private let shared: Exchange
    private let thread: pthread_t
    private var taken = 0
    private var holdsBlock = false
    private var isOver = false

    /// Whether reading ahead pays: there is much to unpack, and a second processor.
    public static func pays(for file: InputFile) -> Bool {
        guard let size = file.size, file.isUnpackedHere else { return false }
        return size >= 1 << 18 && sockaudit_processors() > 1
    }

    /// - Parameter file: nobody else reads it until this is gone.
    /// - Returns: nil when there is no thread or descriptor to be had; the file is as it was.
    public init?(_ file: InputFile, block: Int) {
        guard let shared = Exchange(file, block: block),
            let thread = try? WorkThread.start(
                orSay: "No thread that reads ahead could be made.", { shared.fill() })
        else { return nil }
        self.shared = shared
        self.thread = thread
    }

    deinit {
        shared.cancel()
        pthread_join(thread, nil)
    }

    /// The next block; the one before it is given back.
    /// - Parameter stop: readable when a signal asks for something.
    /// - Throws: what the reading came to; the file has ended with it.
    public func next(or stop: Int32) throws(AuditError) -> Step {
        if holdsBlock {
            holdsBlock = false
            shared.empty.post()
        }
        if isOver { return .end }
        guard try shared.filled.wait(or: stop) else { return .stopped }
        // There are two; this one is ours until it is given back, and so many bytes of it were filled.
        let slot = unsafe shared.slots[taken & 1]
        switch slot.result {
        case .failure(let error):
            isOver = true
            throw error
        case .success(0):
            isOver = true
            return .end
        case .success(let count):
            taken += 1
            holdsBlock = true
            // There are two; this one is ours until it is given back, and so many bytes of it were filled.
            return unsafe .block(
                UnsafeRawBufferPointer(rebasing: slot.bytes[..<count]), position: slot.position)
        }
    }
}

/// What the two threads share.
///
/// Unchecked: a slot belongs to the thread that has taken it from ``empty`` or ``filled``, the file to the one
/// that fills.
@safe private final class Exchange: @unchecked Sendable {
    @safe struct Slot {
        let bytes: UnsafeMutableRawBufferPointer
        var result: Result<Int, AuditError> = .success(0)
        var position: Int64 = 0
    }

    private let file: InputFile
    let slots: UnsafeMutableBufferPointer<Slot>
    let empty: Counter
    let filled: Counter
    /// Readable when the reader is to end.
    private let end: Counter

    init?(_ file: InputFile, block: Int) {
        guard let empty = Counter(2), let filled = Counter(0), let end = Counter(0) else { return nil }
        self.file = file
        self.empty = empty
        self.filled = filled
        self.end = end
        // Given back in deinit.
        unsafe slots = .allocate(capacity: 2)
        for index in 0..<2 {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: block, alignment: 64)
            // Once for each of the two.
            unsafe slots.initializeElement(at: index, to: Slot(bytes: bytes))
        }
    }

    deinit {
        // Both threads are done with it, and both slots were initialized.
        for index in 0..<2 { unsafe slots[index].bytes.deallocate() }
        unsafe slots.deinitialize()
        unsafe slots.deallocate()
    }

    func cancel() { end.post() }

    /// Reads to the file's end. Runs in the second thread.
    func fill() {
        var place = 0
        while (try? empty.wait(or: end.descriptor)) ?? false {
            // There are two; this one is ours until it is posted.
            let result = unsafe read(into: slots[place & 1].bytes)
            guard let result else { return }
            unsafe slots[place & 1].result = result
            unsafe slots[place & 1].position = file.position
            filled.post()
            place += 1
            guard case .success(1...) = result else { return }
        }
    }

    /// - Returns: nil when nobody waits for it any more.
    private func read(into bytes: UnsafeMutableRawBufferPointer) -> Result<Int, AuditError>? {
        do throws(AuditError) {
            if try file.wait(or: end.descriptor) == .stopped { return nil }
            // There are two; this one is ours until it is posted.
            return unsafe .success(try file.read(into: bytes))
        } catch {
            return .failure(error)
        }
    }
}

/// A count that threads wait on, as eventfd(2) keeps it.
private final class Counter: Sendable {
    let descriptor: Int32

    init?(_ start: UInt32) {
        descriptor = eventfd(start, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    func post() {
        var one: UInt64 = 1
        // Fails only beyond 2^64.
        _ = SystemText.retrying { unsafe write(descriptor, &one, 8) }
    }

    /// Takes one off.
    /// - Returns: false when the other descriptor became readable first.
    func wait(or other: Int32) throws(AuditError) -> Bool {
        var waiting = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        // As many as are given.
        guard SystemText.retrying({ unsafe poll(&waiting, 2, -1) }) >= 0 else {
            throw AuditError(.inputFailed, errno: errno, "Waiting for the thread that reads failed.")
        }
        if waiting[1].revents != 0 { return false }
        var count: UInt64 = 0
        // Eight bytes, as eventfd(2) has them.
        return SystemText.retrying { unsafe read(descriptor, &count, 8) } == 8
    }
}
