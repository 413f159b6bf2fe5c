import ArgumentParser
import AuditStream
import SockAuditRuntime

/// How a command ends: its own exit code, or that of the error that stopped it.
enum Outcome {
    static func exit(_ body: () throws(AuditError) -> Int32) throws {
        let code: Int32
        do throws(AuditError) {
            code = try body()
        } catch {
            Messages(quiet: false).error(error.description)
            code = error.isHostRefusal ? ExitStatus.cannotAudit : ExitStatus.failed
        }
        throw ExitCode(code)
    }
}

/// How a command that prints no tables answers.
enum AnswerFormat: String, CaseIterable, ExpressibleByArgument { case text, json }
