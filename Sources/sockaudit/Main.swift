import AuditStream
import Glibc
import SockAuditCommands
import SockAuditRuntime

@main
enum Main {
    static func main() {
        StandardStreams.open()
        LargeBlocks.giveBack()
        // The monitor starts its keeper from this same file, under a name that nobody types.
        if CommandLine.arguments.first == Keeper.argument { exit(Keeper.run()) }
        SockAudit.main()
    }
}
