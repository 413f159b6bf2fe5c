import AuditStream
import Glibc
import SockAuditCore
import SockAuditRuntime

@testable import AuditStream
@testable import SockAuditCore
@testable import SockAuditRuntime

/// The readers of all other texts that somebody else wrote: files of /proc, settings, reports, logs of other
/// programs, compressed ones. The first byte says which.
enum SmallProperty {
    private static let most = 1 << 16

    private static let readers: [@Sendable (_ bytes: [UInt8], _ cut: Int) -> String?] = [
        { socketTables($0, $1) }, { processFiles($0, $1) }, { auditdFiles($0, $1) }, { pluginFile($0, $1) },
        { json($0, $1) }, { seals($0, $1) }, { lines($0, $1) }, { gzip($0, $1) }, { file($0, $1) },
        { escapes($0, $1) }, { patterns($0, $1) }, { keys($0, $1) }, { requests($0, $1) },
    ]

    /// - Parameter bytes: one that chooses the reader, one that cuts the text, and the text.
    static func fault(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 2, bytes.count <= most else { return nil }
        let cut = max(1, Int(bytes[1]))
        return readers[Int(bytes[0]) % readers.count](Array(bytes.dropFirst(2)), cut)
    }

    /// In pieces of so many bytes, each in memory of its own.
    ///
    /// Unsafe: a piece is there for the length of its call.
    private static func pieces(_ bytes: [UInt8], _ cut: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        for start in stride(from: 0, to: bytes.count, by: cut) {
            unsafe Array(bytes[start..<min(start + cut, bytes.count)]).withUnsafeBytes { unsafe body($0) }
        }
    }

    // MARK: /proc

    private static func socketTables(_ bytes: [UInt8], _ cut: Int) -> String? {
        let lines = bytes.count { $0 == 0x0A } + 1
        var count = 0
        for kind in [NetTable.Transport.tcp, .udp] {
            for isV6 in [false, true] {
                let damaged = NetTable.readInet(bytes, kind, isV6: isV6) { _, endpoint in
                    count += 1
                    if case .inet(let local, let peer, let state) = endpoint {
                        if (local.text + peer.text + state.name).isEmpty { count += lines }
                    }
                }
                if damaged > lines { return "more damaged lines than lines" }
            }
        }
        let unix = NetTable.unix(bytes)
        return count <= 4 * lines && unix.damaged + unix.sockets.count <= lines
            ? nil : "more sockets than lines"
    }

    private static func processFiles(_ bytes: [UInt8], _ cut: Int) -> String? {
        if let stat = ProcScanner.Stat(bytes), stat.comm.count > bytes.count || stat.threads < 0 {
            return "stat"
        }
        if let limit = ProcScanner.descriptorLimit(of: bytes), limit > 0,
            limit.description.utf8.count > bytes.count
        {
            return "limits"
        }
        if let owner = ProcScanner.owner(of: bytes), owner.isEmpty { return "status" }
        let unit = ControlGroup.unit(bytes)
        if unit.count > bytes.count + 16 { return "cgroup" }
        return ScriptName.find(commandLine: bytes).count <= bytes.count ? nil : "cmdline"
    }

    // MARK: settings

    private static func auditdFiles(_ bytes: [UInt8], _ cut: Int) -> String? {
        let conf = AuditdConf.parse(bytes)
        _ = AuditdPlugin.parse(name: Array(bytes.prefix(cut)), bytes)
        _ = AuditdCommandLine(commandLine: bytes)
        _ = AuditdVersion.parse(bytes[...], pid: 1)
        _ = EvidenceLog(conf, isWritten: true, current: UInt64(cut), older: 0, disk: nil)
        for fault in conf.faults where fault.text.unicodeScalars.contains(where: Escaping.isHidden) {
            return "auditd.conf's fault is told unescaped"
        }
        return nil
    }

    private static func pluginFile(_ bytes: [UInt8], _ cut: Int) -> String? {
        do throws(PluginSettings.Fault) {
            let settings = try PluginSettings.parse(bytes)
            _ = WatchSettings(settings)
            let interval = settings.interval ?? 7
            return interval >= 0.05 && (settings.top ?? 1) >= 1 ? nil : "settings that cannot be"
        } catch {
            return error.text.unicodeScalars.contains(where: Escaping.isHidden)
                ? "a fault is told unescaped" : nil
        }
    }

    // MARK: reports

    private static func json(_ bytes: [UInt8], _ cut: Int) -> String? {
        _ = JSONValue.parse(bytes)
        let lines = bytes.split(separator: 0x0A).map { ReportTable(line: Array($0)) }
        guard let first = lines.first, let old = first, let last = lines.last, let new = last else {
            return nil
        }
        let diff = ReportDiff(old: old, new: new, limit: cut)
        let text = DiffText.text(diff)
        if text.unicodeScalars.contains(where: { $0.value != 0x0A && Escaping.isHidden($0) }) {
            return "diff tells a name unescaped"
        }
        return JSONValue.parse(Array(DiffText.json(diff).utf8)) != nil ? nil : "diff's JSON cannot be read"
    }

    /// Unsafe: a piece is looked at while it is there.
    private static func seals(_ bytes: [UInt8], _ cut: Int) -> String? {
        func check(_ cut: Int) -> ReportCheck {
            var check = ReportCheck()
            unsafe pieces(bytes, cut) { unsafe check.push($0) }
            check.finish()
            return check
        }
        let (whole, cutUp) = (check(max(1, bytes.count)), check(cut))
        let covered = whole.runs.reduce(whole.strange) { $0 + $1.bytes }
        guard covered <= bytes.count + 1 else { return "more was hashed than there is" }
        return whole.runs == cutUp.runs && whole.strange == cutUp.strange
            && whole.strangeLine == cutUp.strangeLine
            ? nil : "it depends on how the report is read"
    }

    // MARK: logs

    /// Of journals, syslog and the kernel's own log: what comes out does not depend on how it was read.
    ///
    /// Unsafe: records are copied.
    private static func lines(_ bytes: [UInt8], _ cut: Int) -> String? {
        func split(_ cut: Int) -> (records: [[UInt8]], counters: LineSplitter.Counters) {
            var splitter = LineSplitter()
            var records: [[UInt8]] = []
            unsafe pieces(bytes, cut) { piece in
                unsafe splitter.push(piece.bindMemory(to: UInt8.self)) { unsafe records.append(Array($0)) }
            }
            unsafe splitter.finish { unsafe records.append(Array($0)) }
            return (records, splitter.counters)
        }
        let (whole, cutUp) = (split(max(1, bytes.count)), split(cut))
        guard whole.records == cutUp.records, whole.counters == cutUp.counters else {
            return "it depends on how the log is read: \(whole.counters), \(cutUp.counters)"
        }
        for record in whole.records {
            let isWhole = unsafe record.withUnsafeBufferPointer { bytes in
                let text = unsafe UnsafeBufferPointer(rebasing: bytes.dropLast())
                _ = unsafe (RecordStamp.milliseconds(bytes), RecordStamp.serial(bytes))
                return unsafe bytes.last == 0x0A && LineGate.judge(text) == .record
            }
            if !isWhole { return "what came out is no record" }
        }
        let counters = whole.counters
        let counts = [
            counters.records, counters.damaged, counters.foreign, counters.unstamped, counters.lost,
        ]
        _ = unsafe bytes.withUnsafeBytes { unsafe RecordStamp.first(in: $0) }
        return counts.allSatisfy { $0 >= 0 } ? nil : "a count is negative"
    }

    /// Unsafe: the memory is our own, and large enough for what is said to be in it.
    private static func gzip(_ bytes: [UInt8], _ cut: Int) -> String? {
        func unpack(_ room: Int, _ piece: Int) -> (bytes: [UInt8], isDamaged: Bool)? {
            guard let stream = GzipStream(head: []) else { return nil }
            var rest = bytes[...]
            var found: [UInt8] = []
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
            defer { unsafe memory.deallocate() }
            // A bomb is large: what it unpacks to is not kept, here or in a run.
            while found.count < 1 << 18 {
                let count = try? unsafe stream.read(into: memory) { buffer in
                    let part = rest.prefix(min(piece, buffer.count))
                    unsafe buffer.copyBytes(from: part)
                    rest = rest.dropFirst(part.count)
                    return part.count
                }
                guard let count, count > 0 else { break }
                unsafe found += UnsafeRawBufferPointer(rebasing: memory[..<count])
            }
            return (Array(found.prefix(1 << 18)), stream.isDamaged)
        }
        guard let whole = unpack(1 << 16, 1 << 16), let cutUp = unpack(cut * 7, cut) else { return nil }
        if whole.bytes != cutUp.bytes { return "it depends on how the file is read" }
        return whole.bytes.count == 1 << 18 || whole.isDamaged == cutUp.isDamaged ? nil : "damaged, or not"
    }

    /// As a file of any kind that is read here.
    ///
    /// Unsafe: the memory is our own, and large enough for what is said to be in it.
    private static func file(_ bytes: [UInt8], _ cut: Int) -> String? {
        let kind = Compression.of(bytes.prefix(Compression.longest))
        // Others have programs of their own.
        guard kind == nil || kind == .gzip else { return nil }
        guard let descriptor = cut % 2 == 0 ? fileDescriptor(bytes) : pipeDescriptor(bytes) else {
            return nil
        }
        guard let file = try? InputFile(path: "fuzz", descriptor: descriptor) else { return "no file" }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(8, cut), alignment: 16)
        defer { unsafe memory.deallocate() }
        var found: [UInt8] = []
        while found.count < 1 << 18, let count = try? unsafe file.read(into: memory), count > 0 {
            unsafe found += UnsafeRawBufferPointer(rebasing: memory[..<count])
        }
        if kind == .gzip { return nil }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
        return found == text ? nil : "a file was not read as it is"
    }

    /// Unsafe: C takes the name and the bytes for the length of a call.
    private static func fileDescriptor(_ bytes: [UInt8]) -> Int32? {
        let name = "/sockaudit-fuzz-\(getpid())"
        let descriptor = unsafe shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { return nil }
        unsafe shm_unlink(name)
        _ = unsafe write(descriptor, bytes, bytes.count)
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    /// All of an input fits into a pipe (64 KiB), so nobody waits.
    ///
    /// Unsafe: C takes the ends and the bytes for the length of a call.
    private static func pipeDescriptor(_ bytes: [UInt8]) -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        _ = unsafe write(ends[1], bytes, bytes.count)
        close(ends[1])
        return ends[0]
    }

    // MARK: texts

    /// Unsafe: a text is decoded while it is there.
    private static func escapes(_ bytes: [UInt8], _ cut: Int) -> String? {
        let forms = [
            Escaping.visible(bytes), Escaping.json(bytes), Escaping.html(bytes), Escaping.label(bytes),
            Escaping.csv(bytes), Escaping.sentence(String(decoding: bytes, as: UTF8.self)),
        ]
        for form in forms where form.unicodeScalars.contains(where: Escaping.isHidden) {
            return "hidden: \(form)"
        }
        guard let text = JSONValue.parse(Array(Escaping.json(bytes).utf8))?.text else {
            return "JSON cannot be read"
        }
        if Escaping.isText(bytes), Array(text.utf8) != bytes { return "JSON is not faithful" }
        let html = forms[2].unicodeScalars
        if html.contains(where: { "<>\"'".unicodeScalars.contains($0) }) { return "HTML lets markup through" }
        let name = bytes.prefix(cut)
        return unsafe bytes.withUnsafeBufferPointer { unsafe UntrustedText.decode($0).count } <= bytes.count
            && name.count <= cut ? nil : "a text became longer"
    }

    private static func patterns(_ bytes: [UInt8], _ cut: Int) -> String? {
        let (pattern, name) = (Array(bytes.prefix(cut)), Array(bytes.dropFirst(cut)))
        let scope = Scope(patterns: [String(decoding: pattern, as: UTF8.self)])
        _ = scope.contains(comm: name, exe: name, script: pattern)
        let glob = Glob(pattern)
        if !glob.isPattern && glob.matches(name[...]) != (pattern == name) {
            return "a plain name is no pattern"
        }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        let here = Moment.Surroundings(now: 1_700_000_000_000, boot: 1_699_000_000_000, dateFormat: "%x") {
            _ in 3_600
        }
        for edge in [Moment.Edge.from, .to] { _ = try? Moment.parse(words, edge, here) }
        return nil
    }

    // MARK: a terminal, and who asks the keeper for files

    private static func keys(_ bytes: [UInt8], _ cut: Int) -> String? {
        func pressed(_ size: Int) -> [ScreenKey] {
            var decoder = KeyDecoder()
            var keys: [ScreenKey] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                keys += decoder.take(bytes[start..<min(start + size, bytes.count)])
            }
            return keys + decoder.flush()
        }
        return pressed(cut) == pressed(max(1, bytes.count)) ? nil : "keys go by how they were read"
    }

    private static func requests(_ bytes: [UInt8], _ cut: Int) -> String? {
        guard let (files, serial) = ProcFile.parse(request: bytes) else { return nil }
        for file in files.compactMap(\.self) {
            guard let path = file.relativePath else { continue }
            if path.hasPrefix("/") || path.contains("..") { return "a file outside of /proc" }
            if file.kind != .processes && ProcFile(path: "/proc/" + path)?.relativePath != path {
                return "a file by another name"
            }
        }
        let known = files.compactMap(\.self)
        let again = ProcFile.parse(request: ProcFile.request(known, serial))
        return known.isEmpty || again?.files == known.map { $0 } && again?.serial == serial
            ? nil : "a request reads otherwise than it was written"
    }
}
