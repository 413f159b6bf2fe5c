import AuditStream
import SockAuditCore

/// Records as auditd hands them to its plugins: lines of this host, and perhaps of others.
final class PluginSource {
    private let input: DrainedInput
    /// Nil where nobody says which records are of this host: then no line is held against /proc.
    private var local: LocalNode?
    private let daemon: Int32?
    private var addresses: [String]?
    /// Events of other hosts; made when there is one.
    private(set) var remote: EventPipeline?
    private var makeRemote: () throws(AuditError) -> EventPipeline
    private var splitter = LineSplitter()
    private var since: Int64 = .min
    private var hasBegun = false

    /// For so long (ms) nothing must have come before all is taken to be here: the daemon has a queue of its
    /// own, of which nobody tells.
    static let calm: Int64 = 60

    /// - Parameters:
    ///   - daemon: the audit daemon of this host, if it started us.
    ///   - local: how this host is called, where that need not be looked up.
    init(
        _ input: DrainedInput, daemon: Int32?, local: LocalNode? = nil,
        makeRemote: @escaping () throws(AuditError) -> EventPipeline
    ) {
        self.input = input
        self.daemon = daemon
        self.local = local
        self.makeRemote = makeRemote
        lookAgain()
    }

    /// How the daemon calls this host stands in its settings, which it may have read again.
    func lookAgain() {
        guard let daemon else { return }
        let conf = RegisteredDaemon.find(pid: daemon, clock: Clock(), searching: false).conf
        // They are asked for by a socket, which the reader of the records cannot make any more: the ones of the
        // start stay.
        if addresses == nil { addresses = LocalNode.addresses() }
        local = LocalNode(conf: conf, host: HostInfo.name(), addresses: addresses ?? [])
    }

    /// What other hosts did is forgotten.
    func countAnew(_ makeRemote: @escaping () throws(AuditError) -> EventPipeline) {
        remote = nil
        self.makeRemote = makeRemote
    }

    var descriptor: Int32 { input.descriptor }
    var overruns: Int { input.counters.overruns }
    var dropped: Int { input.counters.dropped }
    var end: DrainedInput.End? { input.end }

    /// Lines that were none of auditd's, or cut.
    var damaged: Int { splitter.counters.damaged + input.counters.tooLong }
    var foreign: Int { splitter.counters.foreign + splitter.counters.unstamped }

    func read(into pipeline: EventPipeline) throws(AuditError) -> Int {
        if input.end == .binary { throw Self.isBinary }
        if case .failed(let code) = input.end {
            throw AuditError(.inputFailed, errno: code, "Reading the records of the audit daemon failed.")
        }
        var failure: AuditError?
        // A block stays for the call that it is handed to, and so do its lines.
        let count = unsafe input.take { block in
            unsafe splitter.push(block) { line in
                do throws(AuditError) { try unsafe push(line, pipeline) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        remote?.pump()
        return count
    }

    private static let isBinary = AuditError(
        .inputFailed,
        "auditd hands its records over in a binary form, which sockaudit does not read; write 'format = string' into its file in /etc/audit/plugins.d, and reload auditd."
    )

    private func push(
        _ line: UnsafeBufferPointer<UInt8>, _ pipeline: EventPipeline
    ) throws(AuditError) {
        // Parts of the line that the caller holds.
        guard let local else { return unsafe pipeline.push(line: line) }
        guard unsafe line.starts(with: "node=".utf8) else { return unsafe pushLocal(line, pipeline) }
        let node = unsafe UnsafeBufferPointer(rebasing: line.dropFirst(5).prefix { $0 != 0x20 })
        if unsafe local.isThis(node) {
            return unsafe pushLocal(UnsafeBufferPointer(rebasing: line.dropFirst(6 + node.count)), pipeline)
        }
        if remote == nil { remote = try makeRemote() }
        // Parts of the line that the caller holds.
        unsafe remote?.push(line: line)
    }

    private func pushLocal(_ line: UnsafeBufferPointer<UInt8>, _ pipeline: EventPipeline) {
        // The daemon's own records have serials that it made up itself.
        if unsafe !line.starts(with: "type=DAEMON_".utf8), let serial = unsafe RecordStamp.serial(line) {
            if !hasBegun { hasBegun = unsafe (RecordStamp.milliseconds(line) ?? .max) >= since }
            if hasBegun { pipeline.sawSerial(serial) }
        }
        // Parts of the line that the caller holds.
        unsafe pipeline.push(line: line)
    }

    /// What is missing from before that moment (ms) is no loss of ours: the kernel keeps some of the records
    /// that nobody took, and hands them to the daemon when it starts.
    func count(since: Int64) { (self.since, hasBegun) = (since, false) }
}
