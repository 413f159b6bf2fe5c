@testable import AuditStream
import Foundation
import SockAuditCore
import SockAuditRuntime
import TestSupport
import Testing

/// All that one decoder made of a log: every event, in order, and every counter.
struct Transcript: Equatable {
    var events: [String] = []
    var counters = EventDecoder.Counters()
    var lines = LineSplitter.Counters()
    var changes: [ConfigChange] = []

    /// - Parameters:
    ///   - block: how many bytes are read at a time.
    ///   - ownPid: whose events are left out, as in a live run.
    init(
        _ log: [UInt8], _ kind: WatchSettings.Decoder, scripts: Bool = false, block: Int = 1 << 18,
        ownPid: Int32 = 0
    ) throws {
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: ownPid, wantsScripts: scripts)
        var splitter = LineSplitter()
        var found: [AuditEvent] = []
        func read(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
            for start in stride(from: 0, to: log.count, by: block) {
                // The bytes stay for the call.
                unsafe log[start..<min(start + block, log.count)].withUnsafeBufferPointer(body)
            }
        }
        try OneAtATime.run {
            switch kind {
            case .auto:
                var lane = try FastLane(decoder: decoder)
                // The bytes stay for the call.
                unsafe read { unsafe lane.push(block: $0, &splitter) }
                lane.finish(&splitter)
                lane.flush()
                lane.take { found += $0 }
                counters = lane.counters
            case .auparse:
                var parser = try ParserReader(decoder: decoder)
                // The bytes stay for the call.
                unsafe read { unsafe parser.push(block: $0, &splitter) }
                parser.finish(&splitter)
                parser.pump()
                parser.flush()
                parser.take { found += $0 }
                counters = decoder.counters
            }
        }
        lines = splitter.counters
        changes = decoder.takeChanges()
        events = Self.texts(found, names)
    }

    /// Of the kernel's messages.
    init(
        _ messages: [(type: UInt16, text: [UInt8])], _ kind: WatchSettings.Decoder, scripts: Bool
    ) throws {
        let names = NameTable()
        let decoder = EventDecoder(names: names, ownPid: 102, wantsScripts: scripts)
        var found: [AuditEvent] = []
        try OneAtATime.run {
            switch kind {
            case .auto:
                var lane = try FastLane(decoder: decoder, live: true)
                for message in messages {
                    // The bytes stay for the call.
                    unsafe message.text.withUnsafeBytes { unsafe lane.push(type: message.type, message: $0) }
                }
                lane.flush()
                lane.take { found += $0 }
                counters = lane.counters
            case .auparse:
                var parser = try ParserReader(decoder: decoder)
                for message in messages {
                    // The bytes stay for the call.
                    unsafe message.text.withUnsafeBytes {
                        unsafe parser.push(type: message.type, message: $0)
                    }
                }
                parser.pump()
                parser.flush()
                parser.take { found += $0 }
                counters = decoder.counters
            }
        }
        changes = decoder.takeChanges()
        events = Self.texts(found, names)
    }

    /// Two decoders number names by when they met them.
    private static func texts(_ events: [AuditEvent], _ names: NameTable) -> [String] {
        events.map { event in
            var bare = event
            (bare.node, bare.comm, bare.exe, bare.script) = (.none, .none, .none, .none)
            return "\([event.node, event.comm, event.exe, event.script].map { names[$0] }) \(bare)"
        }
    }

    /// Both decoders, and what differs.
    static func expectEqual(
        _ log: [UInt8], _ label: @autoclosure () -> String, scripts: Bool = false, block: Int = 1 << 18,
        ownPid: Int32 = 0
    ) throws {
        let lane = try Transcript(log, .auto, scripts: scripts, block: block, ownPid: ownPid)
        let parser = try Transcript(log, .auparse, scripts: scripts, block: block, ownPid: ownPid)
        if lane == parser { return }
        let at = zip(lane.events, parser.events).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let from = at ?? min(lane.events.count, parser.events.count)
        let shown = [lane, parser].map { side in
            "\(side.events.count) events, \(side.counters), \(side.lines), \(side.changes.count) changes;"
                + " event \(from): \(side.events.dropFirst(from).first ?? "none")"
        }
        Issue.record("\(label()):\n  lane    \(shown[0])\n  auparse \(shown[1])")
        if let folder = ProcessInfo.processInfo.environment["SOCKAUDIT_KEEP_DIFFERENCES"] {
            try Data(log).write(to: URL(fileURLWithPath: "\(folder)/\(UUID().uuidString).log"))
        }
    }
}
