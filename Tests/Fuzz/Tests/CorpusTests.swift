import Foundation
import TestSupport
import Testing

/// Every input that the fuzzer kept, and each that it ever found something with, without the fuzzer.
@Suite("The fuzzer's corpus") struct CorpusTests {
    private static let folder = URL(fileURLWithPath: Repository.path + "/Tests/Fuzz/Corpus")

    private static func inputs(_ target: FuzzTarget) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: folder.appendingPathComponent(target.rawValue), includingPropertiesForKeys: nil
        ).sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    @Test("What must hold holds of each input", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        #expect(inputs.count >= 10, "a target without a corpus")
        for input in inputs {
            let bytes = Array(try Data(contentsOf: input))
            let fault = OneAtATime.run { target.fault(bytes) }
            #expect(fault == nil, "make fuzz ARGS=\"replay \(target.rawValue) \(input.path)\"")
        }
    }

    @Test("Inputs that begin alike are cut anywhere", arguments: FuzzTarget.allCases)
    func beginnings(_ target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        for input in inputs.prefix(12) {
            let bytes = Array(try Data(contentsOf: input))
            for length in stride(from: 0, to: min(bytes.count, 4_096), by: 61) {
                let fault = OneAtATime.run { target.fault(Array(bytes.prefix(length))) }
                #expect(fault == nil, "\(input.lastPathComponent), its first \(length) bytes")
            }
        }
    }

    /// It is cloned with everything else.
    @Test("The corpus is small") func size() throws {
        let all = try FuzzTarget.allCases.flatMap(Self.inputs)
        let bytes = try all.reduce(0) { try $0 + ($1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
        #expect(bytes < 1 << 20)
    }
}
