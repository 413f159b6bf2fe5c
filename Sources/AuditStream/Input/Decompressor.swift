import Glibc
import SockAuditCore

/// Compressed inputs by the magic bytes that they begin with.
enum Compression: CaseIterable {
    case gzip, xz, zstd, bzip2

    var magic: [UInt8] {
        switch self {
        case .gzip: GzipStream.magic
        case .xz: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]
        case .zstd: [0x28, 0xB5, 0x2F, 0xFD]
        case .bzip2: [0x42, 0x5A, 0x68]
        }
    }

    /// The program for what is not read in this process: a library for each would be one more thing
    /// to install for every build, for logs that few keep.
    var program: String {
        switch self {
        case .gzip: "gzip"
        case .xz: "xz"
        case .zstd: "zstd"
        case .bzip2: "bzip2"
        }
    }

    /// - Returns: nil when these are no compressed file's first bytes.
    static func of(_ head: some Collection<UInt8>) -> Compression? {
        allCases.first { head.count >= $0.magic.count && head.starts(with: $0.magic) }
    }

    /// More bytes could make it a compressed file's beginning.
    static func isUndecided(_ head: [UInt8]) -> Bool {
        allCases.contains { head.count < $0.magic.count && $0.magic.starts(with: head) }
    }

    /// Bytes that decide.
    static let longest = 6
}

/// A program that decompresses a file into a pipe.
final class Decompressor {
    /// To read from.
    let output: Int32
    /// The compressed file, whose offset it shares.
    private let file: Int32
    private var child: pid_t

    /// - Parameter file: opened at its beginning; closed with this.
    init(_ kind: Compression, file: Int32, path: String) throws(AuditError) {
        do throws(AuditError) {
            (output, child) = try Self.spawn(kind.program, reading: file, path)
        } catch {
            close(file)
            throw error
        }
        self.file = file
    }

    deinit {
        close(output)
        close(file)
        if child > 0 {
            kill(child, SIGTERM)
            _ = SystemText.retrying { waitpid(child, nil, 0) }
        }
    }

    /// Bytes of the compressed file that were read.
    var position: Int64 { Int64(lseek(file, 0, SEEK_CUR)) }

    /// After the end of its output.
    /// - Returns: whether it was content with the whole file.
    func finish() -> Bool {
        var status: Int32 = 0
        let ended = child
        child = 0
        // C fills the status.
        _ = SystemText.retrying { unsafe waitpid(ended, &status, 0) }
        return status == 0
    }

    private static func spawn(
        _ program: String, reading fd: Int32, _ path: String
    ) throws(AuditError) -> (Int32, pid_t) {
        var ends: [Int32] = [-1, -1]
        // Two descriptors are written, and there is room for two.
        guard unsafe pipe(&ends) == 0 else {
            throw AuditError(
                .spawnFailed, errno: errno, "No pipe could be made to read \(Escaping.visible(path)).")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // Made, used and destroyed here; C copies the paths that it is given.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var pid: pid_t = 0
        // The file is its standard input: no path is ever taken for an option.
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [strdup(program), strdup("-dc"), nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        let code = unsafe posix_spawnp(&pid, program, &actions, nil, arguments, environ)
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw AuditError(
                .spawnFailed, errno: code,
                "\(Escaping.visible(path)) is compressed and needs the program \(program), which could not be started; install it."
            )
        }
        return (ends[0], pid)
    }
}
