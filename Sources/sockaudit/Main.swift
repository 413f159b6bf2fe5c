import SockAuditCommands

@main
enum Main {
    static func main() { SockAudit.main() }
}
