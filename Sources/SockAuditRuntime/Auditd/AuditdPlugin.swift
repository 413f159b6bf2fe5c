import Glibc

/// A plugin that auditd starts and hands every record to (auditd-plugins(5)).
public struct AuditdPlugin: Equatable, Sendable {
    /// The name of its file.
    public var name: [UInt8]
    /// What runs; `builtin_...` for those inside auditd.
    public var program: [UInt8]

    /// - Returns: nil when the file does not make it run.
    public static func parse(name: [UInt8], _ bytes: [UInt8]) -> AuditdPlugin? {
        // Hidden files and those with two dots, which are backups, are left out (load_plugin_conf).
        guard name.first != UInt8(ascii: "."), name.count(where: { $0 == UInt8(ascii: ".") }) < 2 else {
            return nil
        }
        var isActive = false
        var program: [UInt8] = []
        for pair in AuditdLines(bytes).pairs {
            switch pair.name {
            case "active": isActive = String(decoding: pair.value, as: UTF8.self).lowercased() == "yes"
            case "path": program = pair.value
            default: break
            }
        }
        return isActive ? AuditdPlugin(name: name, program: program) : nil
    }

    /// - Returns: nil when the folder cannot be read.
    static func active(in folder: String) -> [AuditdPlugin]? {
        guard let directory = unsafe opendir(folder) else { return nil }
        defer { unsafe closedir(directory) }
        var found: [AuditdPlugin] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            var info = stat()
            let path = folder + "/" + name
            // A pipe in that folder would keep us waiting.
            guard unsafe stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
                let bytes = SmallFile.read(path),
                let plugin = parse(name: Array(name.utf8), bytes)
            else { continue }
            found.append(plugin)
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }
}
