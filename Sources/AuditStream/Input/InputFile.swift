import Glibc

/// One opened input: a plain file, standard input, or the output of the decompressor that a
/// compressed file needs.
public struct InputFile: ~Copyable {
    fileprivate let descriptor: Int32
    private var child: pid_t
    public let path: String

    /// Programs by the magic bytes that their files begin with. gzip is on every Debian; where
    /// another is missing the error says so.
    private static let decompressors: [(magic: [UInt8], program: String)] = [
        ([0x1F, 0x8B], "gzip"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ([0x42, 0x5A, 0x68], "bzip2"),
    ]

    /// - Parameter path: a file's path, or `-` for standard input.
    public init(path: String) throws(AuditError) {
        self.path = path
        if path == "-" {
            descriptor = STDIN_FILENO
            child = 0
            return
        }
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else {
            throw AuditError(
                .inputFailed, errno: errno,
                "The input \(path) cannot be read; check the path and its permissions.")
        }
        var head = [UInt8](repeating: 0, count: 8)
        let count = pread(fd, &head, head.count, 0)
        guard
            let program = Self.decompressors.first(where: {
                count >= $0.magic.count && head.starts(with: $0.magic)
            })
        else {
            if count < 0 && errno != ESPIPE {
                let code = errno
                close(fd)
                throw AuditError(
                    .inputFailed, errno: code, "The input \(path) cannot be read; name a file, a folder or -."
                )
            }
            descriptor = fd
            child = 0
            return
        }
        defer { close(fd) }
        (descriptor, child) = try Self.spawn(program.program, reading: fd, path)
    }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
        if child > 0 {
            kill(child, SIGTERM)
            _ = SystemText.retrying { waitpid(child, nil, 0) }
        }
    }

    /// - Returns: bytes read; 0 at the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(AuditError) -> Int {
        let count = SystemText.retrying { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
        guard count >= 0 else {
            throw AuditError(.inputFailed, errno: errno, "Reading the input \(path) failed.")
        }
        return count
    }

    /// After the end: whether a decompressor was content with the whole file.
    public mutating func finish() throws(AuditError) {
        guard child > 0 else { return }
        var status: Int32 = 0
        let ended = child
        child = 0
        _ = SystemText.retrying { waitpid(ended, &status, 0) }
        guard status == 0 else {
            throw AuditError(
                .inputFailed,
                "The compressed input \(path) is damaged or cut; what came before the damage was read.")
        }
    }

    private static func spawn(
        _ program: String, reading fd: Int32, _ path: String
    ) throws(AuditError) -> (Int32, pid_t) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw AuditError(.spawnFailed, errno: errno, "No pipe could be made to read \(path).")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var pid: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("-dc"), nil]
        defer { for argument in arguments { free(argument) } }
        let code = posix_spawnp(&pid, program, &actions, nil, arguments, environ)
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw AuditError(
                .spawnFailed, errno: code,
                "\(path) is compressed and needs the program \(program), which could not be started; install it."
            )
        }
        return (ends[0], pid)
    }
}

extension InputFile {
    /// Waits until there is something to read (or the end of it).
    /// - Returns: false when `stop` became readable instead: a signal asks us to end.
    public func waitReadable(or stop: Int32) throws(AuditError) -> Bool {
        var waiting = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        ]
        guard SystemText.retrying({ poll(&waiting, 2, -1) }) > 0 else {
            throw AuditError(.inputFailed, errno: errno, "Waiting for the input \(path) failed.")
        }
        return waiting[1].revents == 0
    }
}
