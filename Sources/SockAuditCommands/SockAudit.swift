import ArgumentParser

/// The program as a command line; each subcommand has a file of its own.
public struct SockAudit: ParsableCommand {
    /// Raised with each release; also in every package.
    public static let version = "1.0.0"

    public static let configuration = CommandConfiguration(
        commandName: "sockaudit",
        abstract: "Finds sockets that processes open and never close, with the Linux audit subsystem.",
        discussion: """
            sudo sockaudit all            every process, live, a table every 7 seconds
            sudo sockaudit sshd nginx     the processes of these names or globs
            sockaudit all --input FILE    the same from audit logs, without root
            sudo sockaudit doctor         what stands in the way on this host
            sockaudit verify REPORT       whether a report is as it was written
            sockaudit diff OLD NEW        which names hold more sockets than before

            Exit codes: 0 done; 1 <no matches> in an input; 2 something failed; 3 this host cannot
            be audited; 4 done, but some table was LOSSY or PARTIAL, or a report is not right; 5
            --fail-open or --fail-growth reached; 64 usage.
            """,
        version: version,
        subcommands: [
            Watch.self, Doctor.self, Rules.self, Plugin.self, Diff.self, Verify.self, SelfTest.self,
        ],
        defaultSubcommand: Watch.self)

    public init() {}
}
