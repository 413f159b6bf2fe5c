import Glibc

/// The files that `--input` names, oldest first.
public enum InputSet {
    /// Folders are replaced by the audit logs in them (audit.log, audit.log.1, audit.log.2.gz ...).
    public static func expand(_ paths: [String]) throws(AuditError) -> [String] {
        var files: [String] = []
        for path in paths {
            if path == "-" || !isFolder(path) {
                files.append(path)
                continue
            }
            let found = try logs(in: path)
            guard !found.isEmpty else {
                throw AuditError(
                    .inputFailed,
                    "The folder \(path) holds no audit logs (audit.log, audit.log.1, ...); name the files themselves."
                )
            }
            files += found
        }
        return files
    }

    private static func isFolder(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    private static func logs(in folder: String) throws(AuditError) -> [String] {
        guard let directory = opendir(folder) else {
            throw AuditError(
                .inputFailed, errno: errno, "The folder \(folder) cannot be read; check its permissions.")
        }
        defer { closedir(directory) }
        var found: [(path: String, first: Int64, number: Int)] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.contains(".log"), !name.hasPrefix(".") else { continue }
            let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
            if isFolder(path) { continue }
            found.append((path, firstStamp(path), rotation(name)))
        }
        // By the stamps inside. A file that has none stands where its rotation number puts it,
        // highest oldest: it takes over the stamp of the one before.
        found.sort { a, b in a.number != b.number ? a.number > b.number : a.path < b.path }
        var last = found.first { $0.first != .max }?.first ?? 0
        for index in found.indices {
            if found[index].first == .max { found[index].first = last }
            last = found[index].first
        }
        let order = found.indices.sorted {
            (found[$0].first, $0) < (found[$1].first, $1)
        }
        return order.map { found[$0].path }
    }

    /// audit.log.3.gz is 3, audit.log is 0.
    private static func rotation(_ name: String) -> Int {
        name.split(separator: ".").compactMap { Int($0) }.last ?? 0
    }

    /// The stamp of a file's first record in milliseconds; .max when none is found at its start.
    private static func firstStamp(_ path: String) -> Int64 {
        guard let file = try? InputFile(path: path) else { return .max }
        var block = [UInt8](repeating: 0, count: 16_384)
        let count =
            (try? block.withUnsafeMutableBytes { bytes throws(AuditError) in try file.read(into: bytes) })
            ?? 0
        var splitter = LineSplitter()
        var first: Int64?
        block.prefix(count).withUnsafeBufferPointer { bytes in
            splitter.push(bytes) { if first == nil { first = RecordStamp.milliseconds($0) } }
        }
        return first ?? .max
    }
}
