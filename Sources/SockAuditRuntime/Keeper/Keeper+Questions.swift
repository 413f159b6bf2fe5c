import AuditStream
import Glibc
import SockAuditCore

/// What the monitor may ask, and no more (docs/privileges.md): nothing of it names a file.
extension Keeper {
    /// Nothing that a monitor asks in earnest.
    private static let isNoQuestion = AuditError(
        .keeperGone, "The keeper of the rules was asked for something that it does not do; start again.")

    mutating func serve(_ bytes: [UInt8]) {
        do throws(AuditError) {
            switch bytes.first {
            case KeeperMessage.status:
                let status = try installer.status()
                answer { status.encode(to: &$0) }
            case KeeperMessage.inspect:
                let inspection = try installer.inspect()
                answer { inspection.encode(to: &$0) }
            case KeeperMessage.remove:
                isDone = true
                exempt.clear()
                let failures = installer.remove()
                answer { $0.put(failures) { $1.encode(to: &$0) } }
            case KeeperMessage.reopen:
                guard order.report != nil, !order.isWhole else { throw Self.isNoQuestion }
                let fd = try ReportSink.open(order.report ?? "")
                link.send([KeeperMessage.done], passing: fd)
                close(fd)
            case KeeperMessage.fresh:
                guard order.report != nil, order.isWhole else { throw Self.isNoQuestion }
                let fd = try whole.fresh()
                link.send([KeeperMessage.done], passing: fd)
                close(fd)
            case KeeperMessage.publish:
                try whole.publish()
                link.send([KeeperMessage.done])
            case KeeperMessage.raise:
                // Once, and only where the run began with less: it takes the guard's doings back.
                guard order.plugin == nil, order.level == .light, !isDone else { throw Self.isNoQuestion }
                order.level = .all
                guardian = Guard(settings: order.settings)
                _ = try installer.swap(to: plan(guardian.state))
                let rules = try installer.texts()
                answer {
                    $0.put(installer.count)
                    $0.put(rules)
                }
            case KeeperMessage.observe: try observe()
            case KeeperMessage.reload: try reload()
            case KeeperMessage.load:
                var reader = WireReader(bytes)
                if let load = try? GuardLoad(&reader, at: Clock.steady()) { guardian.take(load) }
            default: throw Self.isNoQuestion
            }
        } catch { refuse(error) }
    }

    /// A plugin's question: which rules bring what its settings want now. Which files they are about nobody tells
    /// us who reads what others write.
    private mutating func observe() throws(AuditError) {
        guard order.plugin != nil else { throw Self.isNoQuestion }
        let scope = Scope(patterns: order.patterns)
        let running = scope.isAll ? [] : ProcScanner(clock: Clock(), names: NameTable()).running()
        let found = ExecutableFinder.find(scope, running: running)
        if case .files(let files) = found { order.executables = files } else { order.executables = [] }
        let report = try installer.observe(plan(guardian.state))
        answer {
            report.encode(to: &$0)
            found.encode(to: &$0)
        }
    }

    /// Reads the plugin's settings again, and opens the report that they name: which file that is nobody
    /// tells us who reads what others write.
    private mutating func reload() throws(AuditError) {
        guard let plugin = order.plugin else { throw Self.isNoQuestion }
        let text = try plugin.read()
        // Where they are wrong the old ones stay, and the monitor says so.
        if let settings = try? plugin.settings(text), let report = settings.report {
            (order.mode, order.patterns) = (settings.mode, settings.scope.patterns)
            let isSame = report == order.report && settings.format.readers == order.readers
            if settings.format.isWhole {
                var file = WholeFile(path: report, readers: settings.format.readers)
                try file.check()
            }
            let fd = settings.format.isWhole ? -1 : try ReportSink.open(report)
            if !isSame { whole = WholeFile(path: report, readers: settings.format.readers) }
            (order.report, order.readers, order.isWhole) = (
                report, settings.format.readers, settings.format.isWhole
            )
            send(text, passing: fd)
        } else {
            send(text, passing: order.isWhole ? -1 : try ReportSink.open(order.report ?? ""))
        }
    }

    private func send(_ text: [UInt8], passing fd: Int32) {
        var out = WireWriter(KeeperMessage.done)
        out.put(text)
        link.send(out.bytes, passing: fd)
        if fd >= 0 { close(fd) }
    }

    func answer(_ body: (inout WireWriter) -> Void) {
        var out = WireWriter(KeeperMessage.done)
        body(&out)
        link.send(out.bytes)
    }

    func refuse(_ error: AuditError) {
        var out = WireWriter(KeeperMessage.failed)
        error.encode(to: &out)
        link.send(out.bytes)
    }
}
