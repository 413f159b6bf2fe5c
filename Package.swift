// swift-tools-version: 6.2
import PackageDescription

// CI sets SOCKAUDIT_WERROR so that only our own targets, never a dependency, are held to it.
let warningsAreErrors = Context.environment["SOCKAUDIT_WERROR"] == "1"
// .ci/fuzz.sh sets SOCKAUDIT_FUZZ: the fuzzer's program is no part of any other build (Tests/Fuzz/README.md).
let isFuzzed = Context.environment["SOCKAUDIT_FUZZ"] == "1"
// Each access to a class's variable is checked for another one at the same time, which values and one thread a
// pipeline cannot make; that takes a tenth of an event's time. The debug build, which all tests but the live
// ones run, keeps the checks.
// What the compiler cannot see to be memory safe is marked `unsafe`; .ci/unsafe.py wants the reason beside it.
let common: [SwiftSetting] =
    [.strictMemorySafety()]
    + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])
    + (isFuzzed ? [] : [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))])

let package = Package(
    name: "sockaudit",
    products: [.executable(name: "sockaudit", targets: ["sockaudit"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CAudit", path: "Sources/CAudit"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib"),
        .target(name: "SockAuditCore", swiftSettings: common),
        .target(
            name: "AuditStream", dependencies: ["CAudit", "CZlib", "SockAuditCore"], swiftSettings: common),
        .target(
            name: "SockAuditRuntime", dependencies: ["AuditStream", "SockAuditCore"], swiftSettings: common),
        .target(
            name: "SockAuditCommands",
            dependencies: [
                "SockAuditRuntime", "AuditStream", "SockAuditCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: common),
        .executableTarget(
            name: "sockaudit", dependencies: ["SockAuditCommands", "SockAuditRuntime", "AuditStream"],
            swiftSettings: common),
        // What the tests share; no product has it.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: common),
        // What the decoders made of an input, for their tests and the fuzzer.
        .target(
            name: "DecoderTranscript", dependencies: ["AuditStream", "SockAuditCore"],
            path: "Tests/DecoderTranscript", swiftSettings: common),
        .testTarget(
            name: "SockAuditCoreTests", dependencies: ["TestSupport", "SockAuditCore"], swiftSettings: common),
        .testTarget(
            name: "AuditStreamTests", dependencies: ["TestSupport", "AuditStream", "SockAuditCore"],
            swiftSettings: common),
        .testTarget(
            name: "ReplayTests",
            dependencies: [
                "DecoderTranscript", "TestSupport", "SockAuditRuntime", "AuditStream", "SockAuditCore",
            ],
            swiftSettings: common),
        .testTarget(
            name: "DoctorTests",
            dependencies: ["TestSupport", "SockAuditRuntime", "AuditStream", "SockAuditCore"],
            swiftSettings: common),
        .testTarget(
            name: "ReportTests",
            dependencies: ["TestSupport", "SockAuditRuntime", "AuditStream", "SockAuditCore"],
            swiftSettings: common),
        .testTarget(
            name: "PluginTests",
            dependencies: ["TestSupport", "SockAuditRuntime", "AuditStream", "SockAuditCore"],
            swiftSettings: common),
        .testTarget(
            name: "FormatTests", dependencies: ["TestSupport", "SockAuditCore"], swiftSettings: common),
        .testTarget(name: "LiveKernelTests", dependencies: ["TestSupport"], swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)

// What must hold of every input is written once, in Tests/Fuzz/Properties: the fuzzer looks for inputs of which it
// does not, and the tests hold those that it ever found, and its corpus, to it.
let fuzzParts: [Target.Dependency] = [
    "DecoderTranscript", "SockAuditRuntime", "AuditStream", "SockAuditCore", "CAudit",
]
package.targets.append(
    isFuzzed
        ? .executableTarget(
            name: "sockaudit-fuzz", dependencies: fuzzParts, path: "Tests/Fuzz",
            exclude: ["Corpus", "Tests", "README.md"], sources: ["Properties", "Driver"],
            swiftSettings: common)
        : .testTarget(
            name: "FuzzTests", dependencies: fuzzParts + ["TestSupport"], path: "Tests/Fuzz",
            exclude: ["Corpus", "Driver", "README.md"], sources: ["Properties", "Tests"],
            swiftSettings: common))
