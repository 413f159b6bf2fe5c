// swift-tools-version: 6.2
import PackageDescription

// CI sets SOCKAUDIT_WERROR so that only our own targets, never a dependency, are held to it.
let warningsAreErrors = Context.environment["SOCKAUDIT_WERROR"] == "1"
let common: [SwiftSetting] = warningsAreErrors ? [.treatAllWarnings(as: .error)] : []

let package = Package(
    name: "sockaudit",
    products: [.executable(name: "sockaudit", targets: ["sockaudit"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CAudit", path: "Sources/CAudit"),
        .target(name: "SockAuditCore", swiftSettings: common),
        .target(name: "AuditStream", dependencies: ["CAudit", "SockAuditCore"], swiftSettings: common),
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
            name: "sockaudit", dependencies: ["SockAuditCommands", "SockAuditRuntime"], swiftSettings: common),
        .testTarget(name: "SockAuditCoreTests", dependencies: ["SockAuditCore"], swiftSettings: common),
        .testTarget(
            name: "AuditStreamTests", dependencies: ["AuditStream", "SockAuditCore"], swiftSettings: common),
        .testTarget(
            name: "ReplayTests",
            dependencies: ["SockAuditRuntime", "AuditStream", "SockAuditCore"],
            exclude: [], swiftSettings: common),
        .testTarget(
            name: "DoctorTests", dependencies: ["SockAuditRuntime", "AuditStream", "SockAuditCore"],
            swiftSettings: common),
        .testTarget(name: "FormatTests", dependencies: ["SockAuditCore"], swiftSettings: common),
        .testTarget(name: "LiveKernelTests", swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)
