import Foundation
import TestSupport
import Testing

@testable import SockAuditCore

/// The reader of our own JSON: takes what we write and refuses what is damaged.
@Suite struct JSONValueTests {
    private func parse(_ text: String) -> JSONValue? { JSONValue.parse(Array(text.utf8)) }

    @Test func values() {
        #expect(parse(" {\"a\":[1,-2.5e1,true,false,null],\"b\":{}} ")?["a"]?.items?.count == 5)
        #expect(parse("[0,-0,10,1e2]") == .array([.number(0), .number(0), .number(10), .number(100)]))
        #expect(parse("\"\\u00e9\\ud83e\\udd80\\n\\/\\\\\"")?.text == "é🦀\n/\\")
        #expect(parse("12")?.whole == 12 && parse("12.5")?.whole == nil && parse("1e300")?.whole == nil)
    }

    @Test(arguments: [
        "", "{", "{}x", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "[1 2]", "01", "1.", ".5", "+1", "1e",
        "-",
        "nul", "True", "\"a", "\"\\x41\"", "\"\\ud83e\"", "\"\\ud83e\\u0041\"", "\"\\udc00\"", "\"\\u00g0\"",
        "\"a\nb\"", "1e999", "{\"a\":1,\"a\":2}", "NaN", "\"\\u12",
    ])
    func refused(_ text: String) { #expect(parse(text) == nil, "\(text)") }

    @Test func bytesThatAreNoText() {
        #expect(JSONValue.parse([0x22, 0xFF, 0x22]) == nil)
        #expect(JSONValue.parse([0x22, 0xC3, 0x28, 0x22]) == nil)
    }

    @Test func depthIsBounded() {
        #expect(parse(String(repeating: "[", count: 100_000)) == nil)
        #expect(parse(String(repeating: "[", count: 12) + String(repeating: "]", count: 12)) != nil)
    }

    /// On damaged tables it never takes what Foundation refuses, and what both take is the same.
    @Test func damagedTablesAgainstFoundation() throws {
        let line = Array(JSONLines.render(Snapshot(head: Samples.head(), rows: Samples.hostileRows)).utf8)
        var random = Seeded(11)
        var taken = 0
        for _ in 0..<400 {
            var bytes = line
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0x20...0x7E, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes = Array(bytes[..<at])
                }
                if bytes.isEmpty { break }
            }
            guard let ours = JSONValue.parse(bytes) else { continue }
            taken += 1
            let theirs = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            #expect(same(ours, theirs))
        }
        #expect(taken > 20)
    }

    private func same(_ ours: JSONValue, _ theirs: Any) -> Bool {
        switch ours {
        case .null: theirs is NSNull
        case .bool(let value): (theirs as? NSNumber)?.boolValue == value
        case .number(let value): (theirs as? NSNumber)?.doubleValue == value
        case .string(let value): (theirs as? String).map { Array($0.utf8) == Array(value.utf8) } == true
        case .array(let items):
            (theirs as? [Any]).map { $0.count == items.count && zip(items, $0).allSatisfy(same) } == true
        case .object(let members):
            (theirs as? [String: Any]).map { other in
                other.count == members.count
                    && members.allSatisfy { key, value in other[key].map { same(value, $0) } == true }
            } == true
        }
    }
}
