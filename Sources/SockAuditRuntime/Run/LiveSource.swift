import AuditStream
import SockAuditCore

/// Where a live run's records come from: the kernel itself, or an audit daemon that hands them on.
struct LiveSource: ~Copyable {
    private var kernel: NetlinkSource?
    let plugin: PluginSource?

    /// To wait on.
    let descriptor: Int32
    let bufferBytes: Int

    init(kernel: consuming NetlinkSource) {
        (descriptor, bufferBytes) = (kernel.descriptor, kernel.bufferBytes)
        self.kernel = consume kernel
        plugin = nil
    }

    init(plugin: PluginSource) {
        (descriptor, bufferBytes) = (plugin.descriptor, DrainedInput.room)
        kernel = nil
        self.plugin = plugin
    }

    var overruns: Int {
        if let plugin { return plugin.overruns }
        switch kernel {
        case .some(let kernel): return kernel.overruns
        case .none: return 0
        }
    }
    var dropped: Int {
        if let plugin { return plugin.dropped }
        switch kernel {
        case .some(let kernel): return kernel.dropped
        case .none: return 0
        }
    }
    /// No more will come, and all that came was read.
    var hasEnded: Bool { plugin?.end != nil }

    /// Takes in what is there now, and never waits.
    mutating func read(
        into pipeline: EventPipeline, _ meter: inout LoadMeter
    ) throws(AuditError) -> Int {
        if let plugin { return try plugin.read(into: pipeline) }
        var counted = meter
        let count =
            // A message stays for the call that it is handed to.
            try unsafe kernel?.drain {
                unsafe counted.count(type: $0, $1)
                unsafe pipeline.push(type: $0, message: $1)
            } ?? 0
        meter = counted
        return count
    }

    mutating func end() { kernel?.end() }
}
