import AuditStream
import Glibc
import SockAuditCommands
import SockAuditRuntime

@main
enum Main {
    static func main() {
        // The first of all: what remains is the time that loading the program takes.
        if CommandLine.arguments.dropFirst().first == "plugin" { Signals.hold() }
        StandardStreams.open()
        LargeBlocks.giveBack()
        // The monitor starts its keeper from this same file, under a name that nobody types.
        if CommandLine.arguments.first == Keeper.argument { exit(Keeper.run()) }
        SockAudit.start()
    }
}
