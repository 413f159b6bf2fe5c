import AuditStream
import Glibc
import SockAuditCommands
import SockAuditRuntime

@main
enum Main {
    static func main() {
        // Swift has a program's arguments from /proc: without it nobody would know what was asked for.
        do { try ProcAccess.demand() } catch  where error.code == .procMissing {
            Messages(quiet: false).error(error.description)
            exit(ExitStatus.cannotAudit)
        } catch {}
        // The first of all: what remains is the time that loading the program takes.
        if CommandLine.arguments.dropFirst().first == "plugin" { Signals.hold() }
        StandardStreams.open()
        LargeBlocks.giveBack()
        // The monitor starts its keeper from this same file, under a name that nobody types.
        if CommandLine.arguments.first == Keeper.argument { exit(Keeper.run()) }
        SockAudit.start()
    }
}
