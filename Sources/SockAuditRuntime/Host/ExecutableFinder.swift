import Glibc
import SockAuditCore

/// Finds the files behind the names of the command line, for `-F exe=` rules.
public enum ExecutableFinder {
    public enum Answer: Equatable, Sendable {
        /// Rules for these files see every process of the names.
        case files([[UInt8]])
        /// No list of files can be complete; a clause that says why.
        case all(because: String)
    }

    /// The most files that get rules of their own: each costs every call on the host a little
    /// (domain.md: 50 rules about 30 %).
    private static let most = 4

    public static func find(_ scope: Scope, running: [ProcScanner.Running]) -> Answer {
        if scope.isAll { return .all(because: "") }
        if scope.hasGlob { return .all(because: "a glob may match any program") }
        var files: [[UInt8]] = []
        for name in scope.patterns {
            let own = Scope(patterns: [name])
            let shown = Escaping.visible(name)
            var found: [[UInt8]] = []
            for process in running
            where own.contains(comm: process.comm, exe: process.exe, script: process.script) {
                guard Scope.fileName(process.exe).elementsEqual(name.utf8) else {
                    return .all(because: "\(shown) runs as \(text(Scope.fileName(process.exe)))")
                }
                guard isOurFile(process) else {
                    return .all(because: "\(shown) runs from a file that this namespace does not have")
                }
                found.append(process.exe)
            }
            for path in searchPath(name) {
                if isScript(path) { return .all(because: "\(shown) is a script") }
                guard Scope.fileName(path).elementsEqual(name.utf8) else {
                    // A link to a file of another name (busybox, python3): its processes carry that name.
                    return .all(because: "\(shown) is another name of \(text(Scope.fileName(path)))")
                }
                found.append(path)
            }
            if found.isEmpty { return .all(because: "nothing is called \(shown) yet") }
            files += found
        }
        let distinct = Set(files).sorted { $0.lexicographicallyPrecedes($1) }
        if distinct.count > most { return .all(because: "\(distinct.count) files have these names") }
        return .files(distinct)
    }

    private static func text(_ bytes: some Sequence<UInt8>) -> String { Escaping.visible(Array(bytes)) }

    /// The rule finds a file by its inode in our mount namespace; the process must run that one.
    private static func isOurFile(_ process: ProcScanner.Running) -> Bool {
        guard let theirs = FileIdentity("/proc/\(process.pid)/exe") else { return false }
        return theirs == FileIdentity(String(decoding: process.exe, as: UTF8.self))
    }

    /// Executables of that name on the search path and in the places of daemons, links resolved.
    private static func searchPath(_ name: String) -> [[UInt8]] {
        guard !name.isEmpty, !name.contains("/") else { return [] }
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        var found: [[UInt8]] = []
        for folder in path.split(separator: ":").map(String.init) + usual where folder.hasPrefix("/") {
            let file = folder + "/" + name
            // C reads the path during the call alone; what realpath gives is ours.
            guard unsafe access(file, X_OK) == 0, let real = unsafe realpath(file, nil) else { continue }
            defer { unsafe free(real) }
            var info = stat()
            guard unsafe stat(real, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { continue }
            let bytes = unsafe Array(String(cString: real).utf8)
            if !found.contains(bytes) { found.append(bytes) }
        }
        return found
    }

    private static func isScript(_ path: [UInt8]) -> Bool {
        let head = SmallFile.read(String(decoding: path, as: UTF8.self), limit: 2) ?? []
        return head.starts(with: Array("#!".utf8))
    }
}
