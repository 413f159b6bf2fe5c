import ArgumentParser
import SockAuditRuntime

/// `sockaudit self-test`: started by doctor, and not by people; see ``SelfTestProgram``.
struct SelfTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "self-test",
        abstract: "Make a known number of socket and close calls, told on standard output.",
        shouldDisplay: false)

    @Flag(help: "Only try whether the kernel takes 32-bit calls: exit code 0 or 1.")
    var probe = false

    func run() throws { throw ExitCode(probe ? SelfTestProgram.probe() : SelfTestProgram.run()) }
}
