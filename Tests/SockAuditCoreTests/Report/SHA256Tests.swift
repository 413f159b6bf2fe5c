import TestSupport
import Testing

@testable import SockAuditCore

/// Vectors of FIPS 180-4's examples and of NIST's CAVP (SHA256ShortMsg, SHA256LongMsg).
@Suite struct SHA256Tests {
    private func hash(_ bytes: [UInt8]) -> String {
        var hash = SHA256()
        hash.update(bytes)
        return hash.hex
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func published(_ text: String, _ expected: String) { #expect(hash(Array(text.utf8)) == expected) }

    @Test func aMillionLetters() {
        #expect(
            hash([UInt8](repeating: 0x61, count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func oneByteOfNIST() {
        #expect(hash([0xd3]) == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1")
    }

    @Test func piecesAreTheWhole() {
        var random = Seeded(3)
        for _ in 0..<50 {
            let bytes = random.bytes(Int.random(in: 0...300, using: &random))
            var hash = SHA256()
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...90, using: &random))
                // Asking in between changes nothing.
                _ = hash.hex
                hash.update(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(hash.hex == self.hash(bytes))
        }
    }
}
