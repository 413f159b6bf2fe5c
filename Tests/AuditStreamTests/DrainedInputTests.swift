import Foundation
import Glibc
import Testing

@testable import AuditStream

/// What stands between auditd and a plugin that has something else to do.
@Suite("The drained input") struct DrainedInputTests {
    private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test("What finds no room is counted line by line, and what comes when there is room again is taken")
    func queue() {
        var queue = RecordQueue(room: 10)
        queue.push(bytes("a\nb\n"))
        queue.push(bytes("cccc\nd\n"))
        queue.push(bytes("eeeeee\n"))
        queue.push(bytes("fff\n"))
        #expect(queue.dropped == 3 && queue.overruns == 1, "one time, two blocks")
        #expect(queue.bytes == 8, "a small block fits where a large one did not")
        #expect(queue.pop() == Array("a\nb\n".utf8))
        queue.push(bytes("g\n"))
        #expect(queue.pop() == Array("fff\n".utf8) && queue.pop() == Array("g\n".utf8))
        #expect(queue.pop() == nil && queue.isEmpty && queue.bytes == 0)
        queue.push(bytes("12345678901\n"))
        #expect(queue.dropped == 4 && queue.overruns == 2)
        for number in 0..<2_000 {
            queue.push(bytes("\(number)\n"))
            #expect(queue.pop() == Array("\(number)\n".utf8))
        }
    }

    @Test("Wherever the pieces are cut, blocks hold whole lines, and all of them")
    func blocks() {
        let text = Array("type=A x\ntype=BB yy\n\ntype=C\nlast".utf8)
        for size in 1...text.count {
            var lines = LineBlocks()
            var got: [UInt8] = []
            var start = 0
            while start < text.count {
                let end = min(start + size, text.count)
                // The bytes stay for the call.
                let block = unsafe text[start..<end].withUnsafeBytes { unsafe lines.push($0) }
                #expect(block.isEmpty || block.last == 0x0A)
                got += block
                start = end
            }
            #expect(got + lines.finish() == text + [0x0A])
        }
    }

    @Test("A line longer than any record is given up whole, and the next one is not joined to it")
    func longLine() {
        var lines = LineBlocks()
        var got: [UInt8] = []
        for part in [
            String(repeating: "x", count: 100_000), String(repeating: "y", count: 100_000), "z\nnext\n",
        ] {
            // The bytes stay for the call.
            unsafe got += Array(part.utf8).withUnsafeBytes { unsafe lines.push($0) }
        }
        #expect(got == Array("next\n".utf8) && lines.tooLong == 1)
    }

    /// A pipe into a drained input.
    private final class Pipe {
        let input: DrainedInput
        private var writer: Int32

        init(room: Int) throws {
            var ends: [Int32] = [0, 0]
            // Two descriptors are written, and there is room for two.
            try unsafe #require(pipe(&ends) == 0)
            writer = ends[1]
            input = try DrainedInput.start(input: ends[0], room: room)
        }

        deinit { end() }

        func write(_ text: [UInt8]) throws {
            var sent = 0
            while sent < text.count {
                // The bytes stay for the call.
                let count = unsafe text.withUnsafeBytes {
                    unsafe Glibc.write(
                        writer, UnsafeRawBufferPointer(rebasing: $0[sent...]).baseAddress, $0.count - sent)
                }
                try #require(count > 0)
                sent += count
            }
        }

        func end() {
            if writer >= 0 { close(writer) }
            writer = -1
        }

        /// Reads until it has ended.
        func rest() -> [UInt8] {
            var got: [UInt8] = []
            while input.end == nil {
                var waiting = pollfd(fd: input.descriptor, events: Int16(POLLIN), revents: 0)
                // As many as the array has.
                _ = unsafe poll(&waiting, 1, 100)
                _ = unsafe input.take { unsafe got += $0 }
            }
            return got
        }
    }

    @Test("A writer never waits, and every line is either handed over or counted")
    func neverWaits() throws {
        let pipe = try Pipe(room: 1 << 20)
        let line = Array("type=SYSCALL msg=audit(1.000:1): nothing in particular\n".utf8)
        // Many times what a pipe and the room hold, and nobody takes any of it.
        let block = Array((0..<1_000).map { _ in line }.joined())
        for _ in 0..<200 { try pipe.write(block) }
        pipe.end()
        let got = pipe.rest()
        let lines = got.count { $0 == 0x0A }
        #expect(pipe.input.end == .closed)
        #expect(lines + pipe.input.counters.dropped == 200_000)
        #expect(pipe.input.counters.overruns >= 1 && lines > 10_000)
        // What stood in the pipe came while room was made.
        #expect(got.count <= 2 << 20)
        #expect(got.split(separator: 0x0A).allSatisfy { $0.elementsEqual(line.dropLast()) }, "none is torn")
    }

    @Test("The binary form of auditd is known by its first bytes, and still nobody waits")
    func binary() throws {
        let pipe = try Pipe(room: 1 << 20)
        let head: [UInt8] = [0, 0, 0, 0, 16, 0, 0, 0, 0x14, 5, 0, 0, 9, 0, 0, 0]
        for _ in 0..<20_000 { try pipe.write(head + Array("audit(1.1\n".utf8)) }
        while pipe.input.end == nil { usleep(1_000) }
        #expect(pipe.input.end == .binary)
        pipe.end()
    }
}
