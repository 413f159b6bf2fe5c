import Glibc

/// A thread for one piece of work.
enum WorkThread {
    private final class Work: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Begins the work. The thread has the signal mask and the privileges of its maker.
    /// - Returns: what must be joined or detached.
    /// - Throws: `message` with the errno of pthread_create(3); the work was let go.
    static func start(
        orSay message: String, _ run: @escaping @Sendable () -> Void
    ) throws(AuditError) -> pthread_t {
        var thread = pthread_t()
        // Held by the thread for as long as it works.
        let held = unsafe Unmanaged.passRetained(Work(run))
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the one that was just passed.
                if let argument = unsafe argument {
                    unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
                // Held once for the thread, which takes it over.
            }, unsafe held.toOpaque())
        guard code == 0 else {
            unsafe held.release()
            throw AuditError(.socketFailed, errno: code, message)
        }
        return thread
    }
}
