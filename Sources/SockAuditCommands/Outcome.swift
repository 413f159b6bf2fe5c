import ArgumentParser
import AuditStream
// For stdout, which C declares as a variable: nobody sets it.
@unsafe @preconcurrency import Glibc
import SockAuditCore
import SockAuditRuntime

/// How a command ends: its own exit code, or that of the error that stopped it.
enum Outcome {
    static func exit(_ body: () throws(AuditError) -> Int32) throws {
        let code: Int32
        do throws(AuditError) {
            let status = try body()
            try flush()
            code = status
        } catch {
            Messages(quiet: false).error(error.description)
            code = error.isHostRefusal ? ExitStatus.cannotAudit : ExitStatus.failed
        }
        throw ExitCode(code)
    }

    /// print() says nothing of a disk that is full: rules that are cut would be loaded as if they were whole.
    private static func flush() throws(AuditError) {
        let isFlushed = unsafe fflush(stdout) == 0
        let code = isFlushed ? 0 : errno
        // What went wrong before the last of it is only remembered.
        guard unsafe isFlushed && ferror(stdout) == 0 else {
            throw AuditError(
                .outputFailed, errno: code,
                "Not all could be written to standard output; free space, or send it elsewhere, and start again."
            )
        }
    }
}

extension SockAudit {
    /// Parses the command line and runs what it says. As `main()`, which would write what was typed to the
    /// terminal as it is.
    public static func start() -> Never {
        do {
            var command = try parseAsRoot()
            try command.run()
            Glibc.exit(0)
        } catch {
            let code = exitCode(for: error)
            // Help and the version are ours alone.
            if code.isSuccess { exit(withError: error) }
            let text = Escaping.lines(fullMessage(for: error), echoing: CommandLine.arguments.dropFirst())
            if !text.isEmpty { Messages.write(lines: text) }
            Glibc.exit(code.rawValue)
        }
    }
}

/// How a command that prints no tables answers.
enum AnswerFormat: String, CaseIterable, ExpressibleByArgument { case text, json }
